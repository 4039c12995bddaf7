import { expect, it } from "vitest";
import { prefill } from "./prefill";

const schema = {
  type: "object",
  properties: {
    amount: { type: "string", "x-kageos": { widget: "decimal", order: 0 } },
    count: { type: "integer", default: 1 },
    paid: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    secret: { type: "string", "x-kageos": { widget: "text", order: 9, sensitive: true } },
  },
};
it("takes defaults, then the URL by type, and never a sensitive field", () => {
  const query = { amount: "1.50", count: "3", paid: "true", tags: "a,b", secret: "x", panel: "access" };
  expect(prefill(schema, query)).toEqual({ amount: "1.50", count: 3, paid: true, tags: ["a", "b"] });
  expect(prefill(schema, {})).toEqual({ count: 1 });
});
