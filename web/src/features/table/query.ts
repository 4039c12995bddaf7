import type { Filter, Sort } from "@/api";

/** `-total,name` as the URL and the API write it. */
export function parseSort(text: string): Sort[] {
  return text
    .split(",")
    .filter(Boolean)
    .map((part) => (part.startsWith("-") ? { field: part.slice(1), desc: true } : { field: part, desc: false }));
}

export function writeSort(sort: Sort[]): string {
  return sort.map(({ field, desc }) => (desc ? `-${field}` : field)).join(",");
}

/** A header click: up, down, off. With `add` the other columns keep their place. */
export function toggleSort(sort: Sort[], field: string, add: boolean): Sort[] {
  const known = sort.find((one) => one.field === field);
  const next: Sort[] = !known ? [{ field, desc: false }] : known.desc ? [] : [{ field, desc: true }];
  if (!add) return next;
  if (!known) return [...sort, ...next];
  return sort.flatMap((one) => (one.field === field ? next : [one]));
}

/** A filter from the URL; what cannot be read is no filter. */
export function parseFilter(text: string): Filter | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Filter) : undefined;
  } catch {
    return undefined;
  }
}

/** How many conditions a filter holds. */
export function countRules(filter: Filter | undefined): number {
  if (!filter) return 0;
  if ("and" in filter) return filter.and.reduce((sum, part) => sum + countRules(part), 0);
  if ("or" in filter) return filter.or.reduce((sum, part) => sum + countRules(part), 0);
  if ("not" in filter) return countRules(filter.not);
  return 1;
}
