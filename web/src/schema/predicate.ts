import type { Predicate } from "./types";

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isIndex = (part: string) => /^(0|[1-9][0-9]*)$/.test(part);

/** The value a JSON pointer (RFC 6901) names, or undefined. Only what stands in the data counts, nothing inherited. */
export function at(values: unknown, pointer: string): unknown {
  if (pointer !== "" && !pointer.startsWith("/")) return undefined;
  let value = values;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const has = Array.isArray(value) ? isIndex(key) : isObject(value) && Object.hasOwn(value, key);
    value = has ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, index) => same(one, b[index]));
  if (!isObject(a) || !isObject(b)) return (a ?? null) === (b ?? null);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

/** The number that a value is, or that it is the plain decimal text of, as decimals and 64-bit integers travel. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : undefined;
}

/** By code point; `<` of the language goes by UTF-16 and puts U+10000 before U+FFFF. */
function compareText(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const index = left.findIndex((one, place) => one !== right[place]);
  if (index < 0) return left.length - right.length;
  return (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? -1);
}

/** Numbers compare with numbers and other texts with texts; other pairs have no order. */
function compare(a: unknown, b: unknown): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left - right;
  return typeof a === "string" && typeof b === "string" ? compareText(a, b) : Number.NaN;
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
