import { useI18n } from "vue-i18n";
import { ApiError } from "@/api";
import { showToast } from "./toasts";

/** An error in words a person can act on. */
export function useProblemText(): (error: unknown) => string {
  const { t, te } = useI18n();
  return (error) => {
    if (!(error instanceof ApiError)) return t("ui.problem.unknown");
    // Where a person has to know what to do next, our words in his language say more than the server's.
    const key = `ui.problem.${error.code}`;
    if (te(key)) return t(key, { n: error.retryAfter, why: error.message });
    return error.message || t("ui.problem.unknown");
  };
}

/** Short news at the edge of the screen. */
export function useNotify() {
  const { t } = useI18n();
  const text = useProblemText();
  return {
    done: (title: string) => showToast({ id: crypto.randomUUID(), kind: "done", title, ms: 2500 }),
    failed: (error: unknown) => {
      // Who is not signed in any more is led to the login, which says so.
      if (error instanceof ApiError && error.status === 401) return;
      const trace = error instanceof ApiError && error.trace ? { text: t("ui.trace", { trace: error.trace }) } : {};
      showToast({ id: crypto.randomUUID(), kind: "failed", title: text(error), ...trace, ms: 8000 });
    },
  };
}
