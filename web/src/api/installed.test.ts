import { expect, it } from "vitest";
import { installed } from "./installed";
import type { NodeDetail } from "./types";

const detail = (annotation: unknown) =>
  ({ node: { path: "/demo/crm/sales/invoice.table" }, function: { actions: [{ output: { properties: { a: { "x-kageos": annotation } } } }] } }) as unknown as NodeDetail;

it.each([
  [{ relation: { path: "customer.table", label: "name" } }, { relation: { path: "/demo/crm/customer.table", label: "name" } }],
  [{ relation: { path: "/other/app/customer.table", label: "name" } }, { relation: { path: "/other/app/customer.table", label: "name" } }],
  [{ source: "sales/invoice.table" }, { source: "/demo/crm/sales/invoice.table" }],
  [{ source: null, widget: "text" }, { source: null, widget: "text" }],
])("%j leads to %j", (given, wanted) => expect(installed(detail(given))).toEqual(detail(wanted)));
