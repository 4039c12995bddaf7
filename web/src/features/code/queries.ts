import { useInfiniteQuery, useQuery } from "@tanstack/vue-query";
import { computed, type MaybeRefOrGetter, toValue } from "vue";
import { ApiError } from "@/api";
import { diffSource, listCommits, listReleases, listSecrets, listSource, readRelease, readSource, searchSource } from "./calls";
import type { ReleaseState, SearchAsk } from "./types";

/** Keys of what is cached of a workspace's code. */
export const codeKeys = {
  all: (path: string) => ["code", path] as const,
  list: (path: string) => ["code", path, "list"] as const,
  text: (path: string, file: string, hash: string) => ["code", path, "text", file, hash] as const,
  at: (path: string, file: string, commit: string) => ["code", path, "at", file, commit] as const,
  commits: (path: string, of: string) => ["code", path, "commits", of] as const,
  releases: (path: string) => ["code", path, "releases"] as const,
  release: (path: string, release: number) => ["code", path, "release", release] as const,
  secrets: (path: string) => ["code", path, "secrets"] as const,
};

/** What is moving is asked for again so often. */
const movingMs = 2_000;
const moving = (state: ReleaseState) => state === "building" || state === "starting" || state === "draining";

export const useSourceList = (path: string) => useQuery({ queryKey: codeKeys.list(path), queryFn: () => listSource(path), staleTime: 0 });

/** A text is kept by its hash, so it is never old. */
export const textOptions = (path: string, file: string, hash: string) => ({ queryKey: [...codeKeys.text(path, file, hash)], queryFn: () => readSource(path, file), staleTime: Infinity });

/** A file as it was at a commit. */
export const atOptions = (path: string, file: string, commit: string) => ({ queryKey: [...codeKeys.at(path, file, commit)], queryFn: () => readSource(path, file, commit), staleTime: Infinity });

/** The text of a file; the old one stays in sight until the new one is there. */
export const useFileText = (path: string, file: MaybeRefOrGetter<string>, hash: MaybeRefOrGetter<string>) =>
  useQuery({
    queryKey: computed(() => codeKeys.text(path, toValue(file), toValue(hash))),
    queryFn: () => readSource(path, toValue(file)),
    enabled: computed(() => toValue(hash) !== ""),
    staleTime: Infinity,
    placeholderData: (before, query) => (query?.queryKey[3] === toValue(file) ? before : undefined),
  });

/** Says that a file cannot be shown as text. */
export const isBinary = (error: unknown) => error instanceof ApiError && error.fields.some(({ code }) => code === "binary");

export const useMatches = (path: string, ask: MaybeRefOrGetter<SearchAsk>) =>
  useQuery({
    queryKey: computed(() => [...codeKeys.all(path), "search", toValue(ask)]),
    queryFn: ({ signal }) => searchSource(path, toValue(ask), signal),
    enabled: computed(() => toValue(ask).query !== ""),
    staleTime: 0,
    placeholderData: (before) => before,
  });

export const useCommits = (path: string, of: MaybeRefOrGetter<string>) =>
  useInfiniteQuery({
    queryKey: computed(() => codeKeys.commits(path, toValue(of))),
    queryFn: ({ pageParam }) => listCommits(path, toValue(of), pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 0,
  });

/** What a commit changed; it stays as it is. */
export const useDiff = (path: string, to: MaybeRefOrGetter<string>, from: MaybeRefOrGetter<string> = "") =>
  useQuery({
    queryKey: computed(() => [...codeKeys.all(path), "diff", toValue(from), toValue(to)]),
    queryFn: () => diffSource(path, toValue(to), toValue(from)),
    enabled: computed(() => toValue(to) !== ""),
    staleTime: Infinity,
  });

export const useReleases = (path: string) =>
  useInfiniteQuery({
    queryKey: codeKeys.releases(path),
    queryFn: ({ pageParam }) => listReleases(path, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 0,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.releases.some((release) => moving(release.state))) ? movingMs : false),
  });

export const useRelease = (path: string, release: MaybeRefOrGetter<number>) =>
  useQuery({
    queryKey: computed(() => codeKeys.release(path, toValue(release))),
    queryFn: () => readRelease(path, toValue(release)),
    enabled: computed(() => toValue(release) > 0),
    staleTime: 0,
    refetchInterval: ({ state }) => (state.data && moving(state.data.state) ? movingMs : false),
  });

/** The secrets of a release, without a number of the live one. */
export const useSecrets = (path: string, release?: number) =>
  useQuery({ queryKey: [...codeKeys.secrets(path), release ?? "live"], queryFn: () => listSecrets(path, release), staleTime: 0 });

/** A release that somebody has to consent to, and the one that is live before it; read anew each time it is looked at. */
export const useConsent = (path: string, release: number) =>
  useQuery({
    queryKey: [...codeKeys.all(path), "release", "consent", release],
    queryFn: async () => {
      const [wanted, { live }] = await Promise.all([readRelease(path, release), listReleases(path)]);
      return { wanted, before: live === null || live === release ? null : await readRelease(path, live) };
    },
    staleTime: 0,
    gcTime: 0,
  });
