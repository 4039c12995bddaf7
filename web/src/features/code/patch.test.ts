import { expect, it } from "vitest";
import { parsePatch } from "./patch";

const plain = (patch: string) => parsePatch(patch).map(({ head, lines }) => [head, ...lines.map(({ kind, old, now, text }) => `${kind} ${old ?? "-"} ${now ?? "-"} ${text}`)]);

it("reads hunks with the numbers of both sides", () => {
  const patch = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -3,3 +3,4 @@ fn main() {\n one\n-two\n+2\n+2.5\n three\n@@ -20 +21,2 @@\n-end\n+End\n+--- not a header\n";
  expect(plain(patch)).toEqual([
    ["fn main() {", "same 3 3 one", "removed 4 - two", "added - 4 2", "added - 5 2.5", "same 5 6 three"],
    ["", "removed 20 - end", "added - 21 End", "added - 22 --- not a header"],
  ]);
});

it("tells a new file from a removed one, and keeps empty lines", () => {
  expect(plain("--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+\n")).toEqual([["", "added - 1 a", "added - 2 "]]);
  expect(plain("--- a/x\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n--- b\n")).toEqual([["", "removed 1 - a", "removed 2 - -- b"]]);
  // Some tools strip the blank of an empty line that stayed.
  expect(plain("@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n")).toEqual([["", "same 1 1 a", "same 2 2 ", "removed 3 - b", "added - 3 c"]]);
});

it("notes a text without a line break at its end", () => {
  const [hunk] = parsePatch("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
  expect(hunk?.lines.map(({ noEnd }) => !!noEnd)).toEqual([true, false]);
  expect(parsePatch("")).toEqual([]);
  expect(parsePatch("Binary files a/x and b/x differ\n")).toEqual([]);
});
