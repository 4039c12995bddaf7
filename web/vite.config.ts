import { fileURLToPath } from "node:url";
import ui from "@nuxt/ui/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { ui as look } from "./ui.config.mjs";

const server = process.env["KAGEOS_DEV_SERVER"] ?? "http://127.0.0.1:8080";

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
