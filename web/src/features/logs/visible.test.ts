import { expect, it } from "vitest";
import { visible } from "./visible";

it("shows what would act on the screen", () => {
  expect(visible("\u001b[31mred\u0000 \u007f \u009b1m \u202eabc")).toBe("␛[31mred␀ ␡ \\u009b1m \\u202eabc");
  expect(visible("one\n\ttwo 你好 👍")).toBe("one\n\ttwo 你好 👍");
});
