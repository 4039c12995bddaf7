import { expect, it } from "vitest";
import type { Activity, NodeDetail } from "@/api";
import { isUndoable } from "./undoable";

const item = (action: string) => ({ action }) as Activity;
const table = { function: { actions: [{ name: "update", effect: { undoable: true } }, { name: "purge", effect: { undoable: false } }] } } as NodeDetail;
const directory = { function: null } as NodeDetail;

it("offers to take back what the action says, and an undo", () => {
  expect(["update", "purge", "undo", "grant"].map((action) => isUndoable(item(action), table))).toEqual([true, false, true, false]);
  expect(["describe", "grant", "undo"].map((action) => isUndoable(item(action), directory))).toEqual([true, false, true]);
  expect(isUndoable(item("update"), undefined)).toBe(false);
});
