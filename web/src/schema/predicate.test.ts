import { expect, it } from "vitest";
import cases from "../../../kageos-core/tests/it/contract/predicates.json";
import { holds } from "./predicate";
import type { Predicate } from "./types";

// The same cases that the server answers: a form must not show what the server will not ask for.
it.each(cases)("$why", (one) => expect(holds(one.predicate as unknown as Predicate, one.value)).toBe(one.holds));

it("orders texts as the server does, beyond UTF-16", () => {
  expect(holds({ lt: ["/a", "\u{10000}"] }, { a: "\uffff" })).toBe(true);
  expect(holds({ lt: ["/a", "ab"] }, { a: "a" })).toBe(true);
  expect(holds({ lt: ["/a", "a"] }, { a: "ab" })).toBe(false);
});
