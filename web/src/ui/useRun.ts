import { useQueryClient } from "@tanstack/vue-query";
import { computed, ref, watch } from "vue";
import { api, ApiError, type CallReply, keys, useCallState, type Values } from "@/api";
import { useNotify } from "./notify";
import { recall, remember } from "./storage";

type Ends = {
  /** It took effect; without a reply when that was too large to be kept. */
  done: (reply: CallReply | null) => void;
  failed: (error: unknown) => void;
  cancelled: () => void;
};

/**
 * Runs an action. One that takes longer than a moment runs on, whether the page stays or not; `kept` is where its id
 * is remembered, so that it is found again.
 */
export function useRun(path: string, kept: string, ends: Ends) {
  const client = useQueryClient();
  const notify = useNotify();
  const id = ref(recall(kept));
  const ending = ref(false);
  const { data, error } = useCallState(id);
  const running = computed(() => (id.value && data.value?.status === "pending" ? data.value : null));

  function forget(): void {
    id.value = "";
    ending.value = false;
    remember(kept, "");
  }
  watch([data, error], ([state, problem]) => {
    if (!id.value) return;
    if (problem instanceof ApiError && problem.status === 404) return forget();
    if (!state || state.call !== id.value || state.status === "pending") return;
    forget();
    if (state.status === "ok") ends.done(state.reply);
    else if (state.problem?.code === "cancelled") ends.cancelled();
    else ends.failed(new ApiError(state.problem ?? {}));
  }, { immediate: true });

  async function start(action: string, values: Values, key: string): Promise<void> {
    const answer = await api.start(path, action, values, { key });
    if ("reply" in answer) return ends.done(answer.reply);
    client.setQueryData([...keys.call(answer.running.call)], answer.running);
    remember(kept, answer.running.call);
    id.value = answer.running.call;
  }
  async function cancel(): Promise<void> {
    ending.value = true;
    try {
      await api.calls.cancel(id.value);
    } catch (problem) {
      // It has ended meanwhile: how is asked anyway.
      if (problem instanceof ApiError && (problem.code === "conflict" || problem.status === 404)) return;
      ending.value = false;
      notify.failed(problem);
    }
  }
  return { running, ending, start, cancel };
}
