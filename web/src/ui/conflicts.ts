import { ApiError } from "@/api";
import { ancestry } from "./path";
import type { ToastLink } from "./toasts";

/** The rows that stand in the way of an undo of a call at `path`, each with a link to it. */
export function conflictsOf(error: unknown, path: string): ToastLink[] {
  if (!(error instanceof ApiError) || error.code !== "undo_conflict") return [];
  const workspace = ancestry(path)[1] ?? "";
  return error.fields.map(({ pointer }) => {
    const [table = "", row = ""] = pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return { to: { path: `${workspace}/${table}`, query: { row } }, text: `${table} #${row}` };
  });
}
