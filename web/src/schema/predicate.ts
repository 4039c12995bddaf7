import type { Predicate } from "./types";

/** The value a JSON pointer (RFC 6901) names, or undefined. */
export function at(values: unknown, pointer: string): unknown {
  let value = values;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** Numbers compare with numbers and texts with texts; other pairs have no order. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  return Number.NaN;
}

/** Evaluates a predicate the way the server does: over the record that holds the field. */
export function holds(predicate: Predicate, values: unknown): boolean {
  if ("and" in predicate) return predicate.and.every((part) => holds(part, values));
  if ("or" in predicate) return predicate.or.some((part) => holds(part, values));
  if ("not" in predicate) return !holds(predicate.not, values);
  if ("empty" in predicate) return isEmpty(at(values, predicate.empty));
  if ("eq" in predicate) return same(at(values, predicate.eq[0]), predicate.eq[1]);
  if ("ne" in predicate) return !same(at(values, predicate.ne[0]), predicate.ne[1]);
  if ("in" in predicate) return predicate.in[1].some((value) => same(at(values, predicate.in[0]), value));
  const [pointer, bound] = "lt" in predicate ? predicate.lt : predicate.gt;
  const order = compare(at(values, pointer), bound);
  return "lt" in predicate ? order < 0 : order > 0;
}
