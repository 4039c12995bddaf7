import { defineAsyncComponent, type FunctionalComponent, h, type VNode } from "vue";
import Icon from "@nuxt/ui/components/Icon.vue";
import type { Labels, Row, Values } from "@/api";
import type { Formatter } from "@/ui";
import type { Column } from "./columns";
import { contentOf } from "./GridCell";
import type { CellEdits, LeaveCell, Mark } from "./useCellEdits";
import { headerHeight, rowHeight } from "./useViewport";

const CellEditor = defineAsyncComponent(() => import("./CellEditor.vue"));

type Props = {
  id: string;
  index: number;
  row: Row | undefined;
  columns: Column[];
  seen: number[];
  /** The column that the keyboard is at, or -2 when it is in another row. */
  active: number;
  selected: boolean;
  open: boolean;
  selectable: boolean;
  /** The pointer or the keyboard is here. */
  hot: boolean;
  labels: Labels;
  format: Formatter;
  /** Values that are shown already and not yet saved. */
  held: Values | undefined;
  marks: Record<string, Mark> | undefined;
  /** The field whose cell is an input now. */
  edited: string;
  edits: CellEdits;
  left: LeaveCell;
  words: { select: string; open: string };
};

const markOf = (mark: Mark | undefined): VNode | null => {
  if (mark === "saved") return h(Icon, { name: "i-lucide-check", class: "ml-1 size-3.5 shrink-0 text-success", "data-test": "saved", "aria-hidden": "true" });
  return mark ? h("span", { class: "ml-1 size-1.5 shrink-0 animate-pulse rounded-full bg-primary motion-reduce:animate-none", "aria-hidden": "true" }) : null;
};
const opener = (title: string): VNode =>
  h("button", { type: "button", class: "grid-opener", tabindex: -1, title, "aria-label": title, "data-opener": "" }, [
    h(Icon, { name: "i-lucide-panel-right-open", class: "size-3.5", "aria-hidden": "true" }),
  ]);

function cell(props: Props, at: number): VNode | null {
  const { id, index, row, active, edits, labels } = props;
  const column = props.columns[at];
  if (!column) return null;
  const { name } = column.field;
  const edited = props.edited === name;
  const mark = props.marks?.[name];
  const opens = at === 0 && props.hot && !!row;
  const data: Record<string, unknown> = {
    id: `${id}-${index}-${at}`,
    key: name,
    role: "gridcell",
    "aria-colindex": at + 2,
    class: [
      "grid-cell",
      column.right && "grid-right",
      (mark || opens || !row) && "grid-flex",
      active === at && "grid-active",
      column.pinned && "grid-pinned",
      edited && "grid-edited",
    ],
    style: { gridColumn: String(at + 2), left: column.pinned ? `${column.left}px` : "" },
  };
  if (edited) return h("div", data, [h(CellEditor, { edits, left: props.left })]);
  if (!row) return h("div", data, [h("span", { class: "skeleton h-3 w-2/3" })]);
  const value = props.held && name in props.held ? props.held[name] : row.values[name];
  const { content, hint, label } = contentOf(column, value, labels[name], props.format);
  Object.assign(data, { title: hint, "aria-label": label });
  if (!mark && !opens) return h("div", data, typeof content === "string" ? content : [content]);
  return h("div", data, [h("span", { class: "truncate" }, [content]), markOf(mark), opens ? opener(props.words.open) : null]);
}

/** One row. A plain function that makes as few elements as it can: scrolling makes thousands. */
const GridRow: FunctionalComponent<Props> = (props) => {
  const { id, index, row, selected } = props;
  const box = props.selectable && row ? [h("input", { type: "checkbox", class: "pick", tabindex: -1, checked: selected, "aria-label": props.words.select })] : [];
  return h(
    "div",
    {
      role: "row",
      "aria-rowindex": index + 2,
      "aria-selected": selected,
      class: ["grid-row grid-line", selected && "grid-selected", props.open && "grid-open"],
      style: { top: `${headerHeight + index * rowHeight}px` },
      "data-row": row?.id,
    },
    [
      h("div", { id: `${id}-${index}--1`, key: "", role: "gridcell", "aria-colindex": 1, class: ["grid-cell grid-flex grid-first", props.active === -1 && "grid-active"] }, box),
      ...props.seen.map((at) => cell(props, at)),
    ],
  );
};
GridRow.props = ["id", "index", "row", "columns", "seen", "active", "selected", "open", "selectable", "hot", "labels", "format", "held", "marks", "edited", "edits", "left", "words"];
export default GridRow;
