import { ApiError } from "@/api";
import type { FileWrite, SourceFile, Written } from "./types";

/** A file as it was read. */
export type Base = { hash: string; text: string | null };
/** A file as it shall be. `base` is what it was made from, none for a file that is new; without a text it is removed. */
export type Draft = { base: Base | null; text: string | null };
/** By path. Never changed in place. */
export type Drafts = Readonly<Record<string, Draft>>;
export type DraftMark = "added" | "changed" | "removed";

const set = (drafts: Drafts, path: string, draft: Draft): Drafts => ({ ...drafts, [path]: draft });

export function without(drafts: Drafts, path: string): Drafts {
  const { [path]: _, ...rest } = drafts;
  return rest;
}

/** Text was typed into a file that was read as `base`. What is as it was is no draft. */
export function edited(drafts: Drafts, path: string, text: string, base: Base | null): Drafts {
  const from = drafts[path] ? drafts[path].base : base;
  return from && from.text === text ? without(drafts, path) : set(drafts, path, { base: from, text });
}

/** A file is removed; one that was never saved is forgotten. */
export function removed(drafts: Drafts, path: string, base: Base | null): Drafts {
  const from = drafts[path] ? drafts[path].base : base;
  return from ? set(drafts, path, { base: from, text: null }) : without(drafts, path);
}

/** A file gets another path: it is removed there and added here. */
export function renamed(drafts: Drafts, from: string, to: string, text: string, base: Base | null): Drafts {
  const there = drafts[to]?.base ?? null;
  return edited(removed(drafts, from, base), to, text, there);
}

export function markOf({ base, text }: Draft): DraftMark {
  if (text === null) return "removed";
  return base ? "changed" : "added";
}

/** The one call that saves them all. */
export function toWrite(drafts: Drafts): FileWrite[] {
  return Object.entries(drafts)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, { base, text }]) => ({ path, text, expected: base?.hash ?? null }));
}

/** What is left when `sent` was saved: what was typed since, made from what is there now. */
export function afterWrite(drafts: Drafts, sent: FileWrite[], written: Written): Drafts {
  const hashes = new Map(written.files.map(({ path, hash }) => [path, hash]));
  let left = drafts;
  for (const { path, text } of sent) {
    const draft = left[path];
    if (!draft) continue;
    const hash = hashes.get(path) ?? null;
    const rest = edited(without(left, path), path, draft.text ?? "", hash === null || text === null ? null : { hash, text });
    left = draft.text === text ? without(left, path) : rest;
  }
  return left;
}

/** The files that a refused save names. */
export function refusedPaths(error: unknown, sent: FileWrite[]): string[] {
  if (!(error instanceof ApiError) || error.status !== 409) return [];
  const indexes = error.fields.map(({ pointer }) => /^\/files\/(\d+)(?:\/|$)/.exec(pointer)?.[1]);
  return [...new Set(indexes.flatMap((index) => sent[Number(index)]?.path ?? []))];
}

/** Drafts that were made from what is there no more. */
export function conflicting(drafts: Drafts, files: SourceFile[]): string[] {
  const now = new Map(files.map(({ path, hash }) => [path, hash]));
  return Object.entries(drafts)
    .filter(([path, { base }]) => (base?.hash ?? null) !== (now.get(path) ?? null))
    .map(([path]) => path);
}

/** Ends a conflict: `theirs` is what is there now, `mine` what shall be. The same is no draft. */
export function settled(drafts: Drafts, path: string, theirs: Base | null, mine: string | null): Drafts {
  if (mine === null && !theirs) return without(drafts, path);
  if (mine !== null && theirs?.text === mine) return without(drafts, path);
  return set(drafts, path, { base: theirs, text: mine });
}

/** Says why a path cannot be that of a new file, as the last part of a message's key. */
export function pathProblem(path: string, taken: (path: string) => boolean): "" | "empty" | "shape" | "taken" {
  if (path === "") return "empty";
  const parts = path.split("/");
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for.
  if (parts.some((part) => part === "" || part === "." || part === ".." || part === ".git") || /[\u0000-\u001f\\]/.test(path) || path !== path.trim()) return "shape";
  return taken(path) ? "taken" : "";
}
