import { expect, it } from "vitest";
import { ApiError } from "@/api";
import { conflictsOf } from "./conflicts";

const refusal = (code: string, pointers: string[]) => new ApiError({ code, status: 409, fields: pointers.map((pointer) => ({ pointer, code: "changed", message: "" })) });

it("leads to the rows in the tables of the workspace", () => {
  expect(conflictsOf(refusal("undo_conflict", ["/customer.table/7", "/sales~1order.table/12"]), "/demo/crm/forms/pay.form")).toEqual([
    { to: { path: "/demo/crm/customer.table", query: { row: "7" } }, text: "customer.table #7" },
    { to: { path: "/demo/crm/sales/order.table", query: { row: "12" } }, text: "sales/order.table #12" },
  ]);
});

it("knows no rows of another refusal", () => {
  expect(conflictsOf(refusal("schema", ["/customer.table/7"]), "/demo/crm")).toEqual([]);
  expect(conflictsOf(new Error("no"), "/demo/crm")).toEqual([]);
});
