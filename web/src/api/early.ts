declare global {
  interface Window {
    /** Answers to what `public/start.js` asked for, by method, address and body. */
    kageosEarly?: Record<string, Promise<Response>>;
  }
}

// What was asked for with the page is news for so long.
const freshMs = 10_000;

/** The answer to a request that was made before the application was here; each is given once. */
export function takeEarly(method: string, url: string, body: BodyInit | undefined): Promise<Response> | undefined {
  const asked = window.kageosEarly;
  if (!asked || (body !== undefined && typeof body !== "string")) return undefined;
  if (performance.now() > freshMs) {
    forgetEarly();
    return undefined;
  }
  const key = `${method} ${url} ${body ?? ""}`;
  const answer = asked[key];
  delete asked[key];
  return answer;
}

/** Somebody else is signed in now, or nobody: what was answered before is not for them. */
export function forgetEarly(): void {
  delete window.kageosEarly;
}
