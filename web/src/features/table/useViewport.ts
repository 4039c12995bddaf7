import { computed, nextTick, onBeforeUnmount, onMounted, type Ref, ref } from "vue";
import type { Column } from "./columns";
import { headWidth } from "./columns";
import type { Cell } from "./cursor";
import { seenColumns } from "./layout";

export const rowHeight = 36;
export const headerHeight = 28;
// Rows and pixels kept ready around what is seen, so that scrolling shows no gap.
const nearRows = 8;
const nearPixels = 240;
// Columns come and go in steps of this, not at every pixel.
const stepPixels = 80;

type Given = { box: Ref<HTMLElement | null>; total: Ref<number>; columns: Ref<Column[]>; active: Ref<Cell | null> };

/** Which rows and columns of the grid are on the page: those in sight and a few around them. */
export function useViewport({ box, total, columns, active }: Given) {
  const top = ref(0);
  const left = ref(0);
  const height = ref(600);
  const width = ref(1200);
  const first = computed(() => Math.max(0, Math.floor(top.value / rowHeight) - nearRows));
  const last = computed(() => Math.min(total.value - 1, Math.ceil((top.value + height.value) / rowHeight) + nearRows));
  // A row that leaves lends its elements to one that comes: the key is its place among those on the page.
  const places = computed(() => Math.ceil(height.value / rowHeight) + 2 * nearRows + 2);
  const shown = computed(() => {
    const rows = Array.from({ length: Math.max(0, last.value - first.value + 1) }, (_, at) => ({ index: first.value + at, key: (first.value + at) % places.value }));
    // The active cell stays on the page, because the grid names it to screen readers and may hold an editor.
    const kept = active.value?.row ?? -1;
    return kept >= 0 && kept < total.value && (kept < first.value || kept > last.value) ? [...rows, { index: kept, key: -1 }] : rows;
  });
  const window = computed(() => ({ left: Math.floor(left.value / stepPixels) * stepPixels, width: width.value, head: headWidth, near: nearPixels }));
  const seenKey = computed(() => {
    const seen = seenColumns(columns.value, window.value);
    const kept = active.value?.column ?? -1;
    return (kept >= 0 && kept < columns.value.length && !seen.includes(kept) ? [...seen, kept].sort((a, b) => a - b) : seen).join();
  });
  const seen = computed(() => seenKey.value.split(",").filter(Boolean).map(Number));
  const page = computed(() => Math.max(1, Math.floor((height.value - headerHeight) / rowHeight) - 1));
  const pinnedWidth = computed(() => columns.value.reduce((sum, column) => (column.pinned ? sum + column.width : sum), headWidth));

  function onScroll(event: Event): void {
    const element = event.target as HTMLElement;
    top.value = element.scrollTop;
    left.value = element.scrollLeft;
  }
  const observer = new ResizeObserver(([entry]) => {
    if (!entry) return;
    height.value = entry.contentRect.height;
    width.value = entry.contentRect.width;
  });
  onMounted(() => box.value && observer.observe(box.value));
  onBeforeUnmount(() => observer.disconnect());

  /** Scrolls so that a cell is in sight; `id` names its element once it is on the page. */
  async function reveal(cell: Cell, id: string): Promise<void> {
    const element = box.value;
    if (!element) return;
    if (cell.row >= 0) {
      const start = cell.row * rowHeight;
      const room = element.clientHeight - headerHeight;
      if (start < element.scrollTop) element.scrollTop = start;
      else if (start + rowHeight > element.scrollTop + room) element.scrollTop = start + rowHeight - room;
    }
    await nextTick();
    if (!columns.value[cell.column]?.pinned) document.getElementById(id)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  return { first, last, shown, seen, page, pinnedWidth, onScroll, reveal };
}
