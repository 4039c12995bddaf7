import { h, type VNode } from "vue";
import { choiceOf, isEmpty, textOf } from "@/schema";
import type { Formatter } from "@/ui";
import type { Column } from "./columns";

const colours = new Set(["info", "success", "warning", "error"]);
// A longer text may be cut, so it can be read whole under the pointer.
const longText = 24;

/** What a cell shows: text alone where that is enough, for a screen holds hundreds. `hint` is the text that may be cut. */
export type CellContent = { content: string | VNode; hint: string | undefined; label: string | undefined };

export function contentOf(column: Column, value: unknown, labels: Record<string, string> | undefined, format: Formatter): CellContent {
  const { field } = column;
  if (field.meta.widget === "switch") return { content: value ? "✓" : "–", hint: undefined, label: String(!!value) };
  if (isEmpty(value)) return { content: "", hint: undefined, label: undefined };
  const text = textOf(field, value, labels, format);
  const hint = text.length > longText ? text : undefined;
  const color = field.meta.widget === "select" ? choiceOf(field, value).color : undefined;
  if (!color) return { content: text, hint, label: undefined };
  const dot = h("span", { class: `choice-dot ${colours.has(color) ? `choice-${color}` : ""}`, "aria-hidden": "true" });
  return { content: h("span", { class: "truncate" }, [dot, text]), hint, label: undefined };
}
