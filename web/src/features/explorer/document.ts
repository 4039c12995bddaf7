import { ApiError } from "@/api";
import type { ApiDocument } from "./model";

/** The document that the server is described by. */
export async function loadDocument({ signal }: { signal: AbortSignal }): Promise<ApiDocument> {
  const response = await fetch("/api/openapi.json", { signal });
  if (!response.ok) throw new ApiError({ status: response.status, code: `http_${response.status}`, title: response.statusText });
  return (await response.json()) as ApiDocument;
}
