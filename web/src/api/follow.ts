import { useQuery, useQueryClient } from "@tanstack/vue-query";
import { computed, type MaybeRefOrGetter, toValue } from "vue";
import { calls } from "./client";
import { useEvent } from "./events";
import { ApiError } from "./http";
import { keys } from "./queries";
import type { CallState } from "./types";

const pollMs = 1_000;

/** What became of a call by now, until it has ended. Its events make it smooth; asking makes it sure. */
export function useCallState(id: MaybeRefOrGetter<string>) {
  const client = useQueryClient();
  useEvent("progress", ({ call, done, total, message }) => {
    client.setQueryData<CallState>([...keys.call(call)], (state) => (state?.status === "pending" ? { ...state, progress: { done, total, message } } : state));
  });
  return useQuery({
    queryKey: computed(() => keys.call(toValue(id))),
    queryFn: () => calls.state(toValue(id)),
    enabled: computed(() => toValue(id) !== ""),
    refetchInterval: ({ state }) => (state.data?.status === "pending" && !refused(state.error) ? pollMs : false),
    refetchIntervalInBackground: true,
    staleTime: 0,
  });
}

/** An answer of the server, as against one that did not come. */
const refused = (error: unknown) => error instanceof ApiError && error.status >= 400 && error.status < 500;
