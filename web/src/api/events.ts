import { onScopeDispose } from "vue";
import { backoff, noteLost, whenRegained } from "./connection";
import { forgetAnswers, type Hearing, takeHearing } from "./early";
import { EventParser, type ServerEvent } from "./sse";

export type ChangeEvent = { path: string; action: string; call: string; rows: string[] };
export type LiveEvents = {
  change: ChangeEvent;
  tree: { path: string };
  access: { path: string };
  log: { path: string };
  progress: { path: string; call: string; done: number; total: number | null; message: string };
  reset: Record<string, never>;
};
type Name = keyof LiveEvents;
type Listener = (data: unknown) => void;

const name = "kageos-events";
const listeners = new Map<string, Set<Listener>>();
// A stream that lived so long ended for a reason of its own; the next one is opened soon.
const steadyMs = 10_000;
let lastId = "";

function deliver(event: ServerEvent): void {
  if (event.id) lastId = event.id;
  if (event.type !== "progress" && event.type !== "log") forgetAnswers();
  for (const listener of listeners.get(event.type) ?? []) listener(event.data);
}

function open(signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (lastId) headers["last-event-id"] = lastId;
  return fetch("/api/v1/events", { headers, signal, credentials: "same-origin" });
}

/** Reads until the stream ends; answers whether it is worth opening again. */
async function readStream(opened: Promise<Response>, tell: (event: ServerEvent) => void): Promise<boolean> {
  const response = await opened;
  // Nobody is signed in any more: the next request of a screen will say so.
  if (response.status === 401) return false;
  if (!response.ok || !response.body) throw new Error(`events answered ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return true;
    for (const event of parser.push(value)) tell(event);
  }
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = () => (clearTimeout(timer), resolve());
    signal.addEventListener("abort", end, { once: true });
    // Nobody waits on while the server is known to be back.
    const stop = whenRegained(() => (stop(), end()));
  });

async function lead(signal: AbortSignal, tell: (event: ServerEvent) => void, early?: Promise<Response>): Promise<void> {
  let failures = 0;
  let next = early;
  while (!signal.aborted) {
    const opened = performance.now();
    try {
      if (!(await readStream(next ?? open(signal), tell))) return;
    } catch {
      // The stream ends when the server stops or the network drops; it is opened again below.
      if (!signal.aborted) noteLost();
    }
    next = undefined;
    failures = performance.now() - opened > steadyMs ? 0 : failures + 1;
    await pause(backoff(failures), signal);
  }
}

/**
 * Starts the live stream, or goes on with the one that began with the page. Of all
 * tabs one holds the lock and the connection; the others hear through the channel
 * and know the last id, so the next leader resumes without a gap.
 */
export function startEvents(): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const early = takeHearing();
  const channel = early?.channel ?? new BroadcastChannel(name);
  if (early) early.tell = deliver;
  else channel.addEventListener("message", (message: MessageEvent<ServerEvent>) => deliver(message.data));
  // What was told before is for listeners that come with the one who starts this.
  queueMicrotask(() => early?.told.forEach(deliver));
  const tell = (event: ServerEvent) => {
    deliver(event);
    channel.postMessage(event);
  };
  const hold = () => (navigator.locks ? navigator.locks.request(name, { signal }, () => lead(signal, tell)) : lead(signal, tell));
  const goOn = async ({ stream, end }: Hearing): Promise<void> => {
    signal.addEventListener("abort", end);
    const own = await stream;
    await (own ? lead(signal, tell, own.answer).finally(end) : hold());
  };
  // An aborted wait for the lock rejects; that is how a tab signs out.
  (early ? goOn(early) : hold()).catch(() => undefined);
  return () => {
    stop.abort();
    channel.close();
  };
}

/** Listens until the component goes. */
export function useEvent<K extends Name>(name: K, act: (data: LiveEvents[K]) => void): void {
  const listener = act as Listener;
  const set = listeners.get(name) ?? new Set();
  set.add(listener);
  listeners.set(name, set);
  onScopeDispose(() => set.delete(listener));
}
