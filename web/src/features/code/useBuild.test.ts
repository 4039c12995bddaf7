import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { flushPromises, mount } from "@vue/test-utils";
import { createPinia } from "pinia";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { defineComponent } from "vue";
import { createI18n } from "vue-i18n";
import type { Release } from "./types";
import { useBuild } from "./useBuild";

const release = (state: Release["state"]) => ({ release: 3, state, commit: "c", errors: state === "failed" ? 2 : 0 });
const pending = (message: string) => ({ call: "a", path: "/x/y", status: "pending", at: "2026-01-01T00:00:00Z", progress: { done: 1, total: null, message }, reply: null, problem: null });
const ended = (output: unknown) => ({ ...pending(""), status: "ok", reply: { call: "a", output } });
let state: unknown;
let actions: Record<string, () => Response>;
let asked: string[];
let sent: Record<string, unknown>[];

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  vi.useFakeTimers();
  asked = [];
  sent = [];
  state = pending("Compiling one");
  actions = { build: () => Response.json(state, { status: 202 }), publish: () => Response.json({ output: release("live") }) };
  vi.stubGlobal("fetch", (url: string, init: RequestInit = {}) => {
    if (url === "/api/v1/calls/a") return Promise.resolve(Response.json(state));
    const { action, input } = JSON.parse(String(init.body)) as { action: string; input: Record<string, unknown> };
    asked.push(action);
    sent.push(input);
    return Promise.resolve(actions[action]?.() ?? Response.json({ code: "not_found" }, { status: 404 }));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function building() {
  const told: string[] = [];
  let build: ReturnType<typeof useBuild> | undefined;
  const component = defineComponent({ setup: () => ((build = useBuild("/x/y", ({ state: one }) => told.push(one))), () => null) });
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = mount(component, { global: { plugins: [createPinia(), createI18n({ legacy: false }), [VueQueryPlugin, { queryClient }]] } });
  return { build: build as ReturnType<typeof useBuild>, told, leave: () => wrapper.unmount() };
}
async function second(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_100);
  await flushPromises();
}

it("publishes what was built, and keeps the lines that it was told", async () => {
  const { build, told, leave } = building();
  await build.build(true);
  expect(build.phase.value).toBe("building");
  state = pending("Compiling two");
  await second();
  expect(build.lines.value).toEqual(["Compiling one", "Compiling two"]);
  state = ended(release("built"));
  await second();
  expect(build.phase.value).toBe("live");
  expect(asked).toEqual(["build", "publish"]);
  expect(told).toEqual(["built"]);
  leave();
});

it("publishes nothing that does not compile, or where only a build is wanted", async () => {
  for (const [both, made, phase] of [[true, "failed", "failed"], [false, "built", "built"]] as const) {
    asked = [];
    state = pending("");
    const { build, leave } = building();
    await build.build(both);
    state = ended(release(made));
    await second();
    expect(build.phase.value).toBe(phase);
    expect(asked).toEqual(["build"]);
    leave();
  }
});

it("goes on with what was begun before the page was loaded again", async () => {
  const first = building();
  await first.build.build(true);
  first.leave();
  const again = building();
  await second();
  expect([again.build.phase.value, again.build.wholly.value]).toEqual(["building", true]);
  state = ended(release("built"));
  await second();
  expect(again.build.phase.value).toBe("live");
  again.leave();
});

it("says why a release does not start, and tries again", async () => {
  actions["publish"] = () => Response.json({ code: "unavailable", status: 503 }, { status: 503 });
  const { build, leave } = building();
  await build.build(true);
  state = ended(release("built"));
  await second();
  expect(build.phase.value).toBe("refused");
  expect(build.problem.value).toMatchObject({ code: "unavailable" });
  actions["publish"] = () => Response.json({ output: release("live") });
  expect(await build.publishRelease(release("built") as Release)).toBe(true);
  expect(build.phase.value).toBe("live");
  leave();
});

const refusedAt = (code: string, pointer: string) => () => Response.json({ code, status: 409, fields: [{ pointer, code: "digest", message: "d1" }] }, { status: 409 });

it("asks before a release goes live that reaches more, and publishes with the consent", async () => {
  actions["publish"] = refusedAt("consent_required", "/consent");
  const { build, told, leave } = building();
  await build.build(true);
  state = ended(release("built"));
  await second();
  expect([build.phase.value, build.busy.value, build.asking.value]).toEqual(["consent", false, { release: 3, changed: false }]);
  expect(told).toEqual(["built"]);
  build.dismiss();
  expect([build.phase.value, build.asking.value]).toEqual(["consent", null]);
  build.ask(3);
  actions["publish"] = () => Response.json({ output: release("live") });
  expect(await build.bring(3, "d1")).toBe(true);
  expect([build.phase.value, build.asking.value]).toEqual(["live", null]);
  expect(sent.slice(1)).toEqual([{ release: 3 }, { release: 3, consent: "d1" }]);
  leave();
});

it("looks again where the consent was to something else, and only there", async () => {
  const { build, leave } = building();
  actions["publish"] = refusedAt("conflict", "/consent");
  expect(await build.bring(3, "d0")).toBe(false);
  expect([build.phase.value, build.asking.value]).toEqual(["consent", { release: 3, changed: true }]);
  actions["publish"] = refusedAt("conflict", "");
  expect(await build.bring(3, "d1")).toBe(false);
  expect([build.phase.value, build.asking.value]).toEqual(["refused", null]);
  expect(build.problem.value).toMatchObject({ code: "conflict" });
  actions["publish"] = refusedAt("consent_required", "/consent");
  expect(await build.publishRelease(release("built") as Release)).toBe(false);
  await build.build(false);
  expect(build.asking.value).toBeNull();
  leave();
});
