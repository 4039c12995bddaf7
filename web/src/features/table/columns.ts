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

// Nine of ten texts are seen whole, and every number; no glyph of the usual fonts is wider on average.
const seenWhole = 0.9;
const glyph = 8;
const padding = 20;

/** A width for each column, from the values that came first. */
export function widthsFor(columns: Column[], values: (column: Column) => string[]): Map<string, number> {
  const width = (column: Column) => {
    const lengths = values(column).map((text) => text.length).sort((a, b) => a - b);
    const usual = lengths[Math.ceil(lengths.length * (column.right ? 1 : seenWhole)) - 1] ?? 0;
    return Math.min(260, Math.max(80, usual * glyph + padding, column.field.title.length * glyph + padding));
  };
  return new Map(columns.map((column) => [column.field.name, width(column)]));
}

/** The columns of a table: what its author lists, or what the URL names. */
export function columnsOf(schema: TableSchema, chosen: string[], known: ReadonlyMap<string, number> = new Map()): Column[] {
  const fields = fieldsOf(schema.row);
  const shown = chosen.length
    ? chosen.map((name) => fields.find((field) => field.name === name)).filter((field) => field !== undefined)
    : fields.filter((field) => field.meta.list);
  return shown.map((field) => ({
    field,
    width: known.get(field.name) ?? widths[field.meta.widget] ?? Math.min(220, Math.max(128, field.title.length * 9 + 48)),
    right: isNumeric(field),
  }));
}
