import { ApiError } from "@/api";
import { ancestry } from "./path";
import type { ToastLink } from "./toasts";

/** What a row is called, and whether it lies in the recycle bin. */
export type NamedRow = { name: string; bin: boolean };
/** Asks what rows of a table are called, by id. */
type Namer = (path: string, ids: string[]) => Promise<Map<string, NamedRow>>;
let namesOf: Namer = () => Promise.resolve(new Map());

/** Says how rows get their names; the app sets it once, for they are made of schemas, which nothing here knows. */
export function nameRowsBy(namer: Namer): void {
  namesOf = namer;
}

/** The rows that stand in the way of an undo of a call at `path`, at most `max`, each with a link to it. */
export async function conflictsOf(error: unknown, path: string, max = 20): Promise<ToastLink[]> {
  if (!(error instanceof ApiError) || error.code !== "undo_conflict") return [];
  const workspace = ancestry(path)[1] ?? "";
  const rows = error.fields.slice(0, max).map(({ pointer }) => {
    const [table = "", row = ""] = pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return { table, path: `${workspace}/${table}`, row };
  });
  const names = new Map<string, Map<string, NamedRow>>();
  await Promise.all(
    [...new Set(rows.map((one) => one.path))].map(async (at) => {
      const ids = rows.filter((one) => one.path === at).map(({ row }) => row);
      // Without names, ids have to do.
      names.set(at, await namesOf(at, ids).catch(() => new Map()));
    }),
  );
  return rows.map(({ table, path: at, row }) => {
    const { name, bin } = names.get(at)?.get(row) ?? {};
    return { to: { path: at, query: { row, ...(bin ? { bin: "1" } : {}) } }, text: name ? `${name} · ${table}` : `${table} #${row}` };
  });
}
