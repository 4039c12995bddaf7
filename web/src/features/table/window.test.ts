import { describe, expect, it } from "vitest";
import type { SearchOutput } from "@/api";
import { blockSize, RowWindow } from "./window";

/** A server of `total` rows that pages by cursor; `asked` records its work. */
function server(total: number, count: number | null = null) {
  const asked: number[] = [];
  const load = (next: string | undefined): Promise<SearchOutput> => {
    const start = Number(next ?? 0);
    asked.push(start / blockSize);
    const rows = Array.from({ length: Math.min(blockSize, total - start) }, (_, index) => ({
      id: String(start + index), version: 1, values: {}, created_at: "", updated_at: "",
    }));
    return Promise.resolve({ rows, next: start + blockSize < total ? String(start + blockSize) : null, count, labels: {} });
  };
  return { asked, load };
}
const settle = () => new Promise((resolve) => setTimeout(resolve));

describe("RowWindow", () => {
  it("knows a short table whole", async () => {
    const window = new RowWindow(server(59).load);
    window.show(0, 30);
    await settle();
    expect(window.state).toMatchObject({ total: 59, ended: true, loaded: true, loading: false });
    expect(window.rowAt(58)?.id).toBe("58");
    expect(window.rowAt(59)).toBeUndefined();
  });
  it("grows by a block while the end is unknown", async () => {
    const window = new RowWindow(server(1_000_000, 1001).load);
    window.show(0, 30);
    await settle();
    expect(window.state.total).toBe(200);
    window.show(90, 130);
    await settle();
    expect(window.state.total).toBe(300);
  });
  it("gives an exact height where the count is exact, and reaches a far block through those before it", async () => {
    const { asked, load } = server(412, 412);
    const window = new RowWindow(load);
    window.show(0, 30);
    await settle();
    expect(window.state.total).toBe(412);
    window.show(380, 411);
    await settle();
    expect(asked).toEqual([0, 1, 2, 3, 4]);
    expect(window.rowAt(411)?.id).toBe("411");
  });
  it("forgets far blocks and fetches them again by their cursor", async () => {
    const { asked, load } = server(10_000);
    const window = new RowWindow(load);
    for (let row = 0; row < 3_000; row += 50) {
      window.show(row, row + 30);
      await settle();
    }
    expect(window.rowAt(0)).toBeUndefined();
    expect(window.rowAt(2_900)).toBeDefined();
    asked.length = 0;
    window.show(0, 30);
    await settle();
    expect(asked).toEqual([0]);
    expect(window.rowAt(0)?.id).toBe("0");
  });
  it("keeps rows in view while it asks again", async () => {
    const { asked, load } = server(59);
    const window = new RowWindow(load);
    window.show(0, 30);
    await settle();
    asked.length = 0;
    window.refresh();
    expect(window.rowAt(0)).toBeDefined();
    await settle();
    expect(asked).toEqual([0]);
  });
  it("asks once more for what was being asked for when news came", async () => {
    const { asked, load } = server(59);
    const window = new RowWindow(load);
    window.show(0, 30);
    window.refresh();
    window.refresh();
    await settle();
    expect(asked).toEqual([0, 0]);
  });
  it("knows words that it was told, until a block has newer ones", async () => {
    const { load } = server(5);
    const labels = { who: { a: "Ada", b: "Bob" } };
    const window = new RowWindow(async (next) => ({ ...(await load(next)), labels: { who: { a: "Ada Lovelace" } } }));
    window.learn(labels);
    expect(window.state.labels).toEqual(labels);
    window.show(0, 4);
    await settle();
    expect(window.state.labels).toEqual({ who: { a: "Ada Lovelace", b: "Bob" } });
  });
  it("drops the answer to an old question", async () => {
    const window = new RowWindow(server(59).load);
    window.show(0, 30);
    window.reset(server(3).load);
    await settle();
    expect(window.state.total).toBe(3);
  });
  it("says what went wrong and tries again on refresh", async () => {
    let broken = true;
    const good = server(5).load;
    const window = new RowWindow((next) => (broken ? Promise.reject(new Error("down")) : good(next)));
    window.show(0, 30);
    await settle();
    expect(window.state.error).toBeInstanceOf(Error);
    broken = false;
    window.refresh();
    await settle();
    expect(window.state).toMatchObject({ error: null, total: 5 });
  });
});
