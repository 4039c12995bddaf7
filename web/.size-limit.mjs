// What a browser fetches before the first table row: the entry, which holds the
// shell and the table screen, and all it imports statically.
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("./dist/.vite/manifest.json", import.meta.url), "utf8"));

/** A part of the application and all that it imports statically, without what is there already. */
function reach(names, there = new Set()) {
  const files = new Set();
  const seen = new Set();
  function add(name) {
    if (seen.has(name)) return;
    seen.add(name);
    const chunk = manifest[name];
    for (const file of [chunk.file, ...(chunk.css ?? [])]) if (!there.has(`dist/${file}`)) files.add(`dist/${file}`);
    for (const imported of chunk.imports ?? []) add(imported);
  }
  names.forEach(add);
  return files;
}
const files = reach(["index.html"]);
const code = "src/features/code";
const editing = reach([`${code}/CodeScreen.vue`, `${code}/FilesView.vue`], files);

export default [
  { name: "before the first table row", path: [...files, "dist/start.js"], gzip: true, limit: "250 KB" },
  { name: "the code of a workspace with its editor", path: [...editing], gzip: true, limit: "230 KB" },
  ...[...files].map((path) => ({ name: path, path, gzip: true, limit: "150 KB" })),
];
