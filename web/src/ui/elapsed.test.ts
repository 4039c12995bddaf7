import { expect, it } from "vitest";
import { elapsed } from "./elapsed";

it.each([
  [-5_000, "0:00"],
  [7_900, "0:07"],
  [750_000, "12:30"],
  [3_723_000, "1:02:03"],
])("%i ms is %s", (ms, text) => expect(elapsed(ms)).toBe(text));
