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
