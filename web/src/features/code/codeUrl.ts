import { computed } from "vue";
import { type RouteLocationRaw, useRoute } from "vue-router";
import { useUrl } from "@/ui";

export const views = ["files", "history", "releases", "secrets"] as const;
export type View = (typeof views)[number];

/** What is shown stands in the URL: the view, the file and line, the commit, the release. */
export function useCodeUrl() {
  const route = useRoute();
  const { read, write } = useUrl();
  const number = (name: string) => Math.max(0, Math.trunc(Number(read(name))) || 0);
  /** A link that changes some words of the URL and keeps the others. */
  function link(change: Record<string, string | number>): RouteLocationRaw {
    const query = { ...route.query };
    for (const [name, value] of Object.entries(change)) {
      if (value === "" || value === 0) delete query[name];
      else query[name] = String(value);
    }
    return { query };
  }
  return {
    view: computed<View>(() => views.find((view) => view === read("view")) ?? "files"),
    file: computed(() => read("file")),
    line: computed(() => number("line")),
    commit: computed(() => read("commit")),
    of: computed(() => read("of")),
    release: computed(() => number("release")),
    words: computed(() => read("q")),
    link,
    go: (change: Record<string, string>) => write(change, true),
    replace: (change: Record<string, string>) => write(change),
  };
}
