import { beforeEach, expect, it } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import { useDraft } from "./draft";

beforeEach(() => sessionStorage.clear());

/** A form that opens, is typed into, and goes away before its pause in typing is over. */
async function form(key: string, type: (values: Record<string, unknown>) => Record<string, unknown>, secret: string[] = []) {
  const scope = effectScope();
  const values = ref<Record<string, unknown>>({ name: "" });
  const draft = scope.run(() => useDraft(values, () => key, () => secret));
  draft?.begin();
  const seen = { values: { ...values.value }, restored: draft?.restored.value };
  values.value = type(values.value);
  await nextTick();
  return { ...seen, draft, close: () => scope.stop() };
}

it("gives back what was typed, to the same form alone, and nothing secret", async () => {
  (await form("draft.a", () => ({ name: "Ada", pin: "1234" }), ["pin"])).close();
  const again = await form("draft.a", (values) => values);
  expect(again.values).toEqual({ name: "Ada" });
  expect(again.restored).not.toBe("");
  again.close();
  const other = await form("draft.b", (values) => values);
  expect(other.values).toEqual({ name: "" });
  expect(other.restored).toBe("");
  other.close();
});

it("keeps what was typed for who typed it, though the session ends before it is written", async () => {
  let user = "ada";
  const scope = effectScope();
  const values = ref<Record<string, unknown>>({ name: "" });
  scope.run(() => useDraft(values, () => `draft.${user}`))?.begin();
  values.value = { name: "Ada" };
  await nextTick();
  user = "";
  scope.stop();
  expect((await form("draft.ada", (same) => same)).values).toEqual({ name: "Ada" });
});

it("forgets what was sent, and what was typed and taken back", async () => {
  const first = await form("draft.a", () => ({ name: "Ada" }));
  first.draft?.forget();
  first.close();
  const second = await form("draft.a", () => ({ name: "" }));
  expect(second.restored).toBe("");
  second.close();
  expect(sessionStorage.length).toBe(0);
});
