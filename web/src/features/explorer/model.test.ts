import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { address, type ApiDocument, example, fields, grouped, operations, pretty } from "./model";

const document = JSON.parse(readFileSync("openapi.json", "utf8")) as ApiDocument;
const all = operations(document);
const named = (id: string) => {
  const found = all.find((operation) => operation.id === id);
  if (!found) throw new Error(id);
  return found;
};

test("every operation of the document is there, once", () => {
  expect(new Set(all.map((operation) => operation.id)).size).toBe(all.length);
  expect(all.length).toBeGreaterThan(30);
  expect(grouped(all, "").flatMap(([, operations]) => operations)).toHaveLength(all.length);
});

test("words narrow the list", () => {
  const found = grouped(all, "post tokens").flatMap(([, operations]) => operations.map((operation) => operation.id));
  expect(found).toEqual([named("create_token").id]);
  expect(grouped(all, "nothing like this")).toEqual([]);
});

test("an example has what is required and nothing else", () => {
  expect(example(document, named("call").body)).toEqual({ action: "", input: {} });
  expect(example(document, named("create_namespace").body)).toEqual({ code: "", title: "" });
  expect(example(document, named("change_user").body)).toEqual({});
});

test("a schema that refers to itself ends", () => {
  const knot: ApiDocument = { paths: {}, components: { schemas: { Knot: { type: "object", required: ["knot"], properties: { knot: { $ref: "#/components/schemas/Knot" } } } } } };
  expect(JSON.stringify(example(knot, { $ref: "#/components/schemas/Knot" }))).toContain("null");
});

test("fields say what they are", () => {
  const found = fields(document, named("call").body);
  expect(found.find((field) => field.name === "dry_run")).toMatchObject({ type: "boolean", required: false });
  expect(found.find((field) => field.name === "action")?.required).toBe(true);
  expect(fields(document, undefined)).toEqual([]);
});

test("an address has its parameters in their places", () => {
  expect(address(named("node"), { path: "/demo/crm" })).toBe("/api/v1/node/demo/crm");
  expect(address(named("list_nodes"), { path: "/demo", limit: " ", next: "" })).toBe("/api/v1/tree?path=%2Fdemo");
});

test("what is no JSON is shown as it is", () => {
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("a,b")).toBe("a,b");
});
