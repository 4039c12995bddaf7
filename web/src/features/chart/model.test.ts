import { describe, expect, it } from "vitest";
import type { NodeDetail } from "@/api";
import { axisOf, drillTo, encodingOf } from "./model";

const detail = (xKageos: object) =>
  ({
    node: { path: "/demo/crm/revenue.chart" },
    function: { actions: [{ name: "query", output: { "x-kageos": xKageos } }] },
  }) as unknown as NodeDetail;

describe("encodingOf", () => {
  it("fills in what the chart does not say", () => {
    expect(encodingOf(detail({ mark: "pie", source: "/demo/crm/invoice.table" }))).toMatchObject({ mark: "pie", source: "/demo/crm/invoice.table", time: false });
    expect(encodingOf(detail({}))).toMatchObject({ mark: "bar", source: null });
  });
});

it("joins the places of all series", () => {
  expect(axisOf([{ name: "a", points: [{ x: "1", y: 1 }, { x: "2", y: 1 }] }, { name: "b", points: [{ x: "2", y: 1 }, { x: "3", y: 1 }] }])).toEqual(["1", "2", "3"]);
});

it("leads to the table with the mark's own filter, or nowhere", () => {
  expect(drillTo("/t.table", { eq: ["country", "Norway"] })).toEqual({ path: "/t.table", query: { filter: '{"eq":["country","Norway"]}' } });
  expect(drillTo(null, { empty: "x" })).toBeUndefined();
  expect(drillTo("/t.table", null)).toBeUndefined();
});
