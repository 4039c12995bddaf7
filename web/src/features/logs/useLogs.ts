import { computed, onScopeDispose, ref, shallowRef } from "vue";
import type { Read } from "./calls";
import type { LogLine, LogPage, Wanted } from "./types";

/** More lines than this are not kept in sight. */
export const maxLines = 2_000;
/** Answers that are asked for at a time, where the log is searched for what is rare. */
const maxReads = 16;
/** Lines that a first look wants. */
const wantedLines = 100;

/** The lines of a log, the oldest first: the last ones, older ones on demand, and what comes while it is followed. */
export function useLogs(read: Read, wanted: () => Wanted) {
  const lines = shallowRef<LogLine[]>([]);
  const error = shallowRef<unknown>(null);
  /** What is being asked for. */
  const busy = ref<"" | "first" | "older">("");
  const following = ref(true);
  /** Something came that is not shown, because nobody follows. */
  const waiting = ref(false);
  /** Where older lines go on; none when there are none. */
  const older = ref<string | null>(null);
  /** The place after the last line that is known. */
  let end: string | null = null;
  let asked = new AbortController();
  let catching: Promise<void> | undefined;
  let again = false;
  onScopeDispose(() => asked.abort());

  /** Pages of older lines until some are found or the log ends. */
  async function back(from: string | null, want: number, signal: AbortSignal): Promise<{ found: LogLine[]; first: LogPage | null }> {
    const found: LogLine[] = [];
    let first: LogPage | null = null;
    let next = from;
    for (let reads = 0; reads < maxReads && found.length < want; reads += 1) {
      const page = await read(wanted(), "newest", next, signal);
      first ??= page;
      found.push(...page.lines);
      older.value = next = page.next;
      if (next === null) break;
    }
    return { found: found.reverse(), first };
  }

  async function during(what: "first" | "older", act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = asked;
    busy.value = what;
    try {
      await act(signal);
      if (!signal.aborted) error.value = null;
    } catch (problem) {
      if (!signal.aborted) error.value = problem;
    } finally {
      if (!signal.aborted) busy.value = "";
    }
  }

  /** The last lines, anew. */
  function load(): Promise<void> {
    asked.abort();
    asked = new AbortController();
    end = null;
    [lines.value, older.value, waiting.value] = [[], null, false];
    return during("first", async (signal) => {
      const { found, first } = await back(null, wantedLines, signal);
      if (signal.aborted) return;
      lines.value = found;
      end = first?.end ?? null;
    }).then(() => (again ? goOn() : undefined));
  }

  const full = computed(() => lines.value.length >= maxLines);
  /** Lines before those that are shown. Who reads them does not follow. */
  function loadOlder(): Promise<void> {
    if (older.value === null || busy.value || full.value) return Promise.resolve();
    return during("older", async (signal) => {
      const { found } = await back(older.value, 1, signal);
      if (!signal.aborted) lines.value = [...found, ...lines.value];
    });
  }

  async function forward(): Promise<void> {
    const { signal } = asked;
    for (let reads = 0; reads < maxReads && end !== null; reads += 1) {
      const page = await read(wanted(), "oldest", end, signal);
      if (signal.aborted) return;
      end = page.next ?? end;
      const all = [...lines.value, ...page.lines];
      const kept = all.slice(-maxLines);
      // What falls off at the top is older now, and is found again from there.
      if (kept.length < all.length) older.value = kept[0]?.id ?? null;
      lines.value = kept;
      if (!page.more) break;
    }
    error.value = null;
  }

  /** What came since; once at a time, and once more when something came meanwhile. */
  async function catchUp(): Promise<void> {
    if (!following.value) {
      waiting.value = true;
      return;
    }
    if (end === null) {
      // The first look is not back yet; what came after it is asked for then.
      again = true;
      return;
    }
    if (catching) {
      again = true;
      return catching;
    }
    const { signal } = asked;
    catching = forward().catch((problem: unknown) => {
      if (!signal.aborted) error.value = problem;
    });
    await catching;
    catching = undefined;
    waiting.value = false;
    if (again) await goOn();
  }
  function goOn(): Promise<void> {
    again = false;
    return end === null ? Promise.resolve() : catchUp();
  }

  function follow(on: boolean): void {
    if (following.value === on) return;
    following.value = on;
    if (on) void catchUp();
  }

  return { lines, error, busy, following, waiting, older, full, load, loadOlder, catchUp, follow };
}
