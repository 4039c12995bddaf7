import { noteLost, whenRegained } from "@/api";
import { recall, remember } from "@/ui";

// A page that was loaded again for the same reason so shortly before would only be loaded for ever.
const apartMs = 30_000;

/**
 * A part of the application could not be fetched: the server is away, or has a newer version. The page is loaded
 * again as soon as it answers; what is typed in forms is kept as a draft.
 */
export function reloadWhenParted(): void {
  let waiting = false;
  window.addEventListener("vite:preloadError", () => {
    if (waiting) return;
    waiting = true;
    whenRegained(() => {
      if (Date.now() - Number(recall("reloaded", "session")) < apartMs) return;
      remember("reloaded", String(Date.now()), "session");
      location.reload();
    });
    noteLost();
  });
}
