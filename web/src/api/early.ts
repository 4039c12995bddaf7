import type { ServerEvent } from "./sse";

/** What another tab has told, and the stream of this tab where no other one has it; `end` gives it up. */
export type Hearing = { told: ServerEvent[]; tell: (event: ServerEvent) => void; channel: BroadcastChannel; stream: Promise<{ answer: Promise<Response> } | null>; end: () => void };

declare global {
  interface Window {
    /** Answers to what `public/start.js` asked for, by method, address and body. */
    kageosEarly?: Record<string, Promise<Response>>;
    /** Where it began to hear what happens. */
    kageosHearing?: Hearing;
  }
}

// What was asked for with the page is news for so long.
const freshMs = 10_000;

/** The answer to a request that was made before the application was here; each is given once. */
export function takeEarly(method: string, url: string, body: BodyInit | undefined): Promise<Response> | undefined {
  const asked = window.kageosEarly;
  if (!asked || (body !== undefined && typeof body !== "string")) return undefined;
  if (performance.now() > freshMs) {
    forgetAnswers();
    return undefined;
  }
  const key = `${method} ${url} ${body ?? ""}`;
  const answer = asked[key];
  delete asked[key];
  return answer;
}

/** The events that are heard since before the application was here; given once. */
export function takeHearing(): Hearing | undefined {
  const hearing = window.kageosHearing;
  delete window.kageosHearing;
  return hearing;
}

/** Something has changed since: what was answered and not taken is asked anew. */
export function forgetAnswers(): void {
  delete window.kageosEarly;
}

/** Somebody else is signed in now, or nobody: what was answered and heard before is not for them. */
export function forgetEarly(): void {
  forgetAnswers();
  const hearing = takeHearing();
  hearing?.channel.close();
  hearing?.end();
}
