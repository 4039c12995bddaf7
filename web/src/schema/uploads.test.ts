import { describe, expect, it } from "vitest";
import { isTaken } from "./uploads";

describe("what a field takes", () => {
  const png = { name: "A.PNG", type: "image/png" };
  it.each([
    [undefined, true],
    ["", true],
    ["image/*", true],
    ["*/*", true],
    ["application/pdf, .png", true],
    ["image/png", true],
    ["image/jpeg", false],
    [".pdf", false],
    [",", false],
  ])("%s", (accept, taken) => expect(isTaken(accept, png)).toBe(taken));
});
