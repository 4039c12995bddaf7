import { onScopeDispose, type Ref, ref, watch } from "vue";
import { recall, remember } from "./storage";

type Values = Record<string, unknown>;
type Kept = { at: string; values: Values };

// A pause in typing, so that not every key is written down.
const pauseMs = 300;

function read(key: string): Kept | null {
  try {
    const kept = JSON.parse(recall(key, "session")) as Kept;
    return typeof kept.values === "object" && kept.values !== null ? kept : null;
  } catch {
    return null;
  }
}

/**
 * Keeps what is typed in this tab until it is sent or thrown away, so that a
 * lost session, a reload or a wrong click costs nothing. `key` names the form
 * and the person; `secret` fields are never written down.
 */
export function useDraft(values: Ref<Values>, key: () => string, secret: () => string[] = () => []) {
  /** When what is in the form now was typed, if it came from a draft. */
  const restored = ref("");
  let untouched = JSON.stringify(values.value);
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Whose draft it is was clear when it was typed; when it is written the session may have ended.
  let place = "";

  function write(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!place) return;
    const hidden = secret();
    const open = Object.fromEntries(Object.entries(values.value).filter(([name]) => !hidden.includes(name)));
    const kept: Kept = { at: new Date().toISOString(), values: open };
    remember(place, JSON.stringify(values.value) === untouched ? "" : JSON.stringify(kept), "session");
  }
  /** The form starts anew: what stands in it now is nothing typed. A draft of it is put in. */
  function begin(): void {
    clearTimeout(timer);
    timer = undefined;
    untouched = JSON.stringify(values.value);
    restored.value = "";
    const kept = key() ? read(key()) : null;
    if (!kept) return;
    values.value = { ...values.value, ...kept.values };
    restored.value = kept.at;
  }
  function forget(): void {
    clearTimeout(timer);
    timer = undefined;
    restored.value = "";
    untouched = JSON.stringify(values.value);
    if (key()) remember(key(), "", "session");
  }
  watch(values, () => {
    clearTimeout(timer);
    place = key();
    timer = setTimeout(write, pauseMs);
  }, { deep: true });
  const leaving = () => timer !== undefined && write();
  window.addEventListener("pagehide", leaving);
  onScopeDispose(() => {
    leaving();
    window.removeEventListener("pagehide", leaving);
  });
  return { restored, begin, forget };
}
