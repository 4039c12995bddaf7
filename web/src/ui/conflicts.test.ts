import { afterEach, expect, it } from "vitest";
import { ApiError } from "@/api";
import { conflictsOf, nameRowsBy } from "./conflicts";

const refusal = (code: string, pointers: string[]) => new ApiError({ code, status: 409, fields: pointers.map((pointer) => ({ pointer, code: "changed", message: "" })) });
const conflict = refusal("undo_conflict", ["/customer.table/7", "/sales~1order.table/12", "/customer.table/8"]);
const words = async (max?: number) => (await conflictsOf(conflict, "/demo/crm/forms/pay.form", max)).map((link) => link.text);

afterEach(() => nameRowsBy(() => Promise.resolve(new Map())));

it("leads to the rows in the tables of the workspace", async () => {
  expect(await conflictsOf(conflict, "/demo/crm/forms/pay.form", 2)).toEqual([
    { to: { path: "/demo/crm/customer.table", query: { row: "7" } }, text: "customer.table #7" },
    { to: { path: "/demo/crm/sales/order.table", query: { row: "12" } }, text: "sales/order.table #12" },
  ]);
});

it("calls the rows what their tables call them, and by id what has no name", async () => {
  const asked: [string, string[]][] = [];
  nameRowsBy((path, ids) => {
    asked.push([path, ids]);
    return path.endsWith("customer.table") ? Promise.resolve(new Map([["7", { name: "Ada Lovelace", bin: false }]])) : Promise.reject(new Error("out of reach"));
  });
  expect(await words()).toEqual(["Ada Lovelace · customer.table", "sales/order.table #12", "customer.table #8"]);
  expect(asked).toEqual([["/demo/crm/customer.table", ["7", "8"]], ["/demo/crm/sales/order.table", ["12"]]]);
});

it("leads into the recycle bin where a row lies there", async () => {
  nameRowsBy(() => Promise.resolve(new Map([["7", { name: "Ada", bin: true }]])));
  expect((await conflictsOf(conflict, "/demo/crm/pay.form", 1))[0]?.to).toEqual({ path: "/demo/crm/customer.table", query: { row: "7", bin: "1" } });
});

it("knows no rows of another refusal", async () => {
  expect(await conflictsOf(refusal("schema", ["/customer.table/7"]), "/demo/crm")).toEqual([]);
  expect(await conflictsOf(new Error("no"), "/demo/crm")).toEqual([]);
});
