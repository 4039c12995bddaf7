import type { FieldProblem, JsonObject, Values } from "@/api";
import { fieldsOf } from "./fields";
import { holds, isEmpty } from "./predicate";
import type { Field } from "./types";

export const isShown = (field: Field, values: unknown) => !field.meta.show_if || holds(field.meta.show_if, values);
/** A switch that is off and a list without entries are answers, unless the schema wants entries. */
const isAnswered = (field: Field) =>
  field.meta.widget === "switch" || (field.schema["type"] === "array" && !Number(field.schema["minItems"] ?? 0));
export const isRequired = (field: Field, values: unknown) =>
  (field.required && !isAnswered(field)) || (!!field.meta.require_if && holds(field.meta.require_if, values));
export const isReadonly = (field: Field, values: unknown) =>
  !!field.meta.readonly || !!field.meta.id || (!!field.meta.readonly_if && holds(field.meta.readonly_if, values));

/** What a form starts with: declared defaults, and the answers that an untouched field gives. */
export function initialValues(fields: Field[]): Values {
  const values: Values = {};
  for (const field of fields) {
    if ("default" in field.schema) values[field.name] = field.schema["default"];
    else if (field.required && isAnswered(field)) values[field.name] = field.meta.widget === "switch" ? false : [];
  }
  return values;
}

/** What is sent: hidden fields are left out, emptied ones become null. */
export function cleaned(fields: Field[], values: Values): Values {
  const out: Values = {};
  for (const field of fields) {
    if (field.meta.id || !isShown(field, values)) continue;
    const value = values[field.name];
    if (isEmpty(value) && !Array.isArray(value)) {
      if (field.nullable && value !== undefined) out[field.name] = null;
    } else out[field.name] = value;
  }
  return out;
}

const codes: Record<string, string> = {
  minLength: "too_short",
  maxLength: "too_long",
  minimum: "too_small",
  exclusiveMinimum: "too_small",
  maximum: "too_large",
  exclusiveMaximum: "too_large",
  pattern: "wrong_form",
  format: "wrong_form",
  enum: "not_a_choice",
  type: "wrong_type",
  multipleOf: "wrong_step",
  minItems: "too_few",
  maxItems: "too_many",
};

/** Fetches the code that checks while somebody types, so that the server may be away when it is needed. */
export const warmCheck = () => import("@cfworker/json-schema").catch(() => null);

/** Checks at once what the server will check again. The messages are codes; the form has the words. */
export async function check(schema: JsonObject, values: Values): Promise<FieldProblem[]> {
  const fields = fieldsOf(schema);
  const problems: FieldProblem[] = fields
    .filter((field) => isShown(field, values) && !isReadonly(field, values) && isRequired(field, values) && isEmpty(values[field.name]))
    .map((field) => ({ pointer: `/${field.name}`, code: "required", message: "" }));
  const code = await warmCheck();
  // Without it the server alone checks; a form that could not be sent for that would be worse.
  if (!code) return problems;
  const { Validator } = code;
  const result = new Validator(schema as ConstructorParameters<typeof Validator>[0], "2020-12", false).validate(cleaned(fields, values));
  const seen = new Set(problems.map((problem) => problem.pointer));
  for (const error of result.errors) {
    const pointer = error.instanceLocation.slice(1);
    const code = codes[error.keyword];
    if (!code || !pointer || seen.has(pointer)) continue;
    seen.add(pointer);
    problems.push({ pointer, code, message: "" });
  }
  const order = fields.map((field) => `/${field.name}`);
  const rank = (problem: FieldProblem) => order.findIndex((pointer) => (problem.pointer + "/").startsWith(pointer + "/"));
  return problems.sort((a, b) => rank(a) - rank(b));
}
