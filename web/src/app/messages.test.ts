import { expect, it } from "vitest";
import { collect } from "./messages";

it("puts messages under the folder that holds them", () => {
  const files = { "/src/ui/locales/en.json": { save: "Save" }, "/src/features/table/locales/en.json": { bin: "Bin" } };
  expect(collect(files)).toEqual({ ui: { save: "Save" }, table: { bin: "Bin" } });
});
