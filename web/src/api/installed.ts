import type { NodeDetail } from "./types";

/** `/demo/crm` of a path in it: the workspace is always the second place. */
const workspaceOf = (path: string) => path.split("/").slice(0, 3).join("/");

/**
 * Gives the paths in a function's schemas their workspace. An app says where a
 * relation or a chart leads as it stands in the app: `customer.table`.
 */
export function installed(detail: NodeDetail): NodeDetail {
  const workspace = workspaceOf(detail.node.path);
  const whole = (path: unknown) => (typeof path === "string" && !path.startsWith("/") ? `${workspace}/${path}` : path);
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, key === "x-kageos" ? annotation(part) : walk(part)]));
  };
  const annotation = (value: unknown): unknown => {
    const given = value as { relation?: { path: string }; source?: unknown };
    const relation = given.relation ? { relation: { ...given.relation, path: whole(given.relation.path) } } : {};
    return { ...given, ...relation, ...("source" in given ? { source: whole(given.source) } : {}) };
  };
  return { ...detail, function: walk(detail.function) as NodeDetail["function"] };
}
