import { type Component, defineAsyncComponent } from "vue";
import type { Kind } from "@/api";

type Loader = () => Promise<{ default: Component }>;

const directory: Loader = () => import("@/features/tree/DirectoryScreen.vue");

/** Which screen shows which kind of node. */
const loaders: Record<Kind, Loader> = {
  namespace: directory,
  workspace: directory,
  directory,
  table: () => import("@/features/table/TableScreen.vue"),
  form: () => import("@/features/form/FormScreen.vue"),
  fn: () => import("@/features/form/FormScreen.vue"),
  chart: () => import("@/features/chart/ChartScreen.vue"),
  docs: () => import("@/features/docs/DocsScreen.vue"),
};

const entries = Object.entries(loaders).map(([kind, load]) => [kind, defineAsyncComponent(load)] as const);
export const screens = Object.fromEntries(entries) as Record<Kind, Component>;

/** Starts to fetch a screen while its node is still being asked for; the path's ending names the kind. */
export function warmScreen(path: string): void {
  const ending = path.slice(path.lastIndexOf(".") + 1) as Kind;
  const load = loaders[ending] ?? directory;
  load().catch(() => undefined);
}
