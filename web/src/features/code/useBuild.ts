import { useQueryClient } from "@tanstack/vue-query";
import { computed, ref, shallowRef, watch } from "vue";
import { ApiError, type CallReply, useEvent, useSession } from "@/api";
import { recall, remember } from "@/ui";
import { useRun } from "@/ui/useRun";
import { listReleases, publish } from "./calls";
import { codeKeys } from "./queries";
import type { Release } from "./types";

/** Where a build has come to, and the publishing after it. */
export type Phase = "" | "building" | "built" | "failed" | "cancelled" | "publishing" | "consent" | "live" | "refused";
export type Build = ReturnType<typeof useBuild>;

// The whole log is read from the release when it is there.
const maxLines = 500;

/** Says that a release waits for somebody to consent to what it reaches, or that what it reaches is not what was seen. */
const waits = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.code === "consent_required" || (error.code === "conflict" && error.fields.some(({ pointer }) => pointer === "/consent")));

/** Builds, and publishes what was built where that is wanted. A build runs on when its page is left, and is found again. */
export function useBuild(path: string, ended: (release: Release) => void) {
  const client = useQueryClient();
  const session = useSession();
  const place = `build.${session.user?.id ?? ""}.${path}`;
  const phase = ref<Phase>("");
  const publishing = ref(recall(`${place}.publish`, "session") !== "");
  /** Whether publishing is a step of what is shown. */
  const wholly = ref(publishing.value);
  const release = shallowRef<Release | null>(null);
  const problem = shallowRef<unknown>(null);
  /** The release whose reach somebody is asked to consent to, and whether it is another one than was seen. */
  const asking = shallowRef<{ release: number; changed: boolean } | null>(null);
  const lines = ref<string[]>([]);
  const stale = () => {
    void client.invalidateQueries({ queryKey: [...codeKeys.releases(path)] });
    void client.invalidateQueries({ queryKey: ["code", path, "release"] });
  };

  async function done(reply: CallReply | null): Promise<void> {
    const made = (reply?.output as Release | undefined) ?? (await listReleases(path)).releases[0] ?? null;
    release.value = made;
    stale();
    if (!made) return;
    phase.value = made.state === "failed" ? "failed" : "built";
    if (phase.value === "built" && publishing.value) await bring(made.release);
    want(false);
    ended(made);
  }
  const run = useRun(path, place, {
    done: (reply) => void done(reply).catch(refuse),
    failed: refuse,
    cancelled: () => {
      phase.value = "cancelled";
      want(false);
      stale();
    },
  });
  function refuse(error: unknown): void {
    problem.value = error;
    phase.value = "refused";
    want(false);
    stale();
  }
  function want(it: boolean): void {
    publishing.value = it;
    remember(`${place}.publish`, it ? "1" : "", "session");
  }
  /** Makes a release the live one; says whether that was done. */
  async function bring(number: number, consent?: string): Promise<boolean> {
    phase.value = "publishing";
    [problem.value, asking.value] = [null, null];
    try {
      release.value = await publish(path, number, consent);
      phase.value = "live";
      return true;
    } catch (error) {
      if (waits(error)) {
        phase.value = "consent";
        ask(number, error.code === "conflict");
      } else refuse(error);
      return false;
    } finally {
      stale();
    }
  }
  function ask(number: number, changed = false): void {
    asking.value = { release: number, changed };
  }
  function dismiss(): void {
    asking.value = null;
  }
  async function build(andPublish: boolean): Promise<void> {
    if (busy.value) return;
    dismiss();
    [lines.value, release.value, problem.value] = [[], null, null];
    want(andPublish);
    wholly.value = andPublish;
    phase.value = "building";
    try {
      await run.start("build", {}, crypto.randomUUID());
      stale();
    } catch (error) {
      refuse(error);
    }
  }
  const busy = computed(() => phase.value === "building" || phase.value === "publishing");

  const note = (line: string) => {
    if (line && lines.value.at(-1) !== line) lines.value = [...lines.value, line].slice(-maxLines);
  };
  useEvent("progress", ({ call, message }) => call === run.running.value?.call && note(message));
  watch(run.running, (state) => {
    if (!state) return;
    phase.value = "building";
    note(state.progress?.message ?? "");
  }, { immediate: true });

  function close(): void {
    if (!busy.value) phase.value = "";
  }
  async function publishRelease(one: Release): Promise<boolean> {
    [lines.value, release.value] = [[], one];
    wholly.value = false;
    return bring(one.release);
  }
  return { phase, busy, wholly, release, problem, asking, lines, running: run.running, ending: run.ending, cancel: run.cancel, build, publishRelease, bring, ask, dismiss, close };
}
