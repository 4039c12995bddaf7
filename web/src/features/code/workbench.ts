import { useQueryClient } from "@tanstack/vue-query";
import { computed, inject, type InjectionKey, provide, ref } from "vue";
import { useI18n } from "vue-i18n";
import { ApiError, useEvent, useSession } from "@/api";
import { useNotify, useUndo } from "@/ui";
import { readSource, writeSource } from "./calls";
import { draftsOf } from "./draftStore";
import { afterWrite, type Base, conflicting, edited, refusedPaths, removed, renamed, settled, toWrite, without } from "./drafts";
import { atOptions, codeKeys, textOptions, useSourceList } from "./queries";
import { applyFix, filesOf } from "./fixes";
import type { Fix, FileWrite, SourceFile, Written } from "./types";

export type Workbench = ReturnType<typeof makeWorkbench>;
const key: InjectionKey<Workbench> = Symbol("code");

const keep = (base: Base | null): Base | null => base && { hash: base.hash, text: base.text };

/** The source of a workspace and what is being changed in it. */
function makeWorkbench(path: string) {
  const { t } = useI18n();
  const client = useQueryClient();
  const notify = useNotify();
  const undo = useUndo();
  const session = useSession();
  const list = useSourceList(path);
  const drafts = draftsOf(session.user?.id ?? "", path);
  const files = computed<SourceFile[]>(() => list.data.value?.files ?? []);
  const changed = computed(() => Object.keys(drafts.value).sort());
  const conflicts = computed(() => (list.data.value ? conflicting(drafts.value, files.value) : []));
  const resolving = ref(false);
  /** Counts how often somebody asked for a place; the same one can be asked for again. */
  const asked = ref(0);
  const saving = ref(false);
  /** What is said of the next save. */
  const message = ref("");
  const hashOf = (file: string) => files.value.find((one) => one.path === file)?.hash ?? "";
  const isThere = (file: string) => (drafts.value[file] ? drafts.value[file].text !== null : hashOf(file) !== "");
  /** What moves is asked for again; texts and commits stay what they are. */
  const stale = () => Promise.all(["list", "commits", "search", "secrets"].map((what) => client.invalidateQueries({ queryKey: [...codeKeys.all(path), what] })));

  async function baseOf(file: string): Promise<Base | null> {
    const hash = hashOf(file);
    return hash ? client.fetchQuery(textOptions(path, file, hash)) : null;
  }
  /** What stands on the server now, whatever was read before. */
  async function theirs(file: string): Promise<Base | null> {
    try {
      const { hash, text } = await readSource(path, file);
      return { hash, text };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }
  function edit(file: string, text: string, base: Base | null): void {
    drafts.value = edited(drafts.value, file, text, keep(base));
  }
  function remove(file: string): void {
    const hash = hashOf(file);
    drafts.value = removed(drafts.value, file, hash ? { hash, text: null } : null);
  }
  async function rename(from: string, to: string): Promise<void> {
    const base = keep(await baseOf(from));
    drafts.value = renamed(drafts.value, from, to, drafts.value[from]?.text ?? base?.text ?? "", base);
  }
  function discard(file?: string): void {
    drafts.value = file === undefined ? {} : without(drafts.value, file);
  }
  function settle(file: string, base: Base | null, mine: string | null): void {
    drafts.value = settled(drafts.value, file, base, mine);
  }

  /** Puts the repair of a diagnostic into the drafts, or says why it does not fit any more. */
  async function repair(fix: Fix, commit: string): Promise<boolean> {
    try {
      if (await repaired(fix, commit)) return true;
      notify.failed(new ApiError({ code: "moved", title: t("code.diagnostic.moved") }));
    } catch (error) {
      notify.failed(error);
    }
    return false;
  }
  async function repaired(fix: Fix, commit: string): Promise<boolean> {
    const now: [string, string, Base | null][] = [];
    for (const file of filesOf(fix.edits)) {
      const base = keep(await baseOf(file));
      const text = drafts.value[file]?.text ?? base?.text;
      const then = (await client.fetchQuery(atOptions(path, file, commit))).text;
      const mended = text === undefined || text === null ? null : applyFix(then, text, fix.edits.filter((one) => one.path === file));
      if (mended === null) return false;
      now.push([file, mended, base]);
    }
    for (const [file, text, base] of now) edit(file, text, base);
    return true;
  }

  /** Saves all drafts in one call; says whether that was done. */
  async function save(): Promise<boolean> {
    if (saving.value || !changed.value.length) return !changed.value.length;
    if (conflicts.value.length) {
      resolving.value = true;
      return false;
    }
    const sent = toWrite(drafts.value);
    saving.value = true;
    try {
      const reply = await writeSource(path, sent, message.value.trim());
      message.value = "";
      drafts.value = afterWrite(drafts.value, sent, reply.output);
      noteWritten(reply.output, sent);
      undo.offer(t("code.saved", sent.length), path, reply);
      void stale();
      return true;
    } catch (error) {
      await refused(error, sent);
      return false;
    } finally {
      saving.value = false;
    }
  }
  /** The list as it is now, before it is asked for again: so no draft looks older than it is. */
  function noteWritten({ commit, files: written }: Written, sent: FileWrite[]): void {
    const texts = new Map(sent.map(({ path: file, text }) => [file, text]));
    for (const { path: file, hash } of written) {
      const text = texts.get(file);
      if (hash && typeof text === "string") client.setQueryData([...codeKeys.text(path, file, hash)], { commit, path: file, hash, size: text.length, text });
    }
    const hashes = new Map(written.map(({ path: file, hash }) => [file, hash]));
    const left = files.value.filter((one) => !hashes.has(one.path));
    const now = written.flatMap(({ path: file, hash }) => (hash ? [{ path: file, hash, size: 0 }] : []));
    client.setQueryData([...codeKeys.list(path)], { commit, files: [...left, ...now].sort((one, other) => (one.path < other.path ? -1 : 1)) });
  }
  async function refused(error: unknown, sent: FileWrite[]): Promise<void> {
    const named = refusedPaths(error, sent);
    if (named.length) await list.refetch();
    if (conflicts.value.length) resolving.value = true;
    else notify.failed(error);
  }

  useEvent("change", (event) => event.path === path && void stale());
  useEvent("tree", (event) => {
    if (event.path === path) for (const what of ["releases", "release", "secrets"]) void client.invalidateQueries({ queryKey: [...codeKeys.all(path), what] });
  });
  return { path, list, files, drafts, changed, conflicts, resolving, saving, message, asked, hashOf, isThere, theirs, edit, remove, rename, discard, settle, repair, save, stale };
}

export function provideWorkbench(path: string): Workbench {
  const made = makeWorkbench(path);
  provide(key, made);
  return made;
}

export function useWorkbench(): Workbench {
  const found = inject(key);
  if (!found) throw new Error("no workbench above");
  return found;
}
