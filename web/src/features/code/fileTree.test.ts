import { describe, expect, it } from "vitest";
import { firstFile, flatten, foldersOf, moveFor } from "./fileTree";

const files = ["Cargo.toml", "src/customer.rs", "src/deep/er/x.rs", "src/lib.rs"].map((path) => ({ path }));
const shape = (closed: string[] = []) => flatten(files, new Set(closed)).map(({ path, level, position, siblings }) => [path, level, position, siblings]);

describe("flatten", () => {
  it("makes folders of a flat list, before the files beside them", () => {
    expect(shape()).toEqual([
      ["src", 1, 1, 2],
      ["src/deep", 2, 1, 3],
      ["src/deep/er", 3, 1, 1],
      ["src/deep/er/x.rs", 4, 1, 1],
      ["src/customer.rs", 2, 2, 3],
      ["src/lib.rs", 2, 3, 3],
      ["Cargo.toml", 1, 2, 2],
    ]);
  });
  it("hides what is in a closed folder", () => {
    expect(shape(["src"]).map(([path]) => path)).toEqual(["src", "Cargo.toml"]);
    expect(shape(["src/deep"]).map(([path]) => path)).toEqual(["src", "src/deep", "src/customer.rs", "src/lib.rs", "Cargo.toml"]);
  });
  it("says what becomes of a file", () => {
    expect(flatten([{ path: "a", mark: "removed" }], new Set())[0]).toMatchObject({ name: "a", folder: false, mark: "removed" });
  });
});

describe("moveFor", () => {
  const entries = flatten(files, new Set(["src/deep"]));
  const cases: [string, string, unknown][] = [
    ["ArrowDown", "src", { focus: "src/deep" }],
    ["ArrowUp", "src", null],
    ["ArrowRight", "src/deep", { toggle: "src/deep" }],
    ["ArrowRight", "src", { focus: "src/deep" }],
    ["ArrowRight", "src/lib.rs", null],
    ["ArrowLeft", "src", { toggle: "src" }],
    ["ArrowLeft", "src/lib.rs", { focus: "src" }],
    ["ArrowLeft", "Cargo.toml", null],
    ["Home", "Cargo.toml", { focus: "src" }],
    ["End", "src", { focus: "Cargo.toml" }],
    ["Enter", "src/lib.rs", { go: "src/lib.rs" }],
    [" ", "src", { toggle: "src" }],
    ["c", "src", { focus: "src/customer.rs" }],
    ["C", "src/customer.rs", { focus: "Cargo.toml" }],
    ["q", "src", null],
    ["Escape", "src", null],
    ["ArrowDown", "gone", null],
  ];
  it.each(cases)("%s on %s", (key, current, move) => expect(moveFor(key, entries, current)).toEqual(move));
});

it("knows the folders above a file and the file to begin with", () => {
  expect(foldersOf("a/b/c.rs")).toEqual(["a", "a/b"]);
  expect(foldersOf("c.rs")).toEqual([]);
  expect(firstFile(files)).toBe("src/lib.rs");
  expect(firstFile([{ path: "z" }])).toBe("z");
  expect(firstFile([])).toBe("");
});
