import { useQueryClient } from "@tanstack/vue-query";
import { onScopeDispose } from "vue";
import { keys, useEvent, whenRegained } from "@/api";
import { parentOf } from "@/ui";

/** Keeps what is cached true to what the server says has changed. */
export function useLiveCache(): void {
  const client = useQueryClient();
  const stale = (queryKey: readonly unknown[]) => void client.invalidateQueries({ queryKey: [...queryKey] });
  useEvent("tree", ({ path }) => {
    stale(keys.tree(path));
    stale(keys.tree(parentOf(path)));
    stale(keys.node(path));
    stale(keys.node(parentOf(path)));
  });
  useEvent("access", () => {
    stale(["access"]);
    stale(["node"]);
    stale(["tree"]);
  });
  useEvent("change", ({ path }) => {
    stale(["activity", path]);
    stale(["chart"]);
    stale(["row", path]);
    stale(["history", path]);
  });
  // A call that runs long is listed once it is heard of; how far it has come is told where it stands.
  let heard = "";
  useEvent("progress", ({ path, call }) => {
    if (call !== heard) stale(["activity", path]);
    heard = call;
  });
  useEvent("reset", () => void client.invalidateQueries());
  // What could not be asked while the server was away is asked now.
  onScopeDispose(whenRegained(() => void client.invalidateQueries({ predicate: (query) => query.state.status === "error" })));
}
