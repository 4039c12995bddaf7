// What a browser fetches before the first table row: the entry, which holds the
// shell and the table screen, and all it imports statically.
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("./dist/.vite/manifest.json", import.meta.url), "utf8"));
const files = new Set();
const seen = new Set();
function add(name) {
  if (seen.has(name)) return;
  seen.add(name);
  const chunk = manifest[name];
  files.add(`dist/${chunk.file}`);
  for (const css of chunk.css ?? []) files.add(`dist/${css}`);
  for (const imported of chunk.imports ?? []) add(imported);
}
add("index.html");

export default [
  { name: "before the first table row", path: [...files, "dist/start.js"], gzip: true, limit: "250 KB" },
  ...[...files].map((path) => ({ name: path, path, gzip: true, limit: "150 KB" })),
];
