import { computed, ref } from "vue";
import { type TableSchema, useSession } from "@/api";
import { fieldsOf } from "@/schema";
import { recall, remember } from "@/ui";
import { columnsOf, usualColumns } from "./columns";
import { clampWidth, type Layout, moveTo, parseLayout, step, toggle } from "./layout";

type Words = { read: (name: "cols" | "pin") => string; write: (change: { cols: string; pin: string }) => void };

const list = (text: string) => text.split(",").filter(Boolean);

/**
 * The columns of one table as one person wants them. A link that names columns
 * shows exactly these; without it this browser's memory of the person counts.
 */
export function useLayout(path: string, schema: TableSchema, url: Words, embedded: boolean) {
  const key = `table.${useSession().user?.id ?? ""}.${path}`;
  const kept = ref<Layout>(parseLayout(embedded ? "" : recall(key)));
  const fitted = ref(new Map<string, number>());
  const linked = computed(() => url.read("cols") !== "" || url.read("pin") !== "");
  const layout = computed<Layout>(() => (linked.value ? { cols: list(url.read("cols")), pin: list(url.read("pin")), widths: kept.value.widths } : kept.value));
  const columns = computed(() => columnsOf(schema, layout.value, fitted.value));
  const shown = computed(() => columns.value.map((column) => column.field.name));
  const declared = fieldsOf(schema.row).map((field) => field.name);
  const usual = usualColumns(schema).join();

  function set(change: Partial<Layout>): void {
    const next = { ...layout.value, ...change };
    // The author's own choice needs no words, so that columns he adds later appear.
    if (next.cols.join() === usual) next.cols = [];
    kept.value = next;
    const plain = !next.cols.length && !next.pin.length && !Object.keys(next.widths).length;
    if (!embedded) remember(key, plain ? "" : JSON.stringify(next));
    url.write({ cols: next.cols.join(","), pin: next.pin.join(",") });
  }
  const resize = (name: string, width: number) => set({ widths: { ...layout.value.widths, [name]: clampWidth(width) } });
  function fit(name: string): void {
    const { [name]: _, ...widths } = layout.value.widths;
    set({ widths });
  }
  function pin(name: string): void {
    const { pin: pinned } = layout.value;
    set({ pin: pinned.includes(name) ? pinned.filter((one) => one !== name) : [...pinned, name] });
  }
  return {
    columns,
    shown,
    declared,
    fitted,
    changed: computed(() => !!(layout.value.cols.length || layout.value.pin.length || Object.keys(layout.value.widths).length)),
    resize,
    fit,
    pin,
    move: (name: string, target: string) => set({ cols: moveTo(shown.value, name, target) }),
    step: (name: string, by: -1 | 1) => set({ cols: step(shown.value, name, by) }),
    toggle: (name: string) => set({ cols: toggle(shown.value, name, declared) }),
    reset: () => set({ cols: [], pin: [], widths: {} }),
  };
}
