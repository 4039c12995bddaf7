import { expect, it } from "vitest";
import { clashes, firstChoice, merged } from "./merge";

const base = { name: "Ann", city: "Oslo", phone: "1" };
const mine = { name: "Anne", city: "Oslo", phone: "2" };
const theirs = { name: "Ann", city: "Bergen", phone: "3" };

it("names each difference and who made it", () => {
  expect(clashes(base, mine, theirs).map((clash) => [clash.name, clash.mineChanged, clash.theirsChanged])).toEqual([
    ["name", true, false], ["city", false, true], ["phone", true, true],
  ]);
});
it("keeps both people's work unless they touched the same field", () => {
  const choices = Object.fromEntries(clashes(base, mine, theirs).map((clash) => [clash.name, firstChoice(clash)]));
  expect(choices).toEqual({ name: "mine", city: "theirs", phone: "theirs" });
  expect(merged(mine, theirs, choices)).toEqual({ name: "Anne", city: "Bergen", phone: "3" });
});
