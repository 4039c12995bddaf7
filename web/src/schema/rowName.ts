import { api, type JsonObject, type Labels, type Values } from "@/api";
import type { NamedRow } from "@/ui/conflicts";
import type { Formatter } from "@/ui/format";
import { fieldsOf } from "./fields";
import { textOf } from "./present";

/** What a row is called: its first field, or a first and a last name together. Other pairs of fields do not belong together. */
export function rowName(schema: JsonObject, values: Values, labels: Labels, format: Formatter): string {
  const [first, second] = fieldsOf(schema).filter((one) => !one.meta.id && one.meta.list);
  const fields = second?.meta.widget === "text" && first?.meta.widget === "text" ? [first, second] : first ? [first] : [];
  const words = fields.map((field) => textOf(field, values[field.name], labels[field.name], format));
  return words.filter(Boolean).join(" ");
}

/** What rows of a table are called, by id, those in the recycle bin too; a row that the reader may not see has no name. */
export async function rowNames(path: string, ids: string[], format: Formatter): Promise<Map<string, NamedRow>> {
  const names = new Map<string, NamedRow>();
  const schema = (await api.tree.node(path)).function?.table?.row;
  if (!schema) return names;
  for (const bin of [false, true]) {
    const missing = ids.filter((id) => !names.has(id));
    if (!missing.length) break;
    const { rows, labels } = await api.table.search(path, { filter: { in: ["id", missing] }, limit: missing.length, bin });
    for (const { id, values } of rows) names.set(id, { name: rowName(schema, values, labels ?? {}, format), bin });
  }
  return names;
}
