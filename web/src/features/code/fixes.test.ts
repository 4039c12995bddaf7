import { describe, expect, it } from "vitest";
import { applyFix, filesOf, rangeOf, replacement } from "./fixes";

const text = "use a::B;\n\nlet x: Emial = 1;\n";
const edit = (line: number, column: number, end: number, put: string) => ({ path: "x.rs", line, column, end_line: line, end_column: end, text: put });

const cut = (span: Parameters<typeof rangeOf>[1], of = text) => {
  const { from, to } = rangeOf(of, span);
  return of.slice(from, to);
};

describe("rangeOf", () => {
  it("counts lines and columns from 1", () => {
    expect(cut({ line: 3, column: 8, end_line: 3, end_column: 13 })).toBe("Emial");
    expect(cut({ line: 1, column: 1, end_line: 3, end_column: 4 })).toBe("use a::B;\n\nlet");
  });
  it("counts characters, not their parts", () => {
    expect(cut({ line: 1, column: 3, end_line: 1, end_column: 5 }, "🦀 ab")).toBe("ab");
  });
  it("stays inside the text", () => {
    expect(rangeOf("ab", { line: 9, column: 9, end_line: 9, end_column: 9 })).toEqual({ from: 2, to: 2 });
    expect(rangeOf("ab\ncd", { line: 1, column: 99, end_line: 1, end_column: 1 })).toEqual({ from: 2, to: 2 });
  });
});

describe("applyFix", () => {
  it("puts every edit in its place", () => {
    const edits = [edit(1, 8, 9, "C"), edit(3, 8, 13, "Email"), { ...edit(1, 1, 1, "use z;\n") }];
    expect(applyFix(text, text, edits)).toBe("use z;\nuse a::C;\n\nlet x: Email = 1;\n");
  });
  it("follows lines that have moved", () => {
    expect(applyFix(text, `// more\n${text}`, [edit(3, 8, 13, "Email")])).toBe(`// more\n${text.replace("Emial", "Email")}`);
  });
  it("leaves lines alone that have changed, or stand at several places", () => {
    expect(applyFix(text, text.replace("Emial", "Mail"), [edit(3, 8, 13, "Email")])).toBeNull();
    expect(applyFix("a\nb", "x\na\na\nb", [edit(1, 1, 2, "c")])).toBeNull();
  });
});

it("names the files of a fix once", () => {
  expect(filesOf([edit(1, 1, 1, ""), { ...edit(1, 1, 1, ""), path: "y.rs" }, edit(2, 1, 1, "")])).toEqual(["x.rs", "y.rs"]);
});

it.each([["abc", "abXc"], ["abc", ""], ["", "abc"], ["aaa", "aa"], ["same", "same"], ["abcd", "axyd"]])("%j becomes %j by the smallest replacement", (old, now) => {
  const { from, to, insert } = replacement(old, now);
  expect(old.slice(0, from) + insert + old.slice(to)).toBe(now);
  expect(insert.length).toBeLessThanOrEqual(now.length);
});
