import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { defineComponent, ref } from "vue";
import { useCallState } from "./follow";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function following(id: string) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const call = ref(id);
  let state: ReturnType<typeof useCallState> | undefined;
  const component = defineComponent({ setup: () => ((state = useCallState(call)), () => null) });
  const wrapper = mount(component, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } });
  return { state: state as ReturnType<typeof useCallState>, call, unmount: () => wrapper.unmount() };
}

it("asks each second until the call has ended, and nothing without one", async () => {
  const told = ["pending", "pending", "ok", "never asked"];
  const fetched = vi.fn<(url: string) => Promise<Response>>(() => Promise.resolve(Response.json({ call: "a", status: told.shift() })));
  vi.stubGlobal("fetch", fetched);
  const { state, call, unmount } = following("");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(fetched).not.toHaveBeenCalled();
  call.value = "a";
  await vi.advanceTimersByTimeAsync(500);
  expect(state.data.value?.status).toBe("pending");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(state.data.value?.status).toBe("ok");
  expect(fetched.mock.calls.map(([url]) => url)).toEqual(Array.from({ length: 3 }, () => "/api/v1/calls/a"));
  unmount();
});

it("goes on asking while the server is away, and stops when it knows of no such call", async () => {
  const answers = [() => Response.json({ call: "a", status: "pending" }), () => Promise.reject(new TypeError("away")), () => Response.json({ code: "not_found" }, { status: 404 })];
  const fetched = vi.fn<() => Promise<Response>>(() => Promise.resolve(answers.shift()?.() ?? Response.error()));
  vi.stubGlobal("fetch", (url: string) => (url.includes("/calls/") ? fetched() : Promise.resolve(new Response("ok"))));
  const { state, unmount } = following("a");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched).toHaveBeenCalledTimes(3);
  expect(state.error.value).toMatchObject({ status: 404 });
  unmount();
});
