import { fileURLToPath } from "node:url";
import ui from "@nuxt/ui/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";
import { ui as look } from "./ui.config.mjs";

const server = process.env["KAGEOS_DEV_SERVER"] ?? "http://127.0.0.1:8080";

/** Screens whose code is fetched beside the entry, because nearly every visit needs them at once. */
const early = ["/app/AppShell.vue", "/app/ResourcePage.vue", "/features/table/TableScreen.vue"];

/** Names their chunks in the page, so that they need not wait until the entry has run. */
const preloadEarly: Plugin = {
  name: "preload-early",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle = {} }) {
      const files = new Set<string>();
      const add = (file: string): void => {
        const chunk = bundle[file];
        if (chunk?.type !== "chunk" || files.has(file)) return;
        files.add(file);
        chunk.imports.forEach(add);
      };
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === "chunk" && early.some((name) => chunk.facadeModuleId?.endsWith(name))) add(chunk.fileName);
      }
      const wanted = [...files].filter((file) => !html.includes(file));
      return wanted.map((file) => ({ tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: `/${file}` }, injectTo: "head" as const }));
    },
  },
};

export default defineConfig({
  define: { __VUE_OPTIONS_API__: false, __VUE_I18N_LEGACY_API__: false, __INTLIFY_PROD_DEVTOOLS__: false },
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  plugins: [
    vue(),
    ui({
      ui: look,
      colorMode: false,
      autoImport: false,
      components: { dirs: [] },
      icon: { clientBundle: { scan: { globInclude: ["src/**/*.{vue,ts}"] } } },
    }),
    preloadEarly,
  ],
  server: { proxy: { "/api": server, "/healthz": server, "/readyz": server } },
  build: {
    manifest: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "vue", test: /node_modules[\\/](@vue|vue|vue-router|pinia|vue-i18n|@intlify|@tanstack)[\\/]/, priority: 2 },
          ],
        },
      },
    },
  },
});
