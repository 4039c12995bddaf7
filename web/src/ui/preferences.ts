import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { recall, remember } from "./storage";

export type Theme = "system" | "light" | "dark";
export type Locale = "en" | "zh";

function firstLocale(): Locale {
  const wanted = recall("locale") || navigator.language;
  return wanted.startsWith("zh") ? "zh" : "en";
}

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A time zone that this browser knows, else its own: dates of an unknown one cannot be written. */
export function knownZone(zone: string): string {
  try {
    Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return ownZone();
  }
}

/** Theme, language and time zone of this browser; the server keeps the user's own. */
export const usePreferences = defineStore("preferences", () => {
  const theme = ref<Theme>((recall("theme") as Theme) || "system");
  const locale = ref<Locale>(firstLocale());
  const timeZone = ref(ownZone());
  const systemDark = ref(false);
  if (typeof matchMedia === "function") {
    const query = matchMedia("(prefers-color-scheme: dark)");
    systemDark.value = query.matches;
    query.addEventListener("change", (event) => (systemDark.value = event.matches));
  }
  const dark = computed(() => theme.value === "dark" || (theme.value === "system" && systemDark.value));

  watch(theme, (value) => remember("theme", value));
  watch(locale, (value) => remember("locale", value));
  watch(
    dark,
    (value) => {
      document.documentElement.classList.toggle("dark", value);
      document.documentElement.classList.toggle("light", !value);
    },
    { immediate: true },
  );
  watch(locale, (value) => (document.documentElement.lang = value === "zh" ? "zh-CN" : "en"), { immediate: true });

  return { theme, locale, timeZone, dark };
});
