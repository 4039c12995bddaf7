import { expect, it } from "vitest";
import { type Cell, moveCell, nextEditable } from "./cursor";

const extent = { rows: 50, columns: 4, page: 10 };
const cases: [string, boolean, Cell, Cell | null][] = [
  ["ArrowDown", false, { row: 49, column: 0 }, { row: 49, column: 0 }],
  ["ArrowUp", false, { row: 0, column: 0 }, { row: -1, column: 0 }],
  ["ArrowLeft", false, { row: 0, column: -1 }, { row: 0, column: -1 }],
  ["ArrowRight", false, { row: 0, column: 3 }, { row: 0, column: 3 }],
  ["PageDown", false, { row: 45, column: 1 }, { row: 49, column: 1 }],
  ["PageUp", false, { row: 5, column: 1 }, { row: 0, column: 1 }],
  ["Home", true, { row: 30, column: 2 }, { row: 0, column: -1 }],
  ["End", true, { row: 0, column: 0 }, { row: 49, column: 3 }],
  ["End", false, { row: 7, column: 0 }, { row: 7, column: 3 }],
  ["x", false, { row: 0, column: 0 }, null],
];
it.each(cases)("%s (ctrl %s) from %j", (key, ctrl, from, to) => expect(moveCell(key, ctrl, from, extent)).toEqual(to));

const isSecond = (cell: Cell) => cell.column === 1;
it("finds the next cell to edit, over the end of a row, and stops at the ends of the table", () => {
  expect(nextEditable({ row: 3, column: 0 }, false, extent, isSecond)).toEqual({ row: 3, column: 1 });
  expect(nextEditable({ row: 3, column: 1 }, false, extent, isSecond)).toEqual({ row: 4, column: 1 });
  expect(nextEditable({ row: 3, column: 1 }, true, extent, isSecond)).toEqual({ row: 2, column: 1 });
  expect(nextEditable({ row: 49, column: 1 }, false, extent, isSecond)).toBeNull();
  expect(nextEditable({ row: 0, column: 0 }, true, extent, isSecond)).toBeNull();
  expect(nextEditable({ row: 3, column: 0 }, false, extent, () => false)).toBeNull();
});
