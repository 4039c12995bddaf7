/** What came back, as it came. */
export type RawAnswer = { status: number; statusText: string; headers: [string, string][]; text: string; cut: boolean; ms: number };

// More text than this is not read by people.
const maxText = 200_000;

/** Reads a body up to a bound, or until `signal` says that it is enough. */
async function bodyOf(response: Response, signal: AbortSignal): Promise<{ text: string; cut: boolean }> {
  if (!response.body) return { text: "", cut: false };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text, cut: false };
      text += value;
      if (text.length > maxText) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  void reader.cancel().catch(() => undefined);
  return { text: text.slice(0, maxText), cut: true };
}

/** One request with the session, whatever its answer is. An abort before the answer throws, one after keeps what came. */
export async function sendRaw(method: string, url: string, headers: Record<string, string>, body: string | undefined, signal: AbortSignal): Promise<RawAnswer> {
  const started = performance.now();
  const init: RequestInit = { method, headers, credentials: "same-origin", signal };
  if (body !== undefined) init.body = body;
  const response = await fetch(url, init);
  const read = await bodyOf(response, signal);
  return { status: response.status, statusText: response.statusText, headers: [...response.headers], ...read, ms: performance.now() - started };
}
