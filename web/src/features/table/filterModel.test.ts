import { expect, it } from "vitest";
import type { Filter } from "@/api";
import { type Field, fieldsOf, type Widget } from "@/schema";
import { makeFormatter } from "@/ui";
import { askedField, newRule, type Part, toFilter, toGroup } from "./filterModel";
import { filterWords } from "./filterWords";

const widgets: Widget[] = ["text", "multiline", "markdown", "integer", "decimal", "switch", "select", "multi_select", "date", "date_time", "email", "link", "file", "files", "user", "relation", "list", "id"];
const choices = [{ value: "red", label: "Red" }, { value: "blue", label: "Blue" }];
const properties = Object.fromEntries(widgets.map((widget, order) => [widget, { type: "string", "x-kageos": { widget, order, choices } }]));
const fields = fieldsOf({ type: "object", properties });

/** Any filter of the grammar, made from a seed. */
function filterOf(seed: number): Filter {
  let state = seed;
  const below = (n: number) => (state = (state * 48271) % 2147483647) % n;
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const field = () => pick([...widgets, "gone"]);
  const value = () => pick([null, "", "red", "12.50", 0, 7, true, false]);
  const text = () => pick(["", "red"]);
  const several = <T>(one: () => T) => Array.from({ length: below(4) }, one);
  const filter = (depth: number): Filter => {
    const makers: (() => Filter)[] = [
      () => ({ eq: [field(), value()] }),
      () => ({ ne: [field(), value()] }),
      () => ({ in: [field(), several(value)] }),
      () => ({ contains: [field(), text()] }),
      () => ({ starts: [field(), text()] }),
      () => ({ range: [field(), value(), value()] }),
      () => ({ empty: field() }),
      () => ({ and: several(() => filter(depth + 1)) }),
      () => ({ or: several(() => filter(depth + 1)) }),
      () => ({ not: filter(depth + 1) }),
    ];
    return pick(depth < 8 ? makers : makers.slice(0, 7))();
  };
  return filter(1);
}

/** Without groups around a single part, which mean the part. */
function plain(filter: Filter): Filter {
  if (!("and" in filter || "or" in filter)) return filter;
  const parts = ("and" in filter ? filter.and : filter.or).map(plain);
  return parts.length === 1 ? (parts[0] as Filter) : "and" in filter ? { and: parts } : { or: parts };
}

it("gives back every filter of the grammar", () => {
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const filter = filterOf(seed);
    expect(toFilter(toGroup(filter, fields)), `seed ${seed}`).toEqual(plain(filter));
  }
});

const t = (key: string) => key.split(".").at(-1) ?? "";
const words = (filter: Filter) => filterWords(filter, { fields, labels: { user: { "7": "Ada" } }, format: makeFormatter("en", "UTC"), t });
it("has words for every filter", () => {
  for (let seed = 1; seed <= 5_000; seed += 1) expect(words(filterOf(seed)), `seed ${seed}`).not.toBe("");
  expect(words({ not: { and: [{ eq: ["user", "7"] }, { contains: ["multi_select", "red"] }] } })).toBe("not (and (User eq Ada; Multi select contains Red))");
  expect(words({ or: [{ ne: ["text", null] }, { in: ["integer", [1, 2]] }, { range: ["gone", null, 5] }] })).toBe("or (Text ne –; Integer in 1, 2; gone range – … 5)");
});

const kinds = (filter: Filter) => toGroup(filter, fields).items.map((part: Part) => part.kind);
it("shows what has a control by it, and the rest as it is", () => {
  expect(kinds({ and: [{ eq: ["text", "x"] }, { not: { empty: "text" } }, { contains: ["multi_select", "red"] }, { or: [{ eq: ["select", "red"] }, { in: ["select", ["red"]] }] }] })).toEqual(["rule", "rule", "rule", "group"]);
  expect(kinds({ and: [{ eq: ["text", null] }, { not: { eq: ["text", "x"] } }, { or: [] }, { in: ["text", ["x"]] }, { empty: "gone" }] })).toEqual(Array.from({ length: 5 }, () => "kept"));
});

it("asks several choices for one of them", () => {
  const field = fields.find((one) => one.name === "multi_select") as Field;
  expect(newRule(field)).toMatchObject({ op: "contains", value: null });
  expect(askedField(field, "contains").meta).toMatchObject({ widget: "select", choices });
});

it("leaves out what a person has not filled in", () => {
  const items = fields.filter((field) => field.meta.widget === "text").map(newRule);
  expect(toFilter({ kind: "group", op: "and", items: [...items, { kind: "group", op: "or", items }] })).toBeUndefined();
});
