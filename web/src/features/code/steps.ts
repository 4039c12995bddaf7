import type { TableStep, TableStepKind } from "./types";

/** What was done to one table: each kind of step once, with the fields that it was done to. */
export type TableWork = { table: string; steps: { step: TableStepKind; names: string[] }[] };

/** Steps by their table, both in the order in which they were done first. */
export function byTable(steps: TableStep[]): TableWork[] {
  const works = new Map<string, Map<TableStepKind, string[]>>();
  for (const { table, step, name } of steps) {
    const kinds = works.get(table) ?? new Map<TableStepKind, string[]>();
    kinds.set(step, [...(kinds.get(step) ?? []), ...(name ? [name] : [])]);
    works.set(table, kinds);
  }
  return [...works].map(([table, kinds]) => ({ table, steps: [...kinds].map(([step, names]) => ({ step, names })) }));
}
