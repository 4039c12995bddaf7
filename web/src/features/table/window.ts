import { shallowReactive } from "vue";
import type { Labels, Row, SearchOutput } from "@/api";

export const blockSize = 100;
// 20 blocks are 2,000 rows: far more than a screen, far less than a table.
const maxBlocks = 20;
// The server counts no further than this.
const countCap = 1000;

export type Load = (next: string | undefined, first: boolean) => Promise<SearchOutput>;

/**
 * A window over a table of any size: blocks of rows are fetched by cursor as
 * they come into view and forgotten when they are far. Where a row lies is
 * arithmetic only, so nothing is measured and nothing grows with the table.
 */
export class RowWindow {
  /** `cursors[b]` starts block b; the first needs none. */
  private cursors: (string | undefined)[] = [undefined];
  private readonly blocks = shallowReactive(new Map<number, Row[]>());
  /** The words of what a block's rows name are forgotten with it. */
  private readonly labels = new Map<number, Labels>();
  /** Words that came another way; those of a block are newer. */
  private learned: Labels = {};
  private stale = new Set<number>();
  private wanted: [number, number] = [0, 0];
  private generation = 0;
  private running = false;
  /** News came while a block was being asked for: what comes may be older. */
  private overtaken = false;
  readonly state = shallowReactive({
    total: 0,
    count: null as number | null,
    ended: false,
    loaded: false,
    loading: false,
    error: null as unknown,
    labels: {} as Labels,
  });

  constructor(private load: Load) {}

  /** Starts anew with another question. */
  reset(load: Load): void {
    this.load = load;
    this.generation += 1;
    this.running = false;
    this.cursors = [undefined];
    this.blocks.clear();
    this.labels.clear();
    this.stale.clear();
    this.wanted = [0, 0];
    Object.assign(this.state, { total: 0, count: null, ended: false, loaded: false, error: null, labels: {} });
    void this.pump();
  }

  /** Asks again for what is in view; rows stay until the news are here. */
  refresh(): void {
    const [from, to] = this.wanted;
    for (const block of this.blocks.keys()) {
      if (block >= from && block <= to) this.stale.add(block);
      else this.forget(block);
    }
    // The first block carries the count.
    if (!this.blocks.has(0)) this.stale.delete(0);
    this.overtaken = true;
    this.state.error = null;
    void this.pump();
  }

  rowAt(index: number): Row | undefined {
    return this.blocks.get(Math.floor(index / blockSize))?.[index % blockSize];
  }

  find(id: string): Row | undefined {
    for (const rows of this.blocks.values()) {
      const row = rows.find((one) => one.id === id);
      if (row) return row;
    }
    return undefined;
  }

  /** Puts a changed row in its place at once. */
  replace(row: Row): void {
    for (const [block, rows] of this.blocks) {
      if (rows.some((one) => one.id === row.id)) this.blocks.set(block, rows.map((one) => (one.id === row.id ? row : one)));
    }
  }

  /** Takes words for what rows name or are about to name. */
  learn(labels: Labels): void {
    this.learned = merged([this.learned, labels]);
    this.relabel();
  }

  /** Rows `first` to `last` are in view. */
  show(first: number, last: number): void {
    this.wanted = [Math.floor(Math.max(0, first) / blockSize), Math.floor(Math.max(0, last) / blockSize)];
    void this.pump();
  }

  private next(): number | null {
    const [from, to] = this.wanted;
    const end = this.state.ended ? Math.max(0, Math.ceil(this.state.total / blockSize) - 1) : to;
    for (let block = from; block <= Math.min(to, end); block += 1) {
      if (this.blocks.has(block) && !this.stale.has(block)) continue;
      // A block without a cursor is reached through those before it.
      return Math.min(block, this.cursors.length - 1);
    }
    return null;
  }

  private async pump(): Promise<void> {
    if (this.running) return;
    this.running = true;
    const generation = this.generation;
    this.state.loading = true;
    let block = this.next();
    while (block !== null) {
      this.overtaken = false;
      try {
        const output = await this.load(this.cursors[block], block === 0);
        if (generation !== this.generation) return;
        this.take(block, output);
        if (this.overtaken) this.stale.add(block);
      } catch (error) {
        if (generation !== this.generation) return;
        this.state.error = error;
        break;
      }
      block = this.next();
    }
    this.running = false;
    this.state.loading = false;
  }

  private take(block: number, output: SearchOutput): void {
    this.blocks.set(block, output.rows);
    this.labels.set(block, output.labels ?? {});
    this.stale.delete(block);
    const { state } = this;
    if (block === 0) state.count = output.count;
    if (output.next === null) {
      this.cursors.length = block + 1;
      state.ended = true;
      state.total = block * blockSize + output.rows.length;
    } else {
      this.cursors[block + 1] = output.next;
      if (state.ended && state.total <= (block + 1) * blockSize) state.ended = false;
      if (!state.ended) state.total = this.estimate();
    }
    state.loaded = true;
    this.forgetFar();
    this.relabel();
  }

  private relabel(): void {
    this.state.labels = merged([this.learned, ...this.labels.values()]);
  }

  /** The count where it is exact; else what is known and one block more. */
  private estimate(): number {
    const reached = this.cursors.length * blockSize;
    const { count } = this.state;
    return count !== null && count <= countCap ? Math.max(count, reached - blockSize + 1) : reached;
  }

  private forgetFar(): void {
    const middle = (this.wanted[0] + this.wanted[1]) / 2;
    const far = [...this.blocks.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    for (const block of far.slice(0, Math.max(0, this.blocks.size - maxBlocks))) this.forget(block);
  }

  private forget(block: number): void {
    this.blocks.delete(block);
    this.labels.delete(block);
  }
}

function merged(parts: Iterable<Labels>): Labels {
  const all: Labels = {};
  for (const part of parts) for (const [field, labels] of Object.entries(part)) Object.assign((all[field] ??= {}), labels);
  return all;
}
