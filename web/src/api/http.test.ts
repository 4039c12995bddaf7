import { afterEach, expect, it, vi } from "vitest";
import { ask } from "./http";

afterEach(() => vi.unstubAllGlobals());

it.each([
  [{ "kageos-call": "a" }, { call: "a", undoable: true }],
  [{ "kageos-call": "a", "kageos-undoable": "true" }, { call: "a", undoable: true }],
  [{ "kageos-call": "a", "kageos-undoable": "false" }, { call: "a", undoable: false }],
])("an answer with the headers %j can be taken back as they say", async (headers, outcome) => {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ created: 1 }, { headers })));
  expect(await ask("/api/v1/import/x.table")).toEqual({ status: 200, body: { created: 1 }, ...outcome });
});
