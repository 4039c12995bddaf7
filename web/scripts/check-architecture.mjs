// Fails on: an import that the layers forbid, a component over 250 lines, a
// message that one language lacks, a message key that no language has.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));
const maxLines = 250;
/** Cases that the server and the browser must answer alike; tests read them. */
const contract = "../../kageos-core/tests/it/contract/";
/** What each layer may import. A feature is `features/<name>` and never another one. */
const allowed = {
  api: ["api"],
  ui: ["api", "ui"],
  schema: ["api", "ui", "schema"],
  features: ["api", "ui", "schema"],
  app: ["api", "ui", "schema", "features", "app"],
};
const problems = [];

const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(src, join(entry.parentPath, entry.name)));

const layerOf = (file) => file.split("/")[0];
const featureOf = (file) => (file.startsWith("features/") ? file.split("/")[1] : "");

function checkImports(file, text) {
  const layer = layerOf(file);
  if (!(layer in allowed)) return;
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) {
    let to;
    if (target.startsWith("@/")) to = target.slice(2);
    else if (target.startsWith(".")) to = relative(src, resolve(src, file, "..", target));
    else continue;
    if (file.endsWith(".test.ts") && to.startsWith(contract)) continue;
    const sameFeature = featureOf(to) === featureOf(file);
    const wanted = layerOf(to) === "features" && layer === "features" ? sameFeature : allowed[layer].includes(layerOf(to));
    if (!wanted) problems.push(`${file}: may not import ${target}`);
  }
}

const flat = (tree, prefix) =>
  Object.entries(tree).flatMap(([key, value]) => (typeof value === "string" ? [[`${prefix}.${key}`, value]] : flat(value, `${prefix}.${key}`)));
const messages = { en: new Map(), zh: new Map() };
for (const file of files.filter((name) => /locales\/(en|zh)\.json$/.test(name))) {
  const [folder, , name] = file.split("/").slice(-3);
  for (const [key, value] of flat(JSON.parse(readFileSync(join(src, file), "utf8")), folder)) messages[name.slice(0, 2)].set(key, value);
}
for (const key of messages.en.keys()) if (!messages.zh.has(key)) problems.push(`zh lacks ${key}`);
for (const key of messages.zh.keys()) if (!messages.en.has(key)) problems.push(`en lacks ${key}`);
const slots = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].filter((slot) => slot !== "{n}" && slot !== "{count}").sort().join();
for (const [key, text] of messages.en) {
  if (messages.zh.has(key) && slots(text) !== slots(messages.zh.get(key))) problems.push(`${key}: en and zh differ in their places`);
}

/** Every key asked for by its full name must exist; a key with a variable part must have members. */
function checkKeys(file, text) {
  for (const [, key] of text.matchAll(/\bt\(\s*["']([\w.]+)["']/g)) {
    if (!messages.en.has(key)) problems.push(`${file}: no message ${key}`);
  }
  for (const [, start] of text.matchAll(/\bt\(\s*`([\w.]+\.)\$\{/g)) {
    if (![...messages.en.keys()].some((key) => key.startsWith(start))) problems.push(`${file}: no messages under ${start}`);
  }
}

for (const file of files.filter((name) => /\.(vue|ts)$/.test(name))) {
  const text = readFileSync(join(src, file), "utf8");
  checkImports(file, text);
  checkKeys(file, text);
  const lines = text.split("\n").length;
  if (file.endsWith(".vue") && lines > maxLines) problems.push(`${file}: ${lines} lines, a component has at most ${maxLines}`);
}

for (const problem of problems) console.error(problem);
console.log(`architecture: ${files.length} files, ${messages.en.size} messages, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
