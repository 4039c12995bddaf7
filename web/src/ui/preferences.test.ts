import { expect, it } from "vitest";
import { makeFormatter } from "./format";
import { knownZone } from "./preferences";

it("keeps a time zone that the browser knows, and takes its own for another one", () => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  expect(["Asia/Shanghai", "UTC", "Mars/Olympus_Mons", ""].map(knownZone)).toEqual(["Asia/Shanghai", "UTC", own, own]);
  expect(makeFormatter("en-GB", knownZone("Mars/Olympus_Mons")).dateTime("2026-11-24T04:01:00Z")).toContain("2026");
});
