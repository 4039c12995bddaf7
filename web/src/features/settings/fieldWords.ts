import { ApiError } from "@/api";

/** The server's words by field, as small forms show them. */
export function fieldWords(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(error.fields.map((field) => [field.pointer.slice(1), field.message || field.code]));
}
