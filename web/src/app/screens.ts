import { type Component, defineAsyncComponent } from "vue";
import type { Kind } from "@/api";

import TableScreen from "@/features/table/TableScreen.vue";

type Loader = () => Promise<{ default: Component }>;

const directory: Loader = () => import("@/features/tree/DirectoryScreen.vue");
const workspace: Loader = () => import("./WorkspaceScreen.vue");

/** Which screen shows which kind of node. The table comes with the page, because most visits lead to one. */
const loaders: Record<Exclude<Kind, "table">, Loader> = {
  namespace: directory,
  workspace,
  directory,
  form: () => import("@/features/form/FormScreen.vue"),
  fn: () => import("@/features/form/FormScreen.vue"),
  chart: () => import("@/features/chart/ChartScreen.vue"),
  docs: () => import("@/features/docs/DocsScreen.vue"),
};

const entries = Object.entries(loaders).map(([kind, load]) => [kind, defineAsyncComponent(load)] as const);
const lazy = Object.fromEntries(entries) as Record<Exclude<Kind, "table">, Component>;
export const screens: Record<Kind, Component> = { ...lazy, table: TableScreen };

/** Starts to fetch a screen while its node is still being asked for; the path's ending names the kind. */
export function warmScreen(path: string): void {
  const ending = path.slice(path.lastIndexOf(".") + 1);
  if (ending === "table") return;
  const above = path.replace(/\/$/, "").split("/").length === 3 ? workspace : directory;
  const load = loaders[ending as keyof typeof loaders] ?? above;
  load().catch(() => undefined);
}
