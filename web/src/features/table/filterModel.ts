import type { Filter } from "@/api";
import { type Field, isEmpty, isNumeric } from "@/schema";

export type Operator = "eq" | "ne" | "in" | "contains" | "starts" | "range" | "empty" | "filled";
export type Rule = { kind: "rule"; field: string; op: Operator; value: unknown; to?: unknown };
export type Group = { kind: "group"; op: "and" | "or"; items: (Rule | Group)[] };

/** Which questions a field can be asked. */
export function operatorsOf(field: Field): Operator[] {
  const { widget } = field.meta;
  if (isNumeric(field)) return ["eq", "ne", "range", "empty", "filled"];
  if (widget === "date" || widget === "date_time") return ["range", "empty", "filled"];
  if (widget === "switch") return ["eq"];
  if (widget === "select") return ["in", "ne", "empty", "filled"];
  if (widget === "relation" || widget === "user") return ["eq", "ne", "empty", "filled"];
  if (widget === "id") return ["eq"];
  if (widget === "multi_select" || widget === "file" || widget === "files" || widget === "list") return ["empty", "filled"];
  return ["contains", "starts", "eq", "ne", "empty", "filled"];
}

export function newRule(field: Field): Rule {
  return { kind: "rule", field: field.name, op: operatorsOf(field)[0] ?? "eq", value: field.meta.widget === "switch" ? true : null };
}

/** The editable form of a filter. */
export function toGroup(filter: Filter | undefined): Group {
  const part = filter ? toPart(filter) : undefined;
  if (part?.kind === "group") return part;
  return { kind: "group", op: "and", items: part ? [part] : [] };
}

function toPart(filter: Filter): Rule | Group | undefined {
  if ("and" in filter || "or" in filter) {
    const [op, parts] = "and" in filter ? (["and", filter.and] as const) : (["or", filter.or] as const);
    return { kind: "group", op, items: parts.map(toPart).filter((part) => part !== undefined) };
  }
  if ("empty" in filter) return { kind: "rule", field: filter.empty, op: "empty", value: null };
  if ("not" in filter) return "empty" in filter.not ? { kind: "rule", field: filter.not.empty, op: "filled", value: null } : undefined;
  if ("range" in filter) return { kind: "rule", field: filter.range[0], op: "range", value: filter.range[1], to: filter.range[2] };
  const [op, args] = Object.entries(filter)[0] as [Operator, [string, unknown]];
  return { kind: "rule", field: args[0], op, value: args[1] };
}

/** The filter of a group; conditions without a value are left out. */
export function toFilter(group: Group): Filter | undefined {
  const parts = group.items
    .map((item) => (item.kind === "group" ? toFilter(item) : ruleFilter(item)))
    .filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  if (parts.length === 1) return parts[0];
  return group.op === "and" ? { and: parts } : { or: parts };
}

function ruleFilter(rule: Rule): Filter | undefined {
  const { field, op, value } = rule;
  if (op === "empty") return { empty: field };
  if (op === "filled") return { not: { empty: field } };
  if (op === "range") return isEmpty(value) && isEmpty(rule.to) ? undefined : { range: [field, value ?? null, rule.to ?? null] };
  if (isEmpty(value)) return undefined;
  return { [op]: [field, value] } as Filter;
}
