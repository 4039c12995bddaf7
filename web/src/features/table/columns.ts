import type { TableSchema } from "@/api";
import { type Field, fieldsOf, isNumeric } from "@/schema";

export type Column = { field: Field; width: number; right: boolean };

const widths: Partial<Record<Field["meta"]["widget"], number>> = {
  integer: 96,
  decimal: 112,
  switch: 72,
  date: 112,
  date_time: 160,
  select: 128,
  email: 208,
  link: 208,
  markdown: 240,
  multiline: 240,
  id: 120,
};

/** The columns of a table: what its author lists, or what the URL names. */
export function columnsOf(schema: TableSchema, chosen: string[]): Column[] {
  const fields = fieldsOf(schema.row);
  const shown = chosen.length
    ? chosen.map((name) => fields.find((field) => field.name === name)).filter((field) => field !== undefined)
    : fields.filter((field) => field.meta.list);
  return shown.map((field) => ({
    field,
    width: widths[field.meta.widget] ?? Math.min(220, Math.max(128, field.title.length * 9 + 48)),
    right: isNumeric(field),
  }));
}
