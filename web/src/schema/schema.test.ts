import { describe, expect, it } from "vitest";
import { check, cleaned, initialValues } from "./check";
import { fieldsOf, grouped } from "./fields";

const schema = {
  type: "object",
  required: ["name", "state", "amount"],
  properties: {
    amount: { type: "string", pattern: "^\\d+\\.\\d{2}$", "x-kageos": { widget: "decimal", order: 3, scale: 2, group: "Money" } },
    name: { type: "string", title: "Name", minLength: 2, "x-kageos": { widget: "text", order: 1 } },
    state: { $ref: "#/$defs/State", "x-kageos": { widget: "select", order: 2 } },
    note: { type: ["string", "null"], "x-kageos": { widget: "multiline", order: 4, show_if: { eq: ["/state", "open"] } } },
    parent: { anyOf: [{ type: "string" }, { type: "null" }], "x-kageos": { widget: "relation", order: 5, require_if: { eq: ["/state", "closed"] } } },
  },
  $defs: { State: { oneOf: [{ const: "open", title: "Open" }, { const: "closed" }] } },
};

describe("fieldsOf", () => {
  it("follows references, takes null away and keeps the order", () => {
    const fields = fieldsOf(schema);
    expect(fields.map((field) => field.name)).toEqual(["name", "state", "amount", "note", "parent"]);
    expect(fields[1]?.meta.choices).toEqual([{ value: "open", label: "Open" }, { value: "closed", label: "Closed" }]);
    expect(fields[3]).toMatchObject({ nullable: true, required: false, title: "Note", schema: { type: "string" } });
    expect(fields[4]).toMatchObject({ nullable: true, schema: { type: "string" } });
  });
  it("groups by heading, the unnamed first", () => {
    expect(grouped(fieldsOf(schema)).map((group) => [group.title, group.fields.length])).toEqual([["", 4], ["Money", 1]]);
  });
});

describe("check", () => {
  it("finds what is missing and what has the wrong form", async () => {
    const problems = await check(schema, { name: "x", state: "closed", amount: "1" });
    expect(problems.map((problem) => [problem.pointer, problem.code])).toEqual([
      ["/name", "too_short"], ["/amount", "wrong_form"], ["/parent", "required"],
    ]);
  });
  it("accepts a good record", async () => expect(await check(schema, { name: "Ann", state: "open", amount: "1.00" })).toEqual([]));
  it("takes a switch that is off and an empty list for answers", async () => {
    const list = { type: "array", items: { type: "string" }, "x-kageos": { widget: "list", order: 2 } };
    const answers = { type: "object", required: ["on", "list"], properties: { on: { type: "boolean" }, list } };
    expect(initialValues(fieldsOf(answers))).toEqual({ on: false, list: [] });
    expect(await check(answers, { on: false, list: [] })).toEqual([]);
    const wanted = { ...answers, properties: { ...answers.properties, list: { ...list, minItems: 1 } } };
    expect((await check(wanted, { on: false, list: [] })).map((problem) => problem.code)).toEqual(["required"]);
  });
  it("does not send hidden fields and nulls emptied ones", () => {
    expect(cleaned(fieldsOf(schema), { name: "Ann", state: "closed", note: "secret", parent: "" })).toEqual({ name: "Ann", state: "closed", parent: null });
  });
});
