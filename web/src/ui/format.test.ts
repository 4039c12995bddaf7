import { expect, it } from "vitest";
import { makeFormatter, regional } from "./format";

it("takes the reader's region where it has the language, and one of the language where it has not", () => {
  expect(regional("en", ["de-DE", "en-GB", "en"])).toBe("en-GB");
  expect(regional("zh", ["en-US"])).toBe("zh-CN");
  expect(regional("zh", ["zh-TW", "zh-CN"])).toBe("zh-TW");
  expect(regional("en", [])).toBe("en");
});

it("writes times of the zone in the words of the region", () => {
  expect(makeFormatter("en-GB", "Europe/Berlin").dateTime("2026-11-24T04:01:00Z")).toBe("24 Nov 2026, 05:01");
  expect(makeFormatter("en-US", "UTC").date("2026-11-24")).toBe("Nov 24, 2026");
});
