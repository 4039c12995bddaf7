import { useI18n } from "vue-i18n";
import type { FieldProblem } from "@/api";
import type { Field } from "./types";

const limits: Record<string, string[]> = {
  too_short: ["minLength"],
  too_long: ["maxLength"],
  too_small: ["minimum", "exclusiveMinimum"],
  too_large: ["maximum", "exclusiveMaximum"],
  too_few: ["minItems"],
  too_many: ["maxItems"],
};

function limitOf(field: Field, code: string): string {
  return String((limits[code] ?? []).map((keyword) => field.schema[keyword]).find((limit) => limit !== undefined) ?? "");
}

/** What is wrong with a field: the server's words, or ours for what the browser found. */
export function useProblemWords(): (field: Field, problem: FieldProblem) => string {
  const { t, te } = useI18n();
  return (field, problem) => {
    const key = `schema.problem.${problem.code}`;
    return problem.message || (te(key) ? t(key, { limit: limitOf(field, problem.code) }) : problem.code);
  };
}
