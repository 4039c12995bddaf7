/** The active cell: row -1 is the header, column -1 the box that selects. */
export type Cell = { row: number; column: number };
export type Extent = { rows: number; columns: number; page: number };

/** Where a key leads in a grid (WAI-ARIA authoring practices, data grid). */
export function moveCell(key: string, ctrl: boolean, cell: Cell, extent: Extent): Cell | null {
  const last = extent.rows - 1;
  const end = extent.columns - 1;
  const clamp = (row: number) => Math.max(-1, Math.min(last, row));
  switch (key) {
    case "ArrowDown":
      return { ...cell, row: clamp(cell.row + 1) };
    case "ArrowUp":
      return { ...cell, row: clamp(cell.row - 1) };
    case "ArrowRight":
      return { ...cell, column: Math.min(end, cell.column + 1) };
    case "ArrowLeft":
      return { ...cell, column: Math.max(-1, cell.column - 1) };
    case "PageDown":
      return { ...cell, row: clamp(cell.row + extent.page) };
    case "PageUp":
      return { ...cell, row: Math.max(Math.min(0, last), cell.row - extent.page) };
    case "Home":
      return ctrl ? { row: Math.min(0, last), column: -1 } : { ...cell, column: -1 };
    case "End":
      return ctrl ? { row: last, column: end } : { ...cell, column: end };
    default:
      return null;
  }
}

/** The next cell that may be edited, row after row; `back` goes the other way. Only a few rows are looked at. */
export function nextEditable(from: Cell, back: boolean, extent: Omit<Extent, "page">, may: (cell: Cell) => boolean): Cell | null {
  const by = back ? -1 : 1;
  const rowsAhead = 2;
  let { row, column } = from;
  for (let step = 0; step < extent.columns * rowsAhead; step += 1) {
    column += by;
    if (column < 0 || column >= extent.columns) {
      row += by;
      column = back ? extent.columns - 1 : 0;
    }
    if (row < 0 || row >= extent.rows) return null;
    if (may({ row, column })) return { row, column };
  }
  return null;
}
