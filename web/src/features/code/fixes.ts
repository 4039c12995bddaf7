import type { FixEdit, Span } from "./types";

/** Where a line and column, counted from 1 and by characters, lie in a text; what lies outside is brought to its edge. */
export function offsetOf(lines: readonly string[], line: number, column: number): number {
  const row = Math.min(Math.max(line, 1), lines.length);
  let offset = 0;
  for (const before of lines.slice(0, row - 1)) offset += before.length + 1;
  const here = row < line ? Infinity : column;
  const text = lines[row - 1] ?? "";
  let units = 0;
  let characters = 1;
  for (const character of text) {
    if (characters >= here) break;
    units += character.length;
    characters += 1;
  }
  return offset + units;
}

/** The part of a text that a span names. */
export function rangeOf(text: string, { line, column, end_line, end_column }: Span): { from: number; to: number } {
  const lines = text.split("\n");
  const from = offsetOf(lines, line, column);
  return { from, to: Math.max(from, offsetOf(lines, end_line, end_column)) };
}

/** By how many lines a block stands elsewhere now; none where it is gone or stands at several places. */
function shiftOf(then: string[], now: string[], first: number, last: number): number | null {
  const block = then.slice(first - 1, last).join("\n");
  const at = (line: number) => now.slice(line - 1, line + last - first).join("\n") === block;
  if (at(first)) return 0;
  const places = now.flatMap((_, index) => (at(index + 1) ? [index + 1] : []));
  return places.length === 1 ? (places[0] ?? first) - first : null;
}

/**
 * The text with the edits of a fix, all of one file. The fix was made for the text `then`; where the lines that it
 * names have moved it follows them, and where they have changed there is no answer.
 */
export function applyFix(then: string, now: string, edits: FixEdit[]): string | null {
  const [was, is] = [then.split("\n"), now.split("\n")];
  const changes: { from: number; to: number; text: string }[] = [];
  for (const edit of edits) {
    const shift = shiftOf(was, is, edit.line, edit.end_line);
    if (shift === null) return null;
    const range = rangeOf(now, { ...edit, line: edit.line + shift, end_line: edit.end_line + shift });
    changes.push({ ...range, text: edit.text });
  }
  // From the end, so that no edit moves another one.
  return changes.sort((one, other) => other.from - one.from).reduce((text, { from, to, text: put }) => text.slice(0, from) + put + text.slice(to), now);
}

/** The files that a fix edits. */
export const filesOf = (edits: FixEdit[]): string[] => [...new Set(edits.map(({ path }) => path))];

/** The smallest replacement that makes one text of another, so that the cursor and what is marked stay. */
export function replacement(old: string, now: string): { from: number; to: number; insert: string } {
  let start = 0;
  const most = Math.min(old.length, now.length);
  while (start < most && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  return { from: start, to: old.length - end, insert: now.slice(start, now.length - end) };
}
