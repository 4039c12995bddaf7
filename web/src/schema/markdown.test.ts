import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { flushPromises, mount } from "@vue/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createI18n } from "vue-i18n";
import { createMemoryHistory, createRouter } from "vue-router";
import MarkdownView from "./MarkdownView.vue";

const asked: unknown[] = [];
let answer: (text: string) => Promise<Response>;
const render = (text: string) => Promise.resolve(Response.json({ html: `<p>${text.replace("**net**", "<strong>net</strong>")} <a href="/demo/crm?tab=1#top">here</a> <a href="https://example.org/">there</a></p>` }));

beforeEach(() => {
  asked.length = 0;
  answer = render;
  vi.stubGlobal("fetch", (url: string, { body }: { body: string }) => {
    const sent = JSON.parse(body) as { text: string };
    asked.push([url, sent]);
    return answer(sent.text);
  });
});
afterEach(() => vi.unstubAllGlobals());

const queryClient = () => new QueryClient({ defaultOptions: { queries: { retry: false } } });
function view(text: string, client = queryClient()) {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/:path(.*)*", component: {} }] });
  const plugins = [createI18n({ legacy: false }), router, [VueQueryPlugin, { queryClient: client }] as const];
  const wrapper = mount(MarkdownView, { props: { text }, global: { plugins: plugins as never }, attachTo: document.body });
  return { wrapper, router };
}

/** Whether the application took the click over from the link. */
function click(link: HTMLElement | undefined, init: MouseEventInit = {}): boolean {
  const event = new MouseEvent("click", { bubbles: true, cancelable: true, ...init });
  link?.dispatchEvent(event);
  return event.defaultPrevented;
}

it("shows the source, then what the server makes of it, and asks once", async () => {
  const client = queryClient();
  const { wrapper } = view("**net**\n30", client);
  expect(wrapper.get(".whitespace-pre-wrap").text()).toBe("**net**\n30");
  await flushPromises();
  expect(wrapper.get("strong").text()).toBe("net");
  expect(wrapper.text()).not.toContain("**");
  const { wrapper: second } = view("**net**\n30", client);
  expect(second.find("strong").exists()).toBe(true);
  await flushPromises();
  expect(asked).toEqual([["/api/v1/markdown", { text: "**net**\n30" }]]);
  await wrapper.setProps({ text: "gross" });
  expect(wrapper.get(".whitespace-pre-wrap").text()).toBe("gross");
  await flushPromises();
  expect(wrapper.get("p").text()).toContain("gross");
});

it("keeps to the source when the server does not render it, and does not ask about nothing", async () => {
  answer = () => Promise.resolve(Response.json({ code: "payload_too_large" }, { status: 413 }));
  const { wrapper } = view("**net**\n30");
  await flushPromises();
  expect(wrapper.get(".whitespace-pre-wrap").text()).toBe("**net**\n30");
  expect(asked).toHaveLength(1);
  view(" \n");
  await flushPromises();
  expect(asked).toHaveLength(1);
});

it("calls the box of a task by the task", async () => {
  answer = (text) => Promise.resolve(Response.json({ html: `<ul><li><input type="checkbox" disabled=""> ${text}</li></ul>` }));
  const { wrapper } = view("signed");
  await flushPromises();
  expect(wrapper.get("input").attributes("aria-label")).toBe("signed");
  await wrapper.setProps({ text: "paid" });
  await flushPromises();
  expect(wrapper.get("input").attributes("aria-label")).toBe("paid");
});

it("follows links to paths of this site in the application, and no others", async () => {
  const { wrapper, router } = view("x");
  await flushPromises();
  const push = vi.spyOn(router, "push");
  const [here, there] = wrapper.findAll("a").map(({ element }) => element);
  expect(click(here)).toBe(true);
  expect(push).toHaveBeenCalledWith("/demo/crm?tab=1#top");
  expect(click(here, { ctrlKey: true })).toBe(false);
  expect(click(there)).toBe(false);
  expect(push).toHaveBeenCalledOnce();
});
