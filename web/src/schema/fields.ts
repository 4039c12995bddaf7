import type { JsonObject } from "@/api";
import { plainText } from "@/ui/plainText";
import type { Annotation, Field, Widget } from "./types";

const object = (value: unknown): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

const maxDepth = 16;

/** Follows a local `$ref`; what stands beside the reference wins over its target. */
export function deref(schema: JsonObject, root: JsonObject, depth = 0): JsonObject {
  const ref = schema["$ref"];
  if (typeof ref !== "string" || !ref.startsWith("#/") || depth > maxDepth) return schema;
  let target: unknown = root;
  for (const part of ref.slice(2).split("/")) {
    target = object(target)?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  const { $ref: _, ...beside } = schema;
  return { ...deref(object(target) ?? {}, root, depth + 1), ...beside };
}

const isNull = (schema: unknown) => object(schema)?.["type"] === "null";

/** Takes the null out of `T | null` in its three spellings. */
function withoutNull(schema: JsonObject, root: JsonObject): { schema: JsonObject; nullable: boolean } {
  for (const key of ["anyOf", "oneOf"]) {
    const options = schema[key];
    if (!Array.isArray(options) || !options.some(isNull)) continue;
    const rest = options.filter((option) => !isNull(option)) as JsonObject[];
    if (rest.length !== 1 || !rest[0]) continue;
    const { [key]: _, ...beside } = schema;
    return { schema: { ...deref(rest[0], root), ...beside }, nullable: true };
  }
  const type = schema["type"];
  if (Array.isArray(type) && type.includes("null")) {
    const rest = type.filter((one) => one !== "null");
    return { schema: { ...schema, type: rest.length === 1 ? rest[0] : rest }, nullable: true };
  }
  return { schema, nullable: false };
}

function guessWidget(schema: JsonObject): Widget {
  const format = schema["format"];
  if (format === "date") return "date";
  if (format === "date-time") return "date_time";
  if (format === "email" || format === "idn-email") return "email";
  if (format === "uri") return "link";
  if (Array.isArray(schema["enum"]) || Array.isArray(schema["oneOf"])) return "select";
  const widgets: Record<string, Widget> = { integer: "integer", number: "decimal", boolean: "switch", array: "list" };
  return widgets[String(schema["type"])] ?? "text";
}

function choicesOf(schema: JsonObject): Annotation["choices"] {
  if (Array.isArray(schema["enum"])) return schema["enum"].filter((value) => value !== null).map((value) => ({ value: String(value), label: humane(String(value)) }));
  if (!Array.isArray(schema["oneOf"])) return null;
  return (schema["oneOf"] as JsonObject[])
    .filter((option) => "const" in option)
    .map((option) => ({ value: String(option["const"]), label: String(option["title"] ?? humane(String(option["const"]))) }));
}

/** `first_name` as `First name`, for schemas that give no title. */
export function humane(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A description that only repeats the title tells nothing. */
const unlessSaid = (description: string, title: string) => (description.replace(/\.$/, "").toLowerCase() === title.toLowerCase() ? "" : description);

/** The fields of an object schema in the order the author declared. */
export function fieldsOf(document: JsonObject, root: JsonObject = document): Field[] {
  const schema = deref(document, root);
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  const properties = object(schema["properties"]) ?? {};
  const fields = Object.entries(properties).map(([name, raw], index): Field => {
    const own = deref(object(raw) ?? {}, root);
    const { schema: bare, nullable } = withoutNull(own, root);
    const given = (object(own["x-kageos"]) ?? object(bare["x-kageos"]) ?? {}) as Partial<Annotation>;
    const meta: Annotation = { order: index, list: true, filter: false, sort: false, search: false, ...given, widget: given.widget ?? guessWidget(bare) };
    if (!meta.choices && (meta.widget === "select" || meta.widget === "multi_select")) {
      const items = object(bare["items"]);
      meta.choices = choicesOf(items ? deref(items, root) : bare);
    }
    const title = String(own["title"] ?? bare["title"] ?? humane(name));
    return {
      name,
      title,
      description: unlessSaid(plainText(String(own["description"] ?? "")), title),
      required: required.has(name) && !nullable,
      nullable,
      schema: bare,
      meta,
    };
  });
  return fields.sort((a, b) => a.meta.order - b.meta.order);
}

/** Fields under the headings their author gave, in the order of their first fields. */
export function grouped(fields: Field[]): { title: string; fields: Field[] }[] {
  const groups = new Map<string, Field[]>();
  for (const field of fields) {
    const title = field.meta.group ?? "";
    groups.set(title, [...(groups.get(title) ?? []), field]);
  }
  return [...groups].map(([title, members]) => ({ title, fields: members }));
}

/** Says whether a number travels as a string, as decimals and 64-bit integers do. */
export function isStringCarrier(field: Field): boolean {
  const type = field.schema["type"];
  return Array.isArray(type) ? type.includes("string") : type === "string";
}
