/** Where this browser remembers: for good, or as long as the tab lives. */
type Keeper = "local" | "session";
const keeper = (which: Keeper): Storage => (which === "local" ? localStorage : sessionStorage);

/** What was remembered under a key, or nothing. */
export function recall(key: string, which: Keeper = "local"): string {
  try {
    return keeper(which).getItem(`kageos.${key}`) ?? "";
  } catch {
    return "";
  }
}

/** Remembers a text; an empty one is forgotten. Without storage it lasts as long as the page. */
export function remember(key: string, value: string, which: Keeper = "local"): void {
  try {
    if (value) keeper(which).setItem(`kageos.${key}`, value);
    else keeper(which).removeItem(`kageos.${key}`);
  } catch {
    // Storage can be full or forbidden.
  }
}
