import type { TableSchema } from "@/api";
import { type Field, fieldsOf, isNumeric } from "@/schema";
import { inOrder, type Layout } from "./layout";

/** `fixed` says that a person chose the width; `left` is where a pinned column stays. */
export type Column = { field: Field; width: number; right: boolean; fixed: boolean; pinned: boolean; left: number };

/** The box that selects a row stands before the columns. */
export const headWidth = 36;

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

/** The fields that a table shows when nobody chose: those its author lists. */
export function usualColumns(schema: TableSchema): string[] {
  return fieldsOf(schema.row).filter((field) => field.meta.list).map((field) => field.name);
}

/** The columns of a table: what its author lists, or what a person chose. */
export function columnsOf(schema: TableSchema, layout: Layout, known: ReadonlyMap<string, number> = new Map()): Column[] {
  const fields = new Map(fieldsOf(schema.row).map((field) => [field.name, field]));
  const names = (layout.cols.length ? layout.cols : usualColumns(schema)).filter((name) => fields.has(name));
  let left = headWidth;
  return inOrder(names, layout.pin).map((name) => {
    const field = fields.get(name) as Field;
    const chosen = layout.widths[name];
    const width = chosen ?? known.get(name) ?? widths[field.meta.widget] ?? Math.min(220, Math.max(128, field.title.length * 9 + 48));
    const column = { field, width, right: isNumeric(field), fixed: chosen !== undefined, pinned: layout.pin.includes(name), left };
    left += width;
    return column;
  });
}
