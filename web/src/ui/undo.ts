import { shallowReactive } from "vue";
import { useI18n } from "vue-i18n";
import { api, ApiError, type Outcome, useSession } from "@/api";
import { conflictsOf } from "./conflicts";
import { useNotify, useProblemText } from "./notify";
import { closeToast, showToast, type Toast } from "./toasts";

/** Something that was done in this tab: the call that did it, where, and the words that said so. */
export type Deed = { call: string; path: string; words: string };
type Remembered = Deed & { user: string };

const id = "undo";
const max = 50;
const maxLinks = 5;
const ms = 10_000;
/** What can be taken back, the last one last. */
let deeds: Remembered[] = [];
/** Calls that took another one back, by their ids: taking such a call back does the other one again. */
const takenBack = shallowReactive(new Map<string, string>());
/** One at a time, in the order of the keys. */
let queue = Promise.resolve();

const comesBack = (error: unknown) => error instanceof ApiError && (error.status === 0 || error.status >= 500 || error.code === "in_progress" || error.code === "too_many_requests");

function forget(call: string): void {
  deeds = deeds.filter((one) => one.call !== call);
}
function say(title: string, action: Toast["action"] | false): void {
  showToast({ id, kind: "done", title, ...(action && { action }), ms });
}

/** Whether what a call did was taken back in this tab, and not done again since. */
export function isUndone(call: string): boolean {
  return [...takenBack].some(([by, of]) => of === call && !isUndone(by));
}

/** What is offered to one person is not offered to who signs in next. */
export function withdrawUndo(): void {
  closeToast(id);
}

/** Takes back what this tab did, and does it again. */
export function useUndo() {
  const { t } = useI18n();
  const text = useProblemText();
  const notify = useNotify();
  const session = useSession();
  const user = () => session.user?.id ?? "";

  function keep(deed: Deed): void {
    deeds = [...deeds, { ...deed, user: user() }].slice(-max);
  }
  async function failed(error: unknown, deed: Deed): Promise<void> {
    if (error instanceof ApiError && error.status === 401) return;
    const links = await conflictsOf(error, deed.path, maxLinks);
    // Rows are looked at before anything else is done: that takes its time.
    const rest = links.length ? { links } : { ms };
    const trace = error instanceof ApiError && error.trace && !links.length ? { text: t("ui.trace", { trace: error.trace }) } : {};
    showToast({ id, kind: "failed", title: text(error), ...trace, ...rest });
  }

  /** Says what was done, and offers to take it back where that can be done. */
  function offer(words: string, path: string, { call, undoable }: Outcome): void {
    if (undoable) offered({ call, path, words }, words);
    else notify.done(words);
  }
  function offered(deed: Deed, title: string): void {
    keep(deed);
    say(title, { label: t("ui.undo.act"), run: () => undo(deed) });
  }
  function undo(deed: Deed): Promise<void> {
    forget(deed.call);
    return (queue = queue.then(async () => {
      try {
        undone(deed, await api.calls.undo(deed.call));
      } catch (error) {
        if (comesBack(error)) keep(deed);
        await failed(error, deed);
      }
    }));
  }
  /** Says that a deed was taken back by a call, and offers to do it again. */
  function undone(deed: Deed, { call, undoable }: Outcome): void {
    forget(deed.call);
    takenBack.set(call, deed.call);
    say(t("ui.undo.undone", { what: deed.words }), undoable && { label: t("ui.undo.again"), run: () => redo({ ...deed, call }) });
  }
  async function redo(deed: Deed): Promise<void> {
    try {
      const { call, undoable } = await api.calls.undo(deed.call);
      takenBack.set(call, deed.call);
      const title = t("ui.undo.redone", { what: deed.words });
      if (undoable) offered({ ...deed, call }, title);
      else say(title, false);
    } catch (error) {
      await failed(error, deed);
    }
  }
  /** Takes back the last thing that this person did in this tab. */
  function last(): void {
    const deed = deeds.findLast((one) => one.user === user());
    if (deed) void undo(deed);
  }
  return { offer, undone, last };
}
