import { expect, it } from "vitest";
import type { TableSchema } from "@/api";
import { columnsOf, widthsFor } from "./columns";

const property = (title: string) => ({ type: "string", title, "x-kageos": { widget: "text", order: 0, list: true } });
const schema = { row: { type: "object", properties: { a: property("A"), b: property("A rather long title"), c: property("C") } } } as unknown as TableSchema;
const layout = (...cols: string[]) => ({ cols, pin: [], widths: {} });

it("fits a column to its values, to its title, and to neither beyond reason", () => {
  const texts: Record<string, string[]> = { a: ["+55 (21) 2271-7000"], b: [""], c: ["x".repeat(400)] };
  const widths = widthsFor(columnsOf(schema, layout()), ({ field }) => texts[field.name] ?? []);
  expect([...widths.values()]).toEqual([164, 172, 260]);
  expect(columnsOf(schema, layout("b"), widths)[0]?.width).toBe(172);
});

it("lets one long value among many be cut", () => {
  const values = [...Array.from({ length: 20 }, () => "x".repeat(10)), "x".repeat(200)];
  expect(widthsFor(columnsOf(schema, layout("a")), () => values).get("a")).toBe(100);
});

it("takes order, pins and widths from a person's layout, and leaves out what the table does not have", () => {
  const columns = columnsOf(schema, { cols: ["gone", "c", "a", "b"], pin: ["a", "b"], widths: { b: 300 } });
  expect(columns.map(({ field, left, pinned, fixed }) => [field.name, left, pinned, fixed])).toEqual([
    ["a", 36, true, false],
    ["b", 164, true, true],
    ["c", 464, false, false],
  ]);
});
