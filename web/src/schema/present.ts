import type { FileRef } from "@/api";
import type { Formatter } from "@/ui/format";
import { plainText } from "@/ui/plainText";
import { isEmpty } from "./predicate";
import type { Choice, Field } from "./types";

type Labels = Record<string, string> | undefined;
const nameOf = (file: unknown) => (typeof file === "string" ? file : ((file as FileRef | null)?.name ?? ""));

export function choiceOf(field: Field, value: unknown): Choice {
  return field.meta.choices?.find((choice) => choice.value === String(value)) ?? { value: String(value), label: String(value) };
}

export const isNumeric = (field: Field) => field.meta.widget === "integer" || field.meta.widget === "decimal";

/** A value as one line of text, as a cell shows it. */
export function textOf(field: Field, value: unknown, labels: Labels, format: Formatter): string {
  if (isEmpty(value)) return "";
  const { meta } = field;
  switch (meta.widget) {
    case "integer":
    case "decimal":
      return format.number(value, meta.scale ?? undefined) + (meta.unit ? ` ${meta.unit}` : "");
    case "date":
      return format.date(value);
    case "date_time":
      return format.dateTime(value);
    case "select":
      return choiceOf(field, value).label;
    case "multi_select":
      return (value as unknown[]).map((one) => choiceOf(field, one).label).join(", ");
    case "relation":
    case "user":
      return labels?.[String(value)] ?? String(value);
    case "file":
      return labels?.[String(value)] ?? nameOf(value);
    case "files":
      return (value as unknown[]).map((file) => labels?.[String(file)] ?? nameOf(file)).join(", ");
    case "list":
      return Array.isArray(value) ? (value.every((one) => typeof one !== "object") ? value.map((one) => labels?.[String(one)] ?? one).join(", ") : `${value.length}`) : "";
    case "markdown":
      return plainText(String(value));
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}
