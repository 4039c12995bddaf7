/** A JSON Schema as an OpenAPI document holds it. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
};
export type Parameter = { name: string; in: "path" | "query" | "header"; required?: boolean; description?: string; schema?: Schema };
type RawOperation = {
  tags?: string[];
  summary?: string;
  description?: string;
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema?: Schema }> };
};
export type ApiDocument = { paths: Record<string, Record<string, RawOperation>>; components?: { schemas?: Record<string, Schema> } };
export type Operation = { id: string; tag: string; method: string; path: string; summary: string; text: string; parameters: Parameter[]; mediaType: string; body: Schema | undefined };
export type Field = { name: string; type: string; required: boolean; text: string };

/** Deeper than this a schema refers to itself. */
const maxDepth = 6;

/** Every operation, in the order of the document. */
export function operations(document: ApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, raw]) => {
      const [mediaType = "", content] = Object.entries(raw.requestBody?.content ?? {})[0] ?? [];
      return {
        id: raw.operationId,
        tag: raw.tags?.[0] ?? "",
        method: method.toUpperCase(),
        path,
        summary: raw.summary ?? raw.operationId,
        text: raw.description ?? "",
        parameters: raw.parameters ?? [],
        mediaType,
        body: content?.schema,
      };
    }),
  );
}

/** Operations in which every word occurs, by tag. */
export function grouped(all: Operation[], words: string): [string, Operation[]][] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Operation[]>();
  for (const operation of all) {
    const text = `${operation.method} ${operation.path} ${operation.summary} ${operation.id} ${operation.tag}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) continue;
    groups.set(operation.tag, [...(groups.get(operation.tag) ?? []), operation]);
  }
  return [...groups].sort(([one], [other]) => one.localeCompare(other));
}

function resolved(document: ApiDocument, schema: Schema | undefined): Schema {
  const name = schema?.$ref?.split("/").at(-1);
  return (name ? document.components?.schemas?.[name] : schema) ?? {};
}

const isNull = (schema: Schema) => schema.type === "null";
const typeOf = (schema: Schema) => (Array.isArray(schema.type) ? schema.type.find((type) => type !== "null") : schema.type);

/** The one of several schemas that says most. */
function chosen(document: ApiDocument, schema: Schema): Schema {
  const found = resolved(document, schema);
  const one = (found.oneOf ?? found.anyOf ?? found.allOf)?.find((part) => !isNull(part));
  return one ? chosen(document, one) : found;
}

/** A value that a schema accepts, with no more members than it needs. */
export function example(document: ApiDocument, schema: Schema | undefined, depth = 0): unknown {
  const found = chosen(document, schema ?? {});
  for (const known of [found.example, found.default, found.const, found.enum?.[0]]) if (known !== undefined) return known;
  if (depth > maxDepth) return null;
  switch (typeOf(found) ?? (found.properties ? "object" : "")) {
    case "object":
      return Object.fromEntries((found.required ?? []).map((name) => [name, example(document, found.properties?.[name], depth + 1)]));
    case "array":
      return [];
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    case "string":
      return found.format === "date-time" ? new Date().toISOString() : "";
    default:
      return {};
  }
}

/** The members of an object, as a line each. */
export function fields(document: ApiDocument, schema: Schema | undefined): Field[] {
  const found = chosen(document, schema ?? {});
  return Object.entries(found.properties ?? {}).map(([name, property]) => {
    const value = chosen(document, property);
    const type = value.enum?.map(String).join(" | ") ?? typeOf(value) ?? "any";
    return { name, type, required: !!found.required?.includes(name), text: property.description ?? value.description ?? "" };
  });
}

/** The address with the parameters in their places; what is empty is left out. */
export function address(operation: Operation, values: Record<string, string>): string {
  const query = new URLSearchParams();
  let path = operation.path;
  for (const parameter of operation.parameters) {
    const value = values[parameter.name]?.trim() ?? "";
    // A path is written with its slashes, as everywhere.
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, value.split("/").filter(Boolean).map(encodeURIComponent).join("/"));
    else if (parameter.in === "query" && value) query.set(parameter.name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Text as JSON with indents, or as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
