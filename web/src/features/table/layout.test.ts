import { expect, it } from "vitest";
import { clampWidth, inOrder, moveTo, parseLayout, seenColumns, step, toggle } from "./layout";

const shown = ["a", "b", "c", "d"];

it("reads what it can of a layout and nothing of what it cannot", () => {
  expect(parseLayout('{"cols":["a",3],"pin":["b"],"widths":{"a":9,"b":"x","c":120.4}}')).toEqual({ cols: ["a"], pin: ["b"], widths: { a: 56, c: 120 } });
  for (const bad of ["", "null", "[", "7"]) expect(parseLayout(bad)).toEqual({ cols: [], pin: [], widths: {} });
  expect(clampWidth(5000)).toBe(960);
});

it("puts pinned columns first and keeps both orders", () => {
  expect(inOrder(shown, ["d", "b"])).toEqual(["b", "d", "a", "c"]);
});

it("moves a column to the place of another, in both directions and not beyond the ends", () => {
  expect(moveTo(shown, "a", "c")).toEqual(["b", "c", "a", "d"]);
  expect(moveTo(shown, "d", "a")).toEqual(["d", "a", "b", "c"]);
  expect(moveTo(shown, "a", "nobody")).toEqual(shown);
  expect(step(shown, "b", 1)).toEqual(["a", "c", "b", "d"]);
  expect(step(shown, "a", -1)).toEqual(shown);
});

it("hides a column, never the last, and brings one back where it was declared", () => {
  expect(toggle(["b"], "b", shown)).toEqual(["b"]);
  expect(toggle(["d", "a", "b"], "c", shown)).toEqual(["d", "a", "b", "c"]);
  expect(toggle(["d", "c"], "a", shown)).toEqual(["a", "d", "c"]);
  expect(toggle(shown, "c", shown)).toEqual(["a", "b", "d"]);
});

it("renders only columns in sight or pinned, and all when they fit", () => {
  const columns = Array.from({ length: 40 }, (_, at) => ({ width: 100, pinned: at === 0 }));
  expect(seenColumns(columns, { left: 1000, width: 500, head: 36, near: 100 })).toEqual([0, 8, 9, 10, 11, 12, 13, 14, 15]);
  expect(seenColumns(columns.slice(0, 3), { left: 0, width: 500, head: 36, near: 0 })).toEqual([0, 1, 2]);
});
