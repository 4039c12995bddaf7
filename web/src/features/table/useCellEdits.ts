import { computed, ref, shallowReactive } from "vue";
import { useI18n } from "vue-i18n";
import { api, ApiError, type CallReply, type FieldProblem, type JsonObject, type Outcome, type Row, type Values } from "@/api";
import { cleaned, type Field, fieldsOf } from "@/schema";
import { check, isReadonly, isShown } from "@/schema/check";
import { useNotify } from "@/ui";
import type { RowWindow } from "./window";

/** A cell that is being edited, over the row as it was when the editing began. */
export type Editing = { row: Row; field: Field; value: unknown; problem: FieldProblem | null };
/** Told by the editor of a cell when it is gone; a component that is gone cannot emit. */
export type LeaveCell = (key: "Enter" | "Escape" | "Tab" | "blur", back: boolean) => void;
export type Mark = "saving" | "saved";
/** A change that met somebody else's: the drawer shows both versions. */
export type Handover = { base: Row; change: Values };

type Needs = {
  path: string;
  entry: JsonObject;
  rows: RowWindow;
  may: (action: string) => boolean;
  bin: { value: boolean };
  say: (words: string, outcome: Outcome) => void;
  /** Opens the row where both versions are shown. */
  clash: (id: string) => void;
};

// Long enough to be seen, short enough not to litter the table.
const savedMs = 2_000;
const drawerOnly = new Set(["multiline", "markdown", "file", "files", "list"]);
const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** Whether a cell has room for the field's input. */
const inCell = (field: Field) => !drawerOnly.has(field.meta.widget) && !field.meta.sensitive;

/** Editing in the cells: shown at once, checked by version, taken back when it is refused. */
export function useCellEdits(needs: Needs) {
  const { path, entry, rows } = needs;
  const notify = useNotify();
  const { t } = useI18n();
  const editing = ref<Editing | null>(null);
  const handover = ref<Handover | null>(null);
  /** Values that the server has not answered for yet, over the rows. */
  const pending = shallowReactive(new Map<string, Values>());
  const marks = shallowReactive(new Map<string, Record<string, Mark>>());
  /** One update of a row at a time: the next one needs the version that this one makes. */
  const queue = new Map<string, Promise<CallReply<Row> | null>>();
  const fields = computed(() => new Map(fieldsOf(entry).map((field) => [field.name, field])));

  const valueOf = (row: Row, name: string): unknown => {
    const held = pending.get(row.id);
    return held && name in held ? held[name] : row.values[name];
  };
  /** The field as it is entered, where this person may change it in this row. */
  function editable(row: Row | undefined, name: string | undefined): Field | undefined {
    const field = fields.value.get(name ?? "");
    if (!row || !field || !needs.may("update") || needs.bin.value) return undefined;
    return isReadonly(field, row.values) || !isShown(field, row.values) ? undefined : field;
  }
  function begin(row: Row, field: Field): void {
    editing.value = { row, field, value: valueOf(row, field.name), problem: null };
  }
  function cancel(): void {
    editing.value = null;
  }

  /** The change of this row that still has to be settled, given once. */
  function takeOver(): Handover | null {
    const waiting = handover.value;
    handover.value = null;
    return waiting;
  }

  /** Takes what was typed; answers whether the cell could be left. */
  async function commit(value: unknown): Promise<boolean> {
    const edit = editing.value;
    if (!edit) return true;
    const { row, field } = edit;
    edit.value = value;
    const problems = await check(entry, { ...row.values, ...pending.get(row.id), [field.name]: value });
    if (editing.value !== edit) return true;
    const pointer = `/${field.name}`;
    edit.problem = problems.find((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`)) ?? null;
    if (edit.problem) return false;
    editing.value = null;
    const change = cleaned([field], { [field.name]: value });
    if (field.name in change && !same(change[field.name], valueOf(row, field.name))) void save(edit, change);
    return true;
  }

  async function save(edit: Editing, change: Values): Promise<void> {
    const { row, field } = edit;
    pending.set(row.id, { ...pending.get(row.id), ...change });
    mark(row.id, field.name, "saving");
    const before = queue.get(row.id) ?? Promise.resolve(null);
    const sent = before.then((made) => api.table.update(path, row.id, made && made.output.version > row.version ? made.output.version : row.version, change));
    const settled = sent.catch(() => null);
    queue.set(row.id, settled);
    try {
      const saved = await sent;
      rows.replace(saved.output);
      needs.say(t("table.cellSaved", { field: field.title }), saved);
      mark(row.id, field.name, "saved");
      setTimeout(() => marks.get(row.id)?.[field.name] === "saved" && mark(row.id, field.name), savedMs);
    } catch (problem) {
      mark(row.id, field.name);
      refused(edit, change, problem);
    } finally {
      release(row.id, change);
      if (queue.get(row.id) === settled) queue.delete(row.id);
    }
  }

  function mark(id: string, name: string, now?: Mark): void {
    const { [name]: _, ...others } = marks.get(id) ?? {};
    const next = now ? { ...others, [name]: now } : others;
    if (Object.keys(next).length) marks.set(id, next);
    else marks.delete(id);
  }

  /** Lets go of what was answered for, unless the cell was changed again meanwhile. */
  function release(id: string, change: Values): void {
    const held = pending.get(id) ?? {};
    const rest = Object.fromEntries(Object.entries(held).filter(([name, value]) => !(name in change) || !same(value, change[name])));
    if (Object.keys(rest).length) pending.set(id, rest);
    else pending.delete(id);
  }

  function refused(edit: Editing, change: Values, problem: unknown): void {
    if (problem instanceof ApiError && (problem.code === "version_conflict" || problem.status === 412)) {
      handover.value = { base: edit.row, change };
      needs.clash(edit.row.id);
      return;
    }
    notify.failed(problem);
    // What was typed is put back into its cell with what is wrong, so that nothing is lost.
    if (editing.value) return;
    const told = problem instanceof ApiError ? problem.fields[0] : undefined;
    editing.value = { ...edit, value: change[edit.field.name], problem: { pointer: `/${edit.field.name}`, code: told?.code ?? "not_saved", message: told?.message ?? "" } };
  }

  return { editing, takeOver, pending, marks, valueOf, editable, inCell, begin, cancel, commit };
}

export type CellEdits = ReturnType<typeof useCellEdits>;
