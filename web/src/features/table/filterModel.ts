import type { Filter } from "@/api";
import { type Field, isEmpty, isNumeric, type Widget } from "@/schema";

export type Operator = "eq" | "ne" | "in" | "contains" | "starts" | "range" | "empty" | "filled";
export type Rule = { kind: "rule"; field: string; op: Operator; value: unknown; to?: unknown };
/** A condition that has no control: it stays as it is, or goes. */
export type Kept = { kind: "kept"; filter: Filter };
export type Part = Rule | Kept | Group;
export type Group = { kind: "group"; op: "and" | "or"; items: Part[] };

/** Which questions a field can be asked. */
export function operatorsOf(field: Field): Operator[] {
  const { widget } = field.meta;
  if (isNumeric(field)) return ["eq", "ne", "range", "empty", "filled"];
  if (widget === "date" || widget === "date_time") return ["range", "empty", "filled"];
  if (widget === "switch") return ["eq"];
  if (widget === "select") return ["in", "eq", "ne", "empty", "filled"];
  if (widget === "relation" || widget === "user") return ["eq", "ne", "empty", "filled"];
  if (widget === "id") return ["eq"];
  if (widget === "multi_select") return ["contains", "empty", "filled"];
  if (widget === "file" || widget === "files" || widget === "list") return ["empty", "filled"];
  return ["contains", "starts", "eq", "ne", "empty", "filled"];
}

export function newRule(field: Field): Rule {
  return { kind: "rule", field: field.name, op: operatorsOf(field)[0] ?? "eq", value: field.meta.widget === "switch" ? true : null };
}

/** The editable form of a filter over these fields. */
export function toGroup(filter: Filter | undefined, fields: Field[]): Group {
  const part = filter ? toPart(filter, fields) : undefined;
  if (part?.kind === "group") return part;
  return { kind: "group", op: "and", items: part ? [part] : [] };
}

function toPart(filter: Filter, fields: Field[]): Part {
  const op = "and" in filter ? "and" : "or";
  const parts = "and" in filter ? filter.and : "or" in filter ? filter.or : [];
  if (parts.length) return { kind: "group", op, items: parts.map((part) => toPart(part, fields)) };
  const rule = toRule(filter);
  const field = fields.find((one) => one.name === rule?.field);
  // A rule that a person has not filled in is left out; one that came so means something.
  return rule && field && operatorsOf(field).includes(rule.op) && ruleFilter(rule) ? rule : { kind: "kept", filter };
}

/** A single condition as a rule; what is made of others is none. */
export function toRule(filter: Filter): Rule | undefined {
  if ("and" in filter || "or" in filter) return undefined;
  if ("empty" in filter) return { kind: "rule", field: filter.empty, op: "empty", value: null };
  if ("not" in filter) return "empty" in filter.not ? { kind: "rule", field: filter.not.empty, op: "filled", value: null } : undefined;
  if ("range" in filter) return { kind: "rule", field: filter.range[0], op: "range", value: filter.range[1], to: filter.range[2] };
  const [op, args] = Object.entries(filter)[0] as [Operator, [string, unknown]];
  return { kind: "rule", field: args[0], op, value: args[1] };
}

/** The filter of a group; rules without a value are left out. */
export function toFilter(group: Group): Filter | undefined {
  const parts = group.items.map(partFilter).filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  if (parts.length === 1) return parts[0];
  return group.op === "and" ? { and: parts } : { or: parts };
}

function partFilter(part: Part): Filter | undefined {
  if (part.kind === "kept") return part.filter;
  return part.kind === "group" ? toFilter(part) : ruleFilter(part);
}

function ruleFilter(rule: Rule): Filter | undefined {
  const { field, op, value } = rule;
  if (op === "empty") return { empty: field };
  if (op === "filled") return { not: { empty: field } };
  if (op === "range") return isEmpty(value) && isEmpty(rule.to) ? undefined : { range: [field, value ?? null, rule.to ?? null] };
  if (isEmpty(value)) return undefined;
  return { [op]: [field, value] } as Filter;
}

/** What one value of such a field is shown as, where that is not the field's own widget. */
const single: Partial<Record<Widget, Widget>> = { multiline: "text", markdown: "text", email: "text", link: "text", multi_select: "select", files: "file" };

/** The field that the value of a rule is typed and shown as: never demanded or explained. */
export function askedField(field: Field, op: Operator): Field {
  const { meta } = field;
  const widget = op === "in" ? "multi_select" : (single[meta.widget] ?? meta.widget);
  return { ...field, required: false, meta: { ...meta, widget, placeholder: null } };
}
