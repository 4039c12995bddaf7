import { computed, onScopeDispose, ref, watch } from "vue";
import { api, type JsonObject, type NodeDetail, type Outcome, type SearchOutput, type TableSchema, useEvent, whenRegained } from "@/api";
import { textOf } from "@/schema";
import { deref, fieldsOf } from "@/schema/fields";
import { useFormat, useUndo, useUrl } from "@/ui";
import { type Column, columnsOf, widthsFor } from "./columns";
import { parseFilter, parseSort } from "./query";
import { useCellEdits } from "./useCellEdits";
import { useLayout } from "./useLayout";
import { blockSize, type Load, RowWindow } from "./window";

/** Words of the URL that a table keeps; an embedded table keeps them to itself. */
type Name = "q" | "sort" | "filter" | "bin" | "cols" | "pin" | "row" | "mode";

function useOwnState() {
  const state = ref<Record<string, string>>({});
  return {
    read: (name: string) => state.value[name] ?? "",
    write: (change: Record<string, string>) => (state.value = { ...state.value, ...change }),
  };
}

/** Everything one table screen shares: the question, the rows, the selection. */
export function useTable(detail: NodeDetail, embedded: boolean) {
  const path = detail.node.path;
  const schema = detail.function?.table as TableSchema;
  const url = embedded ? useOwnState() : useUrl();
  const read = (name: Name) => url.read(name);
  const write = (change: Partial<Record<Name, string>>, push = false) => url.write(change, push);
  const format = useFormat();
  const selected = ref(new Set<string>());

  const sort = computed(() => parseSort(read("sort")));
  const filter = computed(() => parseFilter(read("filter")));
  const layout = useLayout(path, schema, { read, write }, embedded);
  const { columns } = layout;
  const bin = computed(() => read("bin") === "1");
  const question = computed(() => JSON.stringify([read("q"), read("sort"), read("filter"), read("bin")]));

  let abort = new AbortController();
  /** Asks one question; the one before it is no longer waited for. */
  function loader(): Load {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    return (next, first): Promise<SearchOutput> => {
      return api.table.search(
        path,
        {
          limit: blockSize,
          ...(sort.value.length ? { sort: sort.value } : {}),
          ...(filter.value ? { filter: filter.value } : {}),
          ...(read("q") ? { q: read("q") } : {}),
          ...(bin.value ? { bin: true } : {}),
          ...(first ? { count: true } : {}),
          ...(next ? { next } : {}),
        },
        signal,
      );
    };
  }

  const rows = new RowWindow(loader());
  onScopeDispose(() => abort.abort());
  // Once, before the rows are shown, so that no column moves under the eyes.
  const fitted = watch(() => rows.state.loaded, (loaded) => loaded && fit());
  function fit(): void {
    const first = Array.from({ length: Math.min(rows.state.total, 50) }, (_, row) => rows.rowAt(row)).filter((row) => row !== undefined);
    if (!first.length) return;
    const text = ({ field }: Column) => first.map((row) => textOf(field, row.values[field.name], rows.state.labels[field.name], format()));
    layout.fitted.value = widthsFor(columnsOf(schema, { cols: layout.declared, pin: [], widths: {} }), text);
    fitted();
  }
  watch(question, () => {
    select([]);
    rows.reset(loader());
  });
  useEvent("change", (event) => event.path === path && rows.refresh());
  useEvent("reset", () => rows.refresh());
  onScopeDispose(whenRegained(() => rows.state.error && rows.refresh()));

  const names = fieldsOf(schema.row).some(({ meta }) => ["relation", "user", "file", "files", "list"].includes(meta.widget));
  /** Asks for the words of what one row names. */
  async function nameRow(id: string): Promise<void> {
    if (!names) return;
    const found = await api.table.search(path, { filter: { eq: ["id", id] }, limit: 1, bin: bin.value }).catch(() => null);
    if (found) rows.learn(found.labels ?? {});
  }

  const may = (action: string) => {
    const declared = detail.function?.actions.find((one) => one.name === action);
    return !!declared && (detail.rights.includes(declared.right) || detail.rights.includes("owner"));
  };

  const undo = useUndo();
  const say = (words: string, outcome: Outcome) => undo.offer(words, path, outcome);

  const select = (ids: Iterable<string>) => (selected.value = new Set(ids));

  /** What is entered: the row without its read-only fields, defaults and all. */
  const entry = entrySchema(detail);

  const edits = useCellEdits({ path, entry, rows, may, bin, say, clash: (row) => write({ row, mode: "edit" }, true) });

  return { path, schema, entry, rows, layout, columns, edits, sort, filter, bin, selected, select, read, write, may, say, nameRow, embedded };
}

function entrySchema(detail: NodeDetail): JsonObject {
  const input = detail.function?.actions.find((action) => action.name === "create")?.input;
  const values = (input?.["properties"] as JsonObject | undefined)?.["values"] as JsonObject | undefined;
  const row = detail.function?.table?.row ?? {};
  if (!input || !values) return row;
  return { ...deref(values, input), ...(input["$defs"] ? { $defs: input["$defs"] } : {}) };
}

export type TableState = ReturnType<typeof useTable>;
