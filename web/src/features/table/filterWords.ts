import type { Filter, Labels } from "@/api";
import { type Field, isEmpty, textOf } from "@/schema";
import type { Formatter } from "@/ui";
import { askedField, type Rule, toRule } from "./filterModel";

type Words = { fields: Field[]; labels: Labels; format: Formatter; t: (key: string) => string };

/** A filter as a person reads it, for what has no control. */
export function filterWords(filter: Filter, words: Words): string {
  const { t } = words;
  const rule = toRule(filter);
  if (rule) return ruleWords(rule, words);
  if ("and" in filter) return `${t("table.filter.and")} (${filter.and.map((part) => filterWords(part, words)).join("; ")})`;
  if ("or" in filter) return `${t("table.filter.or")} (${filter.or.map((part) => filterWords(part, words)).join("; ")})`;
  return "not" in filter ? `${t("table.filter.not")} (${filterWords(filter.not, words)})` : "";
}

function ruleWords({ field: name, op, value, to }: Rule, { fields, labels, format, t }: Words): string {
  const field = fields.find((one) => one.name === name);
  const word = (one: unknown): string => {
    if (isEmpty(one)) return "–";
    if (typeof one === "boolean") return t(one ? "schema.yes" : "schema.no");
    return field ? textOf(askedField(field, "eq"), one, labels[name], format) : String(one);
  };
  const start = `${field?.title ?? name} ${t(`table.filter.op.${op}`)}`;
  if (op === "empty" || op === "filled") return start;
  if (op === "range") return `${start} ${word(value)} … ${word(to)}`;
  return `${start} ${Array.isArray(value) && value.length ? value.map(word).join(", ") : word(value)}`;
}
