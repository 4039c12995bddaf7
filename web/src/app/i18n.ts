import { createI18n } from "vue-i18n";
import { collect, type Tree } from "./messages";

// What is wanted by few and has many words brings them along: it adds them when it is first shown.
const english = import.meta.glob<Tree>(["/src/*/locales/en.json", "/src/features/*/locales/en.json", "!/src/features/code/**", "!/src/features/logs/**"], { eager: true, import: "default" });

export const i18n = createI18n({
  legacy: false,
  locale: "en" as string,
  fallbackLocale: "en",
  messages: { en: collect(english) } as Record<string, Record<string, string>>,
});

/** Switches the language; Chinese is fetched the first time it is wanted. */
export async function setLocale(locale: "en" | "zh"): Promise<void> {
  if (locale === "zh" && !i18n.global.availableLocales.includes("zh")) {
    const { default: messages } = await import("./chinese");
    i18n.global.setLocaleMessage("zh", messages as Record<string, string>);
  }
  i18n.global.locale.value = locale;
}
