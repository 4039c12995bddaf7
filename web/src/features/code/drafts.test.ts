import { describe, expect, it } from "vitest";
import { ApiError } from "@/api";
import { afterWrite, conflicting, edited, markOf, pathProblem, refusedPaths, removed, renamed, settled, toWrite } from "./drafts";

const base = { hash: "h1", text: "one" };
const file = (path: string, hash: string) => ({ path, hash, size: 3 });

describe("drafts", () => {
  it("keep what was typed and where it came from", () => {
    const drafts = edited(edited({}, "a", "two", base), "a", "three", { hash: "h2", text: "newer" });
    expect(drafts).toEqual({ a: { base, text: "three" } });
    expect(markOf(drafts["a"]!)).toBe("changed");
  });
  it("are none when the text is as it was", () => {
    expect(edited(edited({}, "a", "two", base), "a", "one", base)).toEqual({});
  });
  it("of a new file are added, and forgotten when it is removed", () => {
    const drafts = edited({}, "new", "", null);
    expect(markOf(drafts["new"]!)).toBe("added");
    expect(removed(drafts, "new", null)).toEqual({});
  });
  it("remove a file that is there", () => {
    expect(removed(edited({}, "a", "two", base), "a", base)).toEqual({ a: { base, text: null } });
  });
  it("rename by removing and adding, and back again", () => {
    const there = renamed({}, "a", "b", "one", base);
    expect(there).toEqual({ a: { base, text: null }, b: { base: null, text: "one" } });
    expect(renamed(there, "b", "a", "one", null)).toEqual({});
  });
});

describe("the call that saves", () => {
  const drafts = { b: { base: null, text: "new" }, a: { base, text: "two" }, c: { base: { hash: "h3", text: null }, text: null } };
  it("names every file with the hash that was read", () => {
    expect(toWrite(drafts)).toEqual([
      { path: "a", text: "two", expected: "h1" },
      { path: "b", text: "new", expected: null },
      { path: "c", text: null, expected: "h3" },
    ]);
  });
  it("leaves only what was typed since, made from what is there now", () => {
    const written = { commit: "k", files: [{ path: "a", hash: "h9" }, { path: "b", hash: "h8" }, { path: "c", hash: null }] };
    expect(afterWrite(drafts, toWrite(drafts), written)).toEqual({});
    const typed = edited(drafts, "a", "three", null);
    expect(afterWrite(typed, toWrite(drafts), written)).toEqual({ a: { base: { hash: "h9", text: "two" }, text: "three" } });
  });
});

describe("a conflict", () => {
  const sent = toWrite({ a: { base, text: "two" }, b: { base: null, text: "new" } });
  it("names its files", () => {
    const fields = [{ pointer: "/files/1/expected", code: "changed", message: "" }, { pointer: "/message", code: "x", message: "" }];
    expect(refusedPaths(new ApiError({ status: 409, code: "conflict", fields }), sent)).toEqual(["b"]);
    expect(refusedPaths(new ApiError({ status: 422, code: "invalid_input", fields }), sent)).toEqual([]);
    expect(refusedPaths(new Error("other"), sent)).toEqual([]);
  });
  it("is seen where what a draft was made from is there no more", () => {
    const drafts = { a: { base, text: "two" }, b: { base: null, text: "new" }, c: { base, text: null } };
    expect(conflicting(drafts, [file("a", "h1"), file("c", "h1")])).toEqual([]);
    expect(conflicting(drafts, [file("a", "h2"), file("b", "h5")])).toEqual(["a", "b", "c"]);
  });
  it("ends with theirs or mine", () => {
    const drafts = { a: { base, text: "two" } };
    const theirs = { hash: "h2", text: "other" };
    expect(settled(drafts, "a", theirs, "other")).toEqual({});
    expect(settled(drafts, "a", theirs, "two")).toEqual({ a: { base: theirs, text: "two" } });
    expect(settled(drafts, "a", null, null)).toEqual({});
    expect(settled(drafts, "a", null, "two")).toEqual({ a: { base: null, text: "two" } });
    expect(settled({ a: { base, text: null } }, "a", theirs, null)).toEqual({ a: { base: theirs, text: null } });
  });
});

it.each([
  ["", "empty"], ["src/a.rs", ""], ["taken.rs", "taken"], ["/a", "shape"], ["a//b", "shape"], ["../a", "shape"], ["a/./b", "shape"],
  ["a/", "shape"], [" a", "shape"], ["a\\b", "shape"], [".git/config", "shape"], [".gitignore", ""],
])("a path %j is %j", (path, problem) => expect(pathProblem(path, (one) => one === "taken.rs")).toBe(problem));
