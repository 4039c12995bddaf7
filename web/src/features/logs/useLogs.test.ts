import { expect, it } from "vitest";
import { effectScope } from "vue";
import type { Read } from "./calls";
import type { LogLine } from "./types";
import { maxLines, useLogs } from "./useLogs";

const line = (number: number): LogLine => ({
  id: `1-${number}`,
  at: "2026-01-01T00:00:00Z",
  level: "info",
  release: 1,
  call: null,
  trace: null,
  path: "/demo/app",
  source: "app",
  message: `line ${number}`,
  fields: {},
});
const wanted = { level: "", text: "", call: "", trace: "", release: "" };

const at = (place: string | null, none: number) => (place === null ? none : Number(place.split("-")[1]));

/** A log of so many lines that answers as the server does, some at a time. */
function log(count: number, size = 50) {
  const all = Array.from({ length: count }, (_, number) => line(number));
  let asked = 0;
  const read: Read = (_, order, next) => {
    asked += 1;
    const end = `1-${all.length}`;
    if (order === "newest") {
      const before = at(next, all.length);
      const from = Math.max(0, before - size);
      return Promise.resolve({ lines: all.slice(from, before).reverse(), next: from > 0 ? `1-${from}` : null, more: from > 0, end });
    }
    const from = at(next, 0);
    const to = Math.min(all.length, from + size);
    return Promise.resolve({ lines: all.slice(from, to), next: `1-${to}`, more: to < all.length, end });
  };
  return { read, add: (more: number) => all.push(...Array.from({ length: more }, (_, number) => line(all.length + number))), asked: () => asked };
}
const use = (read: Read) => effectScope().run(() => useLogs(read, () => wanted))!;
const numbers = (lines: LogLine[]) => lines.map(({ id }) => Number(id.split("-")[1]));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, number) => from + number);

it("shows the last lines, older ones on demand, and follows without a gap", async () => {
  const { read, add } = log(300);
  const logs = use(read);
  await logs.load();
  expect(numbers(logs.lines.value)).toEqual(range(200, 300));
  await logs.loadOlder();
  expect(numbers(logs.lines.value)).toEqual(range(150, 300));
  add(120);
  await logs.catchUp();
  expect(numbers(logs.lines.value)).toEqual(range(150, 420));
});

it("asks again for what came during the first look", async () => {
  const { read, add } = log(10);
  const logs = use(read);
  const loaded = logs.load();
  add(5);
  await logs.catchUp();
  await loaded;
  expect(logs.lines.value.length).toBe(15);
});

it("keeps what is read in its place while nobody follows", async () => {
  const { read, add } = log(10);
  const logs = use(read);
  await logs.load();
  expect([logs.older.value, logs.busy.value]).toEqual([null, ""]);
  logs.follow(false);
  add(5);
  await logs.catchUp();
  expect([logs.lines.value.length, logs.waiting.value]).toEqual([10, true]);
  logs.follow(true);
  await logs.catchUp();
  expect([logs.lines.value.length, logs.waiting.value]).toEqual([15, false]);
});

it("holds a bounded number of lines and finds the others again", async () => {
  const { read, add } = log(100, 200);
  const logs = use(read);
  await logs.load();
  add(2_500);
  await logs.catchUp();
  expect(numbers(logs.lines.value)).toEqual(range(600, 2_600));
  expect([logs.lines.value.length, logs.older.value, logs.full.value]).toEqual([maxLines, "1-600", true]);
});

it("tells what went wrong and looks again", async () => {
  const { read } = log(10);
  let fails = true;
  const logs = use((...asked) => (fails ? Promise.reject(new Error("down")) : read(...asked)));
  await logs.load();
  expect(String(logs.error.value)).toContain("down");
  fails = false;
  await logs.load();
  expect([logs.error.value, logs.lines.value.length]).toEqual([null, 10]);
});

it("stops to look for what is rare", async () => {
  let asked = 0;
  const nothing: Read = () => Promise.resolve({ lines: [], next: `1-${(asked += 1)}`, more: true, end: "1-9" });
  const logs = use(nothing);
  await logs.load();
  expect(asked).toBeLessThan(20);
  expect([logs.lines.value.length, logs.older.value === null]).toEqual([0, false]);
});
