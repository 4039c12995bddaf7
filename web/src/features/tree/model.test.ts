import { describe, expect, it } from "vitest";
import type { Kind, Node } from "@/api";
import { flatten, moveFor } from "./model";

const node = (path: string, kind: Kind): Node => ({
  id: path, path, code: path, kind, title: path, description: "", tags: [], children: 0, origin: "manifest", updated_at: "",
});
const children = new Map([
  ["/", [node("/a", "namespace"), node("/b", "namespace")]],
  ["/a", [node("/a/x", "directory"), node("/a/t.table", "table")]],
]);

describe("flatten", () => {
  it("shows only what is open, in reading order", () => {
    expect(flatten(children, new Set()).map((entry) => entry.node.path)).toEqual(["/a", "/b"]);
    const open = flatten(children, new Set(["/a"]));
    expect(open.map((entry) => [entry.node.path, entry.level, entry.position])).toEqual([
      ["/a", 1, 1], ["/a/x", 2, 1], ["/a/t.table", 2, 2], ["/b", 1, 2],
    ]);
  });
});

describe("moveFor", () => {
  const entries = flatten(children, new Set(["/a"]));
  const cases: [string, string, unknown][] = [
    ["ArrowDown", "/a", { focus: "/a/x" }],
    ["ArrowUp", "/a", null],
    ["ArrowRight", "/b", { open: "/b" }],
    ["ArrowRight", "/a", { focus: "/a/x" }],
    ["ArrowRight", "/a/t.table", null],
    ["ArrowLeft", "/a", { shut: "/a" }],
    ["ArrowLeft", "/a/t.table", { focus: "/a" }],
    ["End", "/a", { focus: "/b" }],
    ["Enter", "/a/x", { go: "/a/x" }],
    ["q", "/a", null],
  ];
  it.each(cases)("%s on %s", (key, current, move) => expect(moveFor(key, entries, current)).toEqual(move));
});
