import ui from "@nuxt/ui/vue-plugin";
import { VueQueryPlugin } from "@tanstack/vue-query";
import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./app/App.vue";
import { i18n } from "./app/i18n";
import { queryClient } from "./app/queryClient";
import { reloadWhenParted } from "./app/reload";
import { router } from "./app/router";
import { mendSearchLists } from "./ui";
import "./style.css";

reloadWhenParted();
mendSearchLists();
createApp(App).use(createPinia()).use(router).use(i18n).use(VueQueryPlugin, { queryClient }).use(ui).mount("#app");
