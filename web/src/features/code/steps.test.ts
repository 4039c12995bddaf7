import { describe, expect, it } from "vitest";
import { byTable } from "./steps";
import en from "./locales/en.json";
import zh from "./locales/zh.json";
import type { TableStep, TableStepKind } from "./types";

describe("what a release did to tables", () => {
  it("stands by table and kind, in the order in which it was done", () => {
    const steps: TableStep[] = [
      { table: "b.table", step: "create_table" },
      { table: "b.table", step: "add_index", name: "state" },
      { table: "a.table", step: "add_column", name: "place" },
      { table: "a.table", step: "fill_default", name: "place" },
      { table: "a.table", step: "add_column", name: "minutes" },
    ];
    expect(byTable(steps)).toEqual([
      {
        table: "b.table",
        steps: [
          { step: "create_table", names: [] },
          { step: "add_index", names: ["state"] },
        ],
      },
      {
        table: "a.table",
        steps: [
          { step: "add_column", names: ["place", "minutes"] },
          { step: "fill_default", names: ["place"] },
        ],
      },
    ]);
  });

  it("has words for each kind in both languages", () => {
    // The types say that none is missing.
    const all: Record<TableStepKind, string>[] = [en.tableStep, zh.tableStep];
    expect(all.flatMap((words) => Object.values(words)).filter((words) => words.trim() === "")).toEqual([]);
  });
});
