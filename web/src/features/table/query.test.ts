import { describe, expect, it } from "vitest";
import type { Filter } from "@/api";
import { countRules, parseFilter, parseSort, toggleSort, writeSort } from "./query";

describe("sort", () => {
  it("round-trips", () => expect(writeSort(parseSort("-total,name"))).toBe("-total,name"));
  it("goes up, down, off", () => {
    let sort = toggleSort([], "a", false);
    expect(writeSort(sort)).toBe("a");
    sort = toggleSort(sort, "a", false);
    expect(writeSort(sort)).toBe("-a");
    expect(writeSort(toggleSort(sort, "a", false))).toBe("");
  });
  it("adds to the others with shift and keeps their order", () => {
    expect(writeSort(toggleSort(parseSort("a,b"), "c", true))).toBe("a,b,c");
    expect(writeSort(toggleSort(parseSort("a,b"), "a", true))).toBe("-a,b");
    expect(writeSort(toggleSort(parseSort("-a,b"), "a", true))).toBe("b");
  });
});

describe("filter", () => {
  const filter: Filter = { and: [{ contains: ["name", "x"] }, { or: [{ eq: ["state", "open"] }, { not: { empty: "state" } }] }] };
  it("counts conditions", () => expect(countRules(filter)).toBe(3));
  it("takes an unreadable filter for none", () => expect(parseFilter("{")).toBeUndefined());
});
