import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { flushPromises, mount } from "@vue/test-utils";
import { createPinia } from "pinia";
import { afterEach, expect, it, vi } from "vitest";
import { createI18n } from "vue-i18n";
import { createMemoryHistory, createRouter } from "vue-router";
import { makeFormatter } from "@/ui";
import { fieldsOf } from "./fields";
import { textOf } from "./present";
import type { Field } from "./types";
import ValueView from "./ValueView.vue";

const [ann, ben, plan] = ["0000000000000000000000000a", "0000000000000000000000000b", "0000000000000000000000000f"];
const labels = { [ann]: "Ann", [ben]: "Ben", [plan]: "plan.pdf" };
const person = { type: "string", title: "Who", "x-kageos": { widget: "user", order: 0 } };
const schema = {
  type: "object",
  properties: {
    steps: { type: "array", title: "Steps", items: { $ref: "#/$defs/Step" }, "x-kageos": { widget: "list", order: 0 } },
    team: { type: "array", title: "Team", items: person, "x-kageos": { widget: "list", order: 1 } },
    terms: { type: "string", title: "Terms", "x-kageos": { widget: "markdown", order: 2 } },
  },
  $defs: {
    Step: {
      type: "object",
      properties: {
        who: { $ref: "#/$defs/Person" },
        papers: { type: "array", title: "Papers", items: { type: "string" }, "x-kageos": { widget: "files", order: 1 } },
        helpers: { type: "array", title: "Helpers", items: person, "x-kageos": { widget: "list", order: 2 } },
        hours: { type: "integer", title: "Hours", "x-kageos": { widget: "integer", order: 3, unit: "h" } },
      },
    },
    Person: person,
  },
};
const [steps, team, terms] = fieldsOf(schema) as [Field, Field, Field];
const format = makeFormatter("en-GB", "Europe/Berlin");
afterEach(() => vi.unstubAllGlobals());

it("names people and files in the entries of a list", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ code: "not_found" }, { status: 404 })));
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/:path(.*)*", component: {} }] });
  const i18n = createI18n({ legacy: false, locale: "en", messages: { en: {} }, missingWarn: false, fallbackWarn: false });
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const value = [{ who: ann, papers: [plan], helpers: [ben], hours: 2 }, { who: ben, papers: [], helpers: [ann, ben], hours: null }];
  const props = { field: steps, value, labels, root: schema };
  const wrapper = mount(ValueView, { props, global: { plugins: [i18n, createPinia(), router, [VueQueryPlugin, { queryClient }]] as never, stubs: { UIcon: true, UBadge: true } } });
  await vi.waitFor(async () => {
    await flushPromises();
    expect(wrapper.find("[data-test=file]").exists()).toBe(true);
  });
  expect(wrapper.findAll("th").map((cell) => cell.text())).toEqual(["Who", "Papers", "Helpers", "Hours"]);
  expect(wrapper.findAll("td").map((cell) => cell.text())).toEqual(["Ann", "plan.pdf", "Ben", "2 h", "Ben", "–", "Ann, Ben", "–"]);
});

it("names people in a cell, and shows Markdown there without its marks", () => {
  expect(textOf(team, [ann, ben, "0000000000000000000000000c"], labels, format)).toBe("Ann, Ben, 0000000000000000000000000c");
  expect(textOf(team, [ann], undefined, format)).toBe(ann);
  expect(textOf(steps, [{}, {}], labels, format)).toBe("2");
  expect(textOf(terms, "## Terms\n\n- **net** 30\n", undefined, format)).toBe("Terms net 30");
});
