import { keepPreviousData, useQuery } from "@tanstack/vue-query";
import { computed, type MaybeRefOrGetter, toValue } from "vue";
import { people, tree } from "./client";
import { useSession } from "./session";

/** Keys of what is cached; events invalidate by their first words. */
export const keys = {
  node: (path: string) => ["node", path] as const,
  overview: (path: string) => ["overview", path] as const,
  tree: (path: string) => ["tree", path] as const,
  access: (path: string) => ["access", path] as const,
  call: (id: string) => ["call", id] as const,
  activity: (path: string, row?: string) => ["activity", path, row ?? ""] as const,
};

export function useNode(path: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.node(toValue(path))),
    queryFn: () => tree.node(toValue(path)),
    enabled: computed(() => toValue(path) !== "/" && toValue(path) !== ""),
  });
}

/** Reads are figures too and tell no event, so the figures are asked for again now and then. */
const figuresMs = 30_000;

export function useOverview(path: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => keys.overview(toValue(path))),
    queryFn: () => tree.overview(toValue(path)),
    refetchInterval: figuresMs,
  });
}

export function useChildren(path: MaybeRefOrGetter<string>, enabled: MaybeRefOrGetter<boolean> = true) {
  return useQuery({
    queryKey: computed(() => keys.tree(toValue(path))),
    queryFn: () => tree.children(toValue(path)),
    enabled: computed(() => toValue(enabled)),
  });
}

export function useSearch(words: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: computed(() => ["search", toValue(words)]),
    queryFn: ({ signal }) => tree.search(toValue(words), signal),
    enabled: computed(() => toValue(words).trim() !== ""),
    placeholderData: keepPreviousData,
  });
}

/** Whom one can name at a path, by a part of the login or name. */
export function usePeople(path: MaybeRefOrGetter<string>, words: MaybeRefOrGetter<string>, enabled: MaybeRefOrGetter<boolean>) {
  return useQuery({
    queryKey: computed(() => ["access", "people", toValue(path), toValue(words)]),
    queryFn: ({ signal }) => people.find(toValue(path), toValue(words), signal),
    enabled: computed(() => toValue(enabled)),
    placeholderData: keepPreviousData,
  });
}

/** Everybody, for administrators; others may not list people and the server is not asked. */
export function useUsers() {
  const session = useSession();
  return useQuery({ queryKey: ["users"], queryFn: people.users, enabled: computed(() => !!session.user?.admin) });
}

export function useGroups() {
  const session = useSession();
  return useQuery({ queryKey: ["groups"], queryFn: people.groups, enabled: computed(() => !!session.user?.admin) });
}
