import { mount } from "@vue/test-utils";
import { createPinia } from "pinia";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { defineComponent } from "vue";
import { createI18n } from "vue-i18n";
import ui from "./locales/en.json";
import { closeToast, toasts } from "./toasts";
import { isUndone, useUndo } from "./undo";

const i18n = createI18n({ legacy: false, locale: "en", messages: { en: { ui } } });
const answers = new Map<string, () => Response>();
const asked: string[] = [];
const took = (call: string, more = {}) => () => Response.json({ call, trace: "", output: null, changes: [], dry_run: false, undoable: true, diff_hash: null, ...more });
const done = (call: string, undoable = true) => ({ call, undoable });
const refuses = (problem: object) => () => Response.json(problem, { status: 409 });

function using() {
  let undo: ReturnType<typeof useUndo> | undefined;
  const component = defineComponent({ setup: () => ((undo = useUndo()), () => null) });
  mount(component, { global: { plugins: [i18n, createPinia()] } });
  return undo as ReturnType<typeof useUndo>;
}
const toast = () => toasts.value.at(-1);
const press = () => toast()?.action?.run();

beforeEach(() => {
  asked.length = 0;
  answers.clear();
  vi.stubGlobal("fetch", (url: string) => {
    const call = url.split("/")[4] ?? "";
    asked.push(call);
    return Promise.resolve(answers.get(call)?.() ?? new Response("", { status: 404 }));
  });
});
afterEach(() => {
  for (const { id } of toasts.value) closeToast(id);
  vi.unstubAllGlobals();
});

it("takes back, does again, and takes that back", async () => {
  const undo = using();
  answers.set("a", took("b")).set("b", took("c")).set("c", took("d"));
  undo.offer("Row created", "/demo/crm/x.table", done("a"));
  expect(toast()).toMatchObject({ title: "Row created", action: { label: "Undo" } });
  expect(isUndone("a")).toBe(false);
  await press();
  expect(toast()).toMatchObject({ title: "Undone: Row created", action: { label: "Redo" } });
  expect(isUndone("a")).toBe(true);
  await press();
  expect(toast()).toMatchObject({ title: "Done again: Row created", action: { label: "Undo" } });
  expect(isUndone("a")).toBe(false);
  await press();
  expect(isUndone("a")).toBe(true);
  expect(asked).toEqual(["a", "b", "c"]);
  expect(toasts.value).toHaveLength(1);
});

it("offers nothing that cannot be taken back", async () => {
  const undo = using();
  answers.set("a", took("b", { undoable: false }));
  undo.offer("Row purged", "/demo/crm/x.table", done("z", false));
  expect(toast()).toMatchObject({ kind: "done", title: "Row purged" });
  expect(toast()?.action).toBeUndefined();
  undo.last();
  expect(asked).toEqual([]);
  undo.offer("Row changed", "/demo/crm/x.table", done("a"));
  await press();
  expect(toast()?.title).toBe("Undone: Row changed");
  expect(toast()?.action).toBeUndefined();
  expect(isUndone("a")).toBe(true);
});

it("takes back the last first, each once, however fast the keys come", async () => {
  const undo = using();
  answers.set("a", took("a2")).set("b", took("b2"));
  undo.offer("first", "/demo", done("a"));
  undo.offer("second", "/demo", done("b"));
  undo.last();
  undo.last();
  undo.last();
  await vi.waitFor(() => expect(asked).toEqual(["b", "a"]));
  await vi.waitFor(() => expect(toast()?.title).toBe("Undone: first"));
});

it("names the rows that stand in the way, and does not try again", async () => {
  const undo = using();
  answers.set("a", refuses({ code: "undo_conflict", status: 409, trace: "t", fields: [{ pointer: "/x.table/7", code: "changed", message: "" }] }));
  undo.offer("Row changed", "/demo/crm/x.table", done("a"));
  await press();
  expect(toast()).toMatchObject({ kind: "failed", title: ui.problem.undo_conflict, links: [{ text: "x.table #7" }] });
  undo.last();
  expect(asked).toEqual(["a"]);
});

it("can be tried again when no answer came", async () => {
  const undo = using();
  answers.set("a", () => {
    throw new TypeError("no network");
  });
  undo.offer("Row changed", "/demo", done("a"));
  await press();
  answers.set("a", took("b"));
  undo.last();
  await vi.waitFor(() => expect(toast()?.title).toBe("Undone: Row changed"));
});
