import { api } from "@/api";
import type { Commits, Diff, FileWrite, Matches, ReleaseDetail, Releases, Release, SearchAsk, Secrets, SourceFile, SourceList, SourceText, Written } from "./types";

const pageSize = 500;
/** A source with more files than this is no longer one that people edit here. */
const maxFiles = 10_000;

const ask = async <T>(path: string, action: string, input: unknown, signal?: AbortSignal): Promise<T> =>
  (await api.call<T>(path, action, input, signal ? { signal } : {})).output;
const given = <T extends Record<string, unknown>>(input: T) => Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined && value !== ""));

/** Every file of the source; without a commit there is none yet. */
export async function listSource(path: string): Promise<{ commit: string | null; files: SourceFile[] }> {
  const files: SourceFile[] = [];
  let commit: string | null = null;
  let next: string | null = null;
  do {
    const page: SourceList = await ask(path, "list_source", { limit: pageSize, ...(next ? { next } : {}) });
    files.push(...page.files);
    ({ commit, next } = page);
  } while (next && files.length < maxFiles);
  return { commit, files };
}

export const readSource = (path: string, file: string, at?: string) => ask<SourceText>(path, "read_source", given({ path: file, at }));
export const writeSource = (path: string, files: FileWrite[], message?: string) => api.call<Written>(path, "write_source", given({ files, message }));
export const searchSource = (path: string, input: SearchAsk, signal?: AbortSignal) => ask<Matches>(path, "search_source", { ...input, limit: 200 }, signal);
export const listCommits = (path: string, of: string, next?: string) => ask<Commits>(path, "list_commits", given({ path: of, limit: 50, next }));
export const diffSource = (path: string, to: string, from?: string) => ask<Diff>(path, "diff_source", given({ to, from }));
export const revertCommit = (path: string, commit: string, message: string) => api.call<Written>(path, "revert_commit", given({ commit, message }));

export const listReleases = (path: string, next?: string) => ask<Releases>(path, "list_releases", given({ limit: 20, next }));
export const readRelease = (path: string, release: number) => ask<ReleaseDetail>(path, "read_release", { release });
/** `consent` is the digest of what the release reaches outside, where somebody has to consent to that. */
export const publish = (path: string, release: number, consent?: string) => ask<Release>(path, "publish", given({ release, consent }));
export const restart = (path: string) => ask<object>(path, "restart", {});

/** The secrets of a release, or of the live one, and those that are set. */
export const listSecrets = (path: string, release?: number) => ask<Secrets>(path, "list_secrets", given({ release }));
export const setSecret = (path: string, name: string, origin: string, value: string) => ask<object>(path, "set_secret", { name, origin, value });
export const removeSecret = (path: string, name: string) => ask<object>(path, "remove_secret", { name });
