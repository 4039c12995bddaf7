import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { backoff, noteLost, useConnection, whenRegained } from "./connection";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("waits longer each time, never longer than a person would, and not all at once", () => {
  expect([0, 1, 2, 10].map((attempt) => backoff(attempt, 1))).toEqual([1000, 2000, 4000, 15000]);
  expect(backoff(1, 0)).toBe(1000);
});

it("asks until the server answers, then tells who waited, once", async () => {
  const answers = [false, false, true];
  const fetched = vi.fn<() => Promise<Response>>(() => (answers.shift() ? Promise.resolve(new Response("ok")) : Promise.reject(new TypeError("refused"))));
  vi.stubGlobal("fetch", fetched);
  const told = vi.fn<() => void>();
  const stop = whenRegained(told);
  const { lost } = useConnection();
  noteLost();
  noteLost();
  expect(lost.value).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lost.value).toBe(false);
  expect(fetched).toHaveBeenCalledTimes(3);
  expect(told).toHaveBeenCalledOnce();
  stop();
});

it("asks in one row, also when a person asks beside a question that hangs", async () => {
  const open: ((response: Response) => void)[] = [];
  const fetched = vi.fn<() => Promise<Response>>(() => new Promise((resolve) => open.push(resolve)));
  vi.stubGlobal("fetch", fetched);
  const { lost, retry } = useConnection();
  noteLost();
  await vi.advanceTimersByTimeAsync(1000);
  retry();
  expect(fetched).toHaveBeenCalledTimes(2);
  open[1]?.(new Response("", { status: 502 }));
  open[0]?.(new Response("", { status: 502 }));
  await vi.advanceTimersByTimeAsync(2000);
  expect(fetched).toHaveBeenCalledTimes(3);
  retry();
  open[2]?.(new Response("ok"));
  await vi.advanceTimersByTimeAsync(0);
  expect(lost.value).toBe(false);
  open[3]?.(new Response("", { status: 502 }));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fetched).toHaveBeenCalledTimes(4);
});
