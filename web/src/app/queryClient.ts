import { QueryClient } from "@tanstack/vue-query";
import { ApiError } from "@/api";

const tries = 2;

/** Reads stay fresh by events, not by asking again; only a lost network is retried. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => error instanceof ApiError && error.status === 0 && count < tries,
    },
  },
});
