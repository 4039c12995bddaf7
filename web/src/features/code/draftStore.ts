import { effectScope, type Ref, shallowRef, watch } from "vue";
import { recall, remember } from "@/ui";
import type { Drafts } from "./drafts";

// A pause in typing, so that not every key is written down.
const pauseMs = 300;
const stores = new Map<string, Ref<Drafts>>();
const writers = new Set<() => void>();
const any = () => [...stores.values()].some((store) => Object.keys(store.value).length > 0);

function kept(place: string): Drafts {
  try {
    const drafts = JSON.parse(recall(place, "session")) as Drafts;
    const whole = Object.values(drafts).every((draft) => draft.text === null || typeof draft.text === "string");
    return whole ? drafts : {};
  } catch {
    return {};
  }
}

/** A tab that is closed takes its drafts along. */
function leaving(event: BeforeUnloadEvent): void {
  for (const write of writers) write();
  if (any()) event.preventDefault();
}

/**
 * The drafts of a workspace in this tab. They stay while other pages are shown, and over a reload; what was not
 * saved is asked for before the tab is closed.
 */
export function draftsOf(user: string, path: string): Ref<Drafts> {
  const place = `code.${user}.${path}`;
  const known = stores.get(place);
  if (known) return known;
  if (!stores.size) window.addEventListener("beforeunload", leaving);
  const store = shallowRef<Drafts>(kept(place));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    remember(place, Object.keys(store.value).length ? JSON.stringify(store.value) : "", "session");
  };
  writers.add(write);
  // It outlives the screen that asked first.
  effectScope(true).run(() =>
    watch(store, () => {
      clearTimeout(timer);
      timer = setTimeout(write, pauseMs);
    }),
  );
  stores.set(place, store);
  return store;
}
