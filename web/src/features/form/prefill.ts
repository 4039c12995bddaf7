import type { JsonObject, Values } from "@/api";
import { fieldsOf, initialValues } from "@/schema";

/** First values of a form: the schema's defaults, then what the URL gives by field name. */
export function prefill(schema: JsonObject, query: Record<string, unknown>): Values {
  const fields = fieldsOf(schema);
  const values = initialValues(fields);
  for (const field of fields) {
    const given = query[field.name];
    if (typeof given === "string" && !field.meta.sensitive) values[field.name] = typed(given, field.schema["type"]);
  }
  return values;
}

function typed(text: string, type: unknown): unknown {
  if (type === "boolean") return text === "true" || text === "1";
  if (type === "integer" || type === "number") return Number.isNaN(Number(text)) ? text : Number(text);
  if (type === "array") return text.split(",");
  return text;
}
