import { useI18n } from "vue-i18n";
import { useFormat } from "@/ui";

const secondMs = 1_000;
const minuteMs = 60_000;

/** How long something took, in words as short as they can be. */
export function useSpan(): (ms: number) => string {
  const { t } = useI18n();
  const format = useFormat();
  return (ms) => {
    if (ms < secondMs) return format().milliseconds(ms);
    if (ms < minuteMs) return t("code.span.seconds", { s: format().number(Math.round(ms / 100) / 10) });
    return t("code.span.minutes", { m: Math.floor(ms / minuteMs), s: Math.floor((ms % minuteMs) / secondMs) });
  };
}
