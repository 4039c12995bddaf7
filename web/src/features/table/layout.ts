/** How one person wants the columns of one table: which and in what order, which stay in sight, how wide. */
export type Layout = { cols: string[]; pin: string[]; widths: Record<string, number> };

export const minWidth = 56;
const maxWidth = 960;

const names = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : []);

/** What storage holds; what cannot be read is no layout. */
export function parseLayout(text: string): Layout {
  try {
    const { cols, pin, widths } = JSON.parse(text) as Record<string, unknown>;
    const sizes = Object.entries((widths ?? {}) as Record<string, unknown>).filter((entry): entry is [string, number] => typeof entry[1] === "number");
    return { cols: names(cols), pin: names(pin), widths: Object.fromEntries(sizes.map(([name, width]) => [name, clampWidth(width)])) };
  } catch {
    return { cols: [], pin: [], widths: {} };
  }
}

export function clampWidth(width: number): number {
  return Math.round(Math.min(maxWidth, Math.max(minWidth, width)));
}

/** The pinned names first, both groups in their order. */
export function inOrder(shown: string[], pin: string[]): string[] {
  return [...shown.filter((name) => pin.includes(name)), ...shown.filter((name) => !pin.includes(name))];
}

/** Takes a name out and puts it back at the place of another. */
export function moveTo(shown: string[], name: string, target: string): string[] {
  const from = shown.indexOf(name);
  const to = shown.indexOf(target);
  if (from < 0 || to < 0 || from === to) return shown;
  const rest = shown.filter((one) => one !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

/** A step to the left or the right. */
export function step(shown: string[], name: string, by: -1 | 1): string[] {
  const target = shown[shown.indexOf(name) + by];
  return target === undefined ? shown : moveTo(shown, name, target);
}

/** Shows or hides a name; one that comes back stands where its author put it. */
export function toggle(shown: string[], name: string, declared: string[]): string[] {
  if (shown.includes(name)) return shown.length > 1 ? shown.filter((one) => one !== name) : shown;
  const before = declared.slice(0, declared.indexOf(name)).reverse().find((one) => shown.includes(one));
  const at = before === undefined ? 0 : shown.indexOf(before) + 1;
  return [...shown.slice(0, at), name, ...shown.slice(at)];
}

/** The columns that a window over them shows: the pinned ones, and what lies in it or near. */
export function seenColumns(columns: { width: number; pinned: boolean }[], window: { left: number; width: number; head: number; near: number }): number[] {
  const { left, width, head, near } = window;
  const whole = head + columns.reduce((sum, column) => sum + column.width, 0);
  let start = head;
  const seen: number[] = [];
  columns.forEach((column, index) => {
    const end = start + column.width;
    if (whole <= width || column.pinned || (end > left - near && start < left + width + near)) seen.push(index);
    start = end;
  });
  return seen;
}
