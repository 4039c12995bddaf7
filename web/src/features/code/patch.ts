/** A line of a diff with its numbers in the old and the new text. */
export type PatchLine = { kind: "same" | "added" | "removed"; text: string; old: number | null; now: number | null; noEnd?: true };
export type Hunk = { head: string; lines: PatchLine[] };

const kinds: Record<string, PatchLine["kind"]> = { " ": "same", "+": "added", "-": "removed" };

/** Reads the text of a unified diff. What stands before the first hunk names files, which are known. */
export function parsePatch(patch: string): Hunk[] {
  const hunks: Hunk[] = [];
  let [old, now, oldLeft, nowLeft] = [0, 0, 0, 0];
  for (const line of patch.split("\n")) {
    const hunk = hunks.at(-1);
    const kind = kinds[line.charAt(0)] ?? (line === "" ? "same" : undefined);
    if (hunk && kind && (oldLeft > 0 || nowLeft > 0)) {
      const [inOld, inNow] = [kind !== "added", kind !== "removed"];
      hunk.lines.push({ kind, text: line.slice(1), old: inOld ? old : null, now: inNow ? now : null });
      old += Number(inOld);
      oldLeft -= Number(inOld);
      now += Number(inNow);
      nowLeft -= Number(inNow);
      continue;
    }
    if (line.startsWith("\\")) {
      const last = hunk?.lines.at(-1);
      if (last) last.noEnd = true;
      continue;
    }
    const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/.exec(line);
    if (!head) continue;
    [old, oldLeft, now, nowLeft] = [Number(head[1]), Number(head[2] ?? 1), Number(head[3]), Number(head[4] ?? 1)];
    hunks.push({ head: head[5] ?? "", lines: [] });
  }
  return hunks;
}
