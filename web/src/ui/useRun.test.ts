import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { flushPromises, mount } from "@vue/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { defineComponent } from "vue";
import { createI18n } from "vue-i18n";
import { recall, remember } from "./storage";
import { useRun } from "./useRun";

const state = (status: string, more: object = {}) => ({ call: "a", path: "/x.form", status, progress: null, reply: null, problem: null, ...more });
let answers: Record<string, () => Response>;

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  vi.stubGlobal("fetch", (url: string, { method = "GET" }: RequestInit = {}) => Promise.resolve(answers[`${method} ${url}`]?.() ?? Response.json({ code: "not_found" }, { status: 404 })));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function form() {
  const told: unknown[] = [];
  let run: ReturnType<typeof useRun> | undefined;
  const ends = { done: (reply: unknown) => told.push(["done", reply]), failed: (error: unknown) => told.push(["failed", error]), cancelled: () => told.push("cancelled") };
  const component = defineComponent({ setup: () => ((run = useRun("/x.form", "call.me", ends)), () => null) });
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = mount(component, { global: { plugins: [createI18n({ legacy: false }), [VueQueryPlugin, { queryClient }]] } });
  return { run: run as ReturnType<typeof useRun>, told, leave: () => wrapper.unmount() };
}
const second = () => vi.advanceTimersByTimeAsync(1_100);

it("tells at once of a call that ended at once", async () => {
  const reply = { call: "a", output: 1 };
  answers = { "POST /api/v1/call/x.form": () => Response.json(reply) };
  const { run, told, leave } = form();
  await run.start("submit", {}, "key");
  expect(told).toEqual([["done", reply]]);
  expect(recall("call.me")).toBe("");
  leave();
});

it("finds a call again that runs on, and tells of its end once", async () => {
  answers = { "POST /api/v1/call/x.form": () => Response.json(state("pending"), { status: 202 }), "GET /api/v1/calls/a": () => Response.json(state("pending")) };
  const first = form();
  await first.run.start("submit", {}, "key");
  expect(first.run.running.value?.call).toBe("a");
  first.leave();
  const again = form();
  await second();
  expect(again.run.running.value?.call).toBe("a");
  answers["GET /api/v1/calls/a"] = () => Response.json(state("ok", { reply: { call: "a", output: 2 } }));
  await second();
  await second();
  expect(again.told).toEqual([["done", { call: "a", output: 2 }]]);
  expect(again.run.running.value).toBeNull();
  expect(recall("call.me")).toBe("");
  again.leave();
});

it("tells a cancelled call from a failed one, and forgets one that is not there", async () => {
  for (const [problem, wanted] of [[{ code: "cancelled" }, "cancelled"], [{ code: "schema", detail: "no" }, ["failed", expect.objectContaining({ code: "schema" })]]] as const) {
    remember("call.me", "a");
    answers = { "GET /api/v1/calls/a": () => Response.json(state("failed", { problem })) };
    const { told, leave } = form();
    await second();
    expect(told).toEqual([wanted]);
    leave();
  }
  remember("call.me", "a");
  answers = {};
  const { run, told, leave } = form();
  await second();
  await flushPromises();
  expect(told).toEqual([]);
  expect(run.running.value).toBeNull();
  expect(recall("call.me")).toBe("");
  leave();
});
