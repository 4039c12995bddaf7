import { noteLost } from "./connection";
import { takeEarly } from "./early";
import type { FieldProblem, Outcome, Problem } from "./types";

/** A refusal by the server, or `network` when no answer came. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly trace: string;
  readonly fields: FieldProblem[];
  /** Seconds to wait before it makes sense to try again. */
  readonly retryAfter: number;

  constructor(problem: Partial<Problem>, retryAfter = 5) {
    super(problem.detail || problem.title || "");
    this.name = "ApiError";
    this.code = problem.code ?? "unknown";
    this.status = problem.status ?? 0;
    this.trace = problem.trace ?? "";
    this.fields = problem.fields ?? [];
    this.retryAfter = retryAfter;
  }
}

type Options = {
  method?: string;
  query?: Record<string, unknown>;
  body?: unknown;
  raw?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
};

let onUnauthenticated: () => void = () => undefined;

/** Says what happens when a session has ended; the router sets it once. */
export function whenUnauthenticated(act: () => void): void {
  onUnauthenticated = act;
}

export function queryString(query: Record<string, unknown> = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "" || value === false) continue;
    params.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** `/demo/crm` as it stands in a URL path. */
export function urlPath(path: string): string {
  return path.split("/").filter(Boolean).map(encodeURIComponent).join("/");
}

async function problemOf(response: Response): Promise<ApiError> {
  const trace = response.headers.get("x-trace-id") ?? "";
  try {
    const problem = (await response.json()) as Problem;
    return new ApiError({ ...problem, status: response.status, trace: problem.trace || trace }, Number(response.headers.get("retry-after")) || undefined);
  } catch {
    return new ApiError({ status: response.status, code: `http_${response.status}`, title: response.statusText, trace });
  }
}

/** A body, how it was answered, and where the server names it the call that it comes from; that can be taken back unless it says otherwise. */
export type Answer<T> = Outcome & { status: number; body: T };

/** One request; answers the parsed body or throws an `ApiError`. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  return (await ask<T>(path, options)).body;
}

/** One request, with what its answer says beside the body. */
export async function ask<T>(path: string, options: Options = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  let sent = options.raw;
  if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    sent = JSON.stringify(options.body);
  }
  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin" };
  if (sent !== undefined) init.body = sent;
  if (options.signal) init.signal = options.signal;
  let response: Response;
  try {
    const url = path + queryString(options.query);
    response = await (takeEarly(init.method ?? "GET", url, sent) ?? fetch(url, init));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    noteLost();
    throw new ApiError({ code: "network", title: "", status: 0 });
  }
  if (!response.ok) {
    const error = await problemOf(response);
    // A gateway that finds no server behind it has no problem document of ours.
    if (error.code.startsWith("http_50")) noteLost();
    if (error.status === 401 && !(path === "/api/v1/session" && init.method === "POST")) onUnauthenticated();
    throw error;
  }
  const body = (response.status === 204 ? undefined : await response.json()) as T;
  const { status, headers: said } = response;
  return { status, call: said.get("kageos-call") ?? "", undoable: said.get("kageos-undoable") !== "false", body };
}
