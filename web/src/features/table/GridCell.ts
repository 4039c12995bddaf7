import { type FunctionalComponent, h } from "vue";
import { choiceOf, isEmpty, textOf } from "@/schema";
import type { Formatter } from "@/ui";
import type { Column } from "./columns";

type Props = { column: Column; value: unknown; labels: Record<string, string> | undefined; format: Formatter };

const colours = new Set(["info", "success", "warning", "error"]);

/** One cell. A plain function: a screen holds hundreds, and they have no state. */
const GridCell: FunctionalComponent<Props> = ({ column, value, labels, format }) => {
  const { field } = column;
  if (field.meta.widget === "switch") {
    return h("span", { class: value ? "text-highlighted" : "text-dimmed", "aria-label": String(!!value) }, value ? "✓" : "–");
  }
  if (isEmpty(value)) return null;
  const text = textOf(field, value, labels, format);
  if (field.meta.widget === "select") {
    const { color } = choiceOf(field, value);
    const dot = color ? h("span", { class: `choice-dot ${colours.has(color) ? `choice-${color}` : ""}`, "aria-hidden": "true" }) : null;
    return h("span", { class: "inline-flex min-w-0 items-center gap-1.5" }, [dot, h("span", { class: "truncate" }, text)]);
  }
  return h("span", { class: "truncate", title: text.length > 24 ? text : undefined }, text);
};
GridCell.props = ["column", "value", "labels", "format"];
export default GridCell;
