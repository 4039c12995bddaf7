// What the action `read_logs` of a workspace takes and answers.

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];
export type FieldValue = string | number | boolean | null;
/** A line; `id` is its place in the log. */
export type LogLine = {
  id: string;
  at: string;
  level: Level;
  release: number | null;
  call: string | null;
  trace: string | null;
  path: string;
  source: "app" | "stdout" | "stderr" | "platform";
  message: string;
  fields: Record<string, FieldValue>;
};
/** `next` goes on in the order asked for; `end` is the place after the last line. */
export type LogPage = { lines: LogLine[]; next: string | null; more: boolean; end: string };
/** Which lines; an empty word asks for nothing. */
export type Wanted = { level: string; text: string; call: string; trace: string; release: string };
