import { onBeforeUnmount } from "vue";

type Acts = { undo: () => void; palette: () => void; keys: () => void; panel: () => void };

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Keys that work everywhere. Single letters stay quiet while somebody types. */
export function useKeys(acts: Acts): void {
  function onKey(event: KeyboardEvent): void {
    // An editor keeps its elements to itself; its host is no text field.
    const [target = null] = event.composedPath();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      acts.palette();
    } else if (!typing(target) && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z") {
      event.preventDefault();
      acts.undo();
    } else if (!typing(target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (event.key === "?") acts.keys();
      else if (event.key === "i") acts.panel();
    }
  }
  window.addEventListener("keydown", onKey);
  onBeforeUnmount(() => window.removeEventListener("keydown", onKey));
}
