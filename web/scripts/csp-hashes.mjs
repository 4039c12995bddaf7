// Writes dist/csp.json: the hashes of the style elements that the page makes
// by script. Their texts are constant, so the server can allow exactly them:
//   style-src 'self' 'sha256-…'
// The texts are taken from the packages themselves, so an update cannot leave
// an old hash behind unnoticed; the end-to-end suite fails on any violation.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import colors from "tailwindcss/colors";
import { computed } from "vue";
import { ui } from "../ui.config.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs Nuxt UI's colour plugin with our configuration and keeps what it puts in the head. */
function colourStyle() {
  const source = readFileSync(`${root}node_modules/@nuxt/ui/dist/runtime/plugins/colors.js`, "utf8")
    .replace(/^import .*$/gm, "")
    .replace("export default", "return")
    .replaceAll("import.meta.client", "false");
  let head;
  const names = ["computed", "colors", "defineNuxtPlugin", "injectHead", "useAppConfig", "useNuxtApp", "useHead"];
  const plugin = new Function(...names, source);
  plugin(computed, colors, (setup) => setup(), () => undefined, () => ({ ui }), () => ({}), (data) => (head = data));
  return head.style[0].innerHTML.value;
}

/** The texts that Reka UI's viewports render as style elements. */
function viewportStyles() {
  const texts = new Set();
  for (const part of ["Combobox/ComboboxViewport", "Select/SelectViewport", "ScrollArea/ScrollAreaViewport", "Viewport/Viewport"]) {
    const source = readFileSync(`${root}node_modules/reka-ui/dist/${part}.js`, "utf8");
    for (const [, text] of source.matchAll(/createTextVNode\("((?:[^"\\]|\\.)*\{(?:[^"\\]|\\.)*)"\s*[,)]/g)) texts.add(JSON.parse(`"${text}"`));
  }
  return texts;
}

const hash = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
const bundled = readdirSync(`${root}dist/assets`)
  .filter((name) => name.endsWith(".js"))
  .map((name) => readFileSync(`${root}dist/assets/${name}`, "utf8"))
  .join("\n");
const used = [...viewportStyles()].filter((text) => bundled.includes(text.trim()));
const style = [colourStyle(), ...used].map(hash);
writeFileSync(`${root}dist/csp.json`, `${JSON.stringify({ style }, null, 2)}\n`);
console.log(`csp.json: ${style.length} style hashes`);
