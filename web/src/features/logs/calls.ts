import { api } from "@/api";
import type { LogPage, Wanted } from "./types";

/** The most lines that one answer has. */
const pageSize = 200;

export type Read = (wanted: Wanted, order: "newest" | "oldest", next: string | null, signal: AbortSignal) => Promise<LogPage>;

/** Reads the log of the workspace at a path. */
export const readLogs =
  (path: string): Read =>
  async ({ level, text, call, trace, release }, order, next, signal) => {
    const asked = { level, text: text.trim(), call, trace, release: Number(release) || "", order, next: next ?? "", limit: pageSize };
    const input = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ""));
    return (await api.call<LogPage>(path, "read_logs", input, { signal })).output;
  };
