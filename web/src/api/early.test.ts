import { beforeEach, expect, it, vi } from "vitest";
import { forgetAnswers, forgetEarly, takeEarly, takeHearing } from "./early";

const answer = () => Promise.resolve(new Response("{}"));
beforeEach(() => {
  vi.restoreAllMocks();
  window.kageosEarly = { "GET /a ": answer(), 'POST /b {"q":1}': answer() };
});

it("hands an answer over once, and only to the same request", () => {
  expect(takeEarly("GET", "/b", undefined)).toBeUndefined();
  expect(takeEarly("POST", "/b", '{"q":2}')).toBeUndefined();
  expect(takeEarly("POST", "/b", '{"q":1}')).toBeInstanceOf(Promise);
  expect(takeEarly("POST", "/b", '{"q":1}')).toBeUndefined();
  expect(takeEarly("GET", "/a", undefined)).toBeInstanceOf(Promise);
});

it("gives nothing that is old, or was answered to somebody else", () => {
  vi.spyOn(performance, "now").mockReturnValue(60_000);
  expect(takeEarly("GET", "/a", undefined)).toBeUndefined();
  vi.restoreAllMocks();
  window.kageosEarly = { "GET /a ": answer() };
  forgetEarly();
  expect(takeEarly("GET", "/a", undefined)).toBeUndefined();
});

it("gives what is heard to one listener, and gives it up for somebody else", () => {
  const [channel, end] = [new BroadcastChannel("early"), vi.fn()];
  const hearing = { told: [], tell: vi.fn(), channel, stream: Promise.resolve(null), end };
  window.kageosHearing = hearing;
  forgetAnswers();
  expect(takeEarly("GET", "/a", undefined)).toBeUndefined();
  expect(takeHearing()).toBe(hearing);
  expect(takeHearing()).toBeUndefined();
  window.kageosHearing = hearing;
  forgetEarly();
  expect(end).toHaveBeenCalledOnce();
  expect(takeHearing()).toBeUndefined();
});
