import { readonly, ref } from "vue";

/** `lost` since the server last gave no answer; `next` says when it is asked again. */
const lost = ref(false);
const next = ref(0);
const waiters = new Set<() => void>();
let tries = 0;
/** Which question is the newest: one that was overtaken plans no other. */
let asked = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

// The first question comes soon, because most restarts are short; later ones do not press a server that is down.
const firstMs = 1_000;
const longestMs = 15_000;

/** How long to wait before the n-th try: doubled each time, and apart, so that not all tabs of all people come at once. */
export function backoff(attempt: number, chance = Math.random()): number {
  const whole = Math.min(longestMs, firstMs * 2 ** attempt);
  return Math.round(whole * (0.5 + chance / 2));
}

function plan(): void {
  const wait = backoff(tries);
  tries += 1;
  next.value = Date.now() + wait;
  timer = setTimeout(() => void probe(), wait);
}

/** Asks whether the server answers again. */
async function probe(): Promise<void> {
  clearTimeout(timer);
  asked += 1;
  const mine = asked;
  const response = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
  if (!lost.value) return;
  if (response?.ok) regained();
  else if (mine === asked) plan();
}

function regained(): void {
  clearTimeout(timer);
  lost.value = false;
  tries = 0;
  for (const act of waiters) act();
}

/** A request got no answer, or one from a gateway that found no server. */
export function noteLost(): void {
  if (lost.value) return;
  lost.value = true;
  plan();
}

/** Runs whenever the server is back; answers how to stop that. */
export function whenRegained(act: () => void): () => void {
  waiters.add(act);
  return () => waiters.delete(act);
}

export function useConnection() {
  return { lost: readonly(lost), next: readonly(next), retry: () => void probe() };
}
