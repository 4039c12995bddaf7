import { expect, it } from "vitest";
import { fromWallTime, toWallTime } from "./zoned";

const cases: [string, string, string][] = [
  ["2026-01-15T12:00:00Z", "UTC", "2026-01-15T12:00"],
  ["2026-01-15T12:00:00Z", "Asia/Shanghai", "2026-01-15T20:00"],
  ["2026-07-15T12:00:00Z", "Europe/Berlin", "2026-07-15T14:00"],
  ["2026-03-29T01:30:00Z", "Europe/Berlin", "2026-03-29T03:30"],
];
it.each(cases)("%s in %s is %s, and back", (instant, zone, wall) => {
  expect(toWallTime(instant, zone)).toBe(wall);
  expect(fromWallTime(wall, zone)).toBe(instant);
});
