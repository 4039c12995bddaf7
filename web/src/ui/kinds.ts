import type { Kind } from "@/api";

export const kindIcon: Record<Kind, string> = {
  namespace: "i-lucide-box",
  workspace: "i-lucide-layers",
  directory: "i-lucide-folder",
  form: "i-lucide-square-pen",
  table: "i-lucide-table-2",
  chart: "i-lucide-chart-column",
  docs: "i-lucide-book-open",
  fn: "i-lucide-square-function",
};

/** Kinds that hold others. */
export function isDirectory(kind: Kind): boolean {
  return kind === "namespace" || kind === "workspace" || kind === "directory";
}
