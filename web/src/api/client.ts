import { ApiError, ask, queryString, request, urlPath } from "./http";
import type {
  Activity,
  CallReply,
  CallState,
  Explanation,
  Filter,
  Grant,
  Group,
  HistoryItem,
  ImportOutput,
  MarkdownOutput,
  NewToken,
  Node,
  NodeDetail,
  Overview,
  Page,
  People,
  Right,
  Role,
  Row,
  SearchHit,
  SearchOutput,
  SessionInfo,
  Sort,
  StoredFile,
  Token,
  Transfer,
  TransferInput,
  User,
  Values,
} from "./types";

const base = "/api/v1";

export type SearchInput = {
  filter?: Filter;
  sort?: Sort[];
  limit?: number;
  next?: string;
  q?: string;
  count?: boolean;
  bin?: boolean;
};

export type SessionPatch = Partial<Pick<User, "name" | "locale" | "theme" | "time_zone">> & {
  password?: { old: string; new: string };
};

export const session = {
  get: () => request<SessionInfo>(`${base}/session`),
  login: (login: string, password: string) =>
    request<SessionInfo>(`${base}/session`, { method: "POST", body: { login, password } }),
  patch: (body: SessionPatch) => request<SessionInfo>(`${base}/session`, { method: "PATCH", body }),
  logout: () => request<void>(`${base}/session`, { method: "DELETE" }),
};

export const tree = {
  children: (path: string, next?: string) =>
    request<Page<Node>>(`${base}/tree`, { query: { path: path === "/" ? "" : path, limit: 500, next } }),
  node: (path: string) => request<NodeDetail>(`${base}/node/${urlPath(path)}`),
  overview: (path: string) => request<Overview>(`${base}/overview/${urlPath(path)}`),
  search: (q: string, signal?: AbortSignal) =>
    request<Page<SearchHit>>(`${base}/search`, { query: { q, limit: 20 }, signal }),
};

type CallOptions = { dryRun?: boolean; key?: string; signal?: AbortSignal };

function callBody(action: string, input: unknown, options: CallOptions): Record<string, unknown> {
  const body: Record<string, unknown> = { action, input };
  if (options.dryRun) body["dry_run"] = true;
  if (options.key) body["idempotency_key"] = options.key;
  return body;
}

/** Every effect goes through this one door, as it does for agents and schedules. */
export function call<T>(path: string, action: string, input: unknown, options: CallOptions = {}): Promise<CallReply<T>> {
  return request(`${base}/call/${urlPath(path)}`, { method: "POST", body: callBody(action, input, options), signal: options.signal });
}

/** The same, but a call that takes longer than a moment runs on and answers how it stands. */
export async function start<T>(path: string, action: string, input: unknown, options: CallOptions = {}): Promise<{ reply: CallReply<T> } | { running: CallState }> {
  const { status, body } = await ask<unknown>(`${base}/call/${urlPath(path)}`, {
    method: "POST",
    body: callBody(action, input, options),
    headers: { prefer: "respond-async, wait=1" },
  });
  return status === 202 ? { running: body as CallState } : { reply: body as CallReply<T> };
}

export const calls = {
  state: (id: string) => request<CallState>(`${base}/calls/${encodeURIComponent(id)}`),
  cancel: (id: string) => request<void>(`${base}/calls/${encodeURIComponent(id)}`, { method: "DELETE" }),
  /** Sets back what a call changed. This is a call too: undoing it does it again. */
  undo: (id: string, dryRun = false) =>
    request<CallReply>(`${base}/calls/${encodeURIComponent(id)}/undo`, { method: "POST", query: { dry_run: dryRun } }),
};

const output = async <T>(reply: Promise<CallReply<T>>): Promise<T> => (await reply).output;

export const table = {
  search: (path: string, input: SearchInput, signal?: AbortSignal) =>
    output(call<SearchOutput>(path, "search", input, signal ? { signal } : {})),
  get: (path: string, id: string) => output(call<Row>(path, "get", { id })),
  /** A row in the recycle bin, where `get` finds none. */
  binned: async (path: string, id: string) => {
    const { rows } = await table.search(path, { filter: { eq: ["id", id] }, bin: true, limit: 1 });
    if (!rows[0]) throw new ApiError({ code: "not_found", status: 404 });
    return rows[0];
  },
  create: (path: string, values: Values) => call<Row>(path, "create", { values }),
  update: (path: string, id: string, version: Row["version"], patch: Values) => call<Row>(path, "update", { id, version, patch }),
  remove: (path: string, id: string, version: Row["version"]) => call(path, "delete", { id, version }),
  restore: (path: string, id: string) => call<Row>(path, "restore", { id }),
  purge: (path: string, id: string) => call(path, "purge", { id }),
  bulk: (path: string, op: "delete" | "restore" | "purge", ids: string[]) => call<{ changed: number }>(path, "bulk", { op, ids }),
  history: (path: string, id: string, next?: string) =>
    output(call<Page<HistoryItem>>(path, "history", { id, limit: 50, ...(next ? { next } : {}) })),
  /** CSV has an address of its own: a call in JSON takes a hundredth of it. */
  import: (path: string, csv: string, dryRun: boolean) =>
    ask<ImportOutput>(`${base}/import/${urlPath(path)}`, { method: "POST", query: { dry_run: dryRun }, raw: csv, headers: { "content-type": "text/csv" } }),
  exportUrl: (path: string, filter: Filter | undefined, sort: string) =>
    `${base}/export/${urlPath(path)}${queryString({ format: "csv", filter, sort })}`,
};

export const activity = {
  list: (path: string, row?: string, next?: string) =>
    request<Page<Activity>>(`${base}/activity`, { query: { path, row, limit: 50, next } }),
};

/** Markdown of a field, rendered. */
export const markdown = (text: string) => request<MarkdownOutput>(`${base}/markdown`, { method: "POST", body: { text } });

export type GrantInput = {
  subject: { kind: string; id: string };
  role: Role;
  deny?: boolean;
  expires_at?: string | null;
};

export const access = {
  list: (path: string) => request<Page<Grant>>(`${base}/access`, { query: { path } }),
  explain: (path: string, action: string, user: string) =>
    request<Explanation>(`${base}/access/explain`, { query: { path, action, user } }),
  grant: (path: string, input: GrantInput) => call(path, "grant", input),
  revoke: (path: string, grant: string) => call(path, "revoke", { grant }),
};

export type TokenInput = { name: string; scope: { path: string; rights: Right[] }; expires_at: string | null };

export const tokens = {
  list: () => request<Page<Token>>(`${base}/tokens`),
  create: (body: TokenInput) => request<NewToken>(`${base}/tokens`, { method: "POST", body }),
  remove: (id: string) => request<void>(`${base}/tokens/${id}`, { method: "DELETE" }),
};

export type UserInput = { login: string; name: string; email: string | null; password: string; admin: boolean };

export const people = {
  find: (path: string, q: string, signal?: AbortSignal) => request<People>(`${base}/people`, { query: { path, q, limit: 20 }, signal }),
  users: () => request<Page<User>>(`${base}/users`, { query: { limit: 500 } }),
  createUser: (body: UserInput) => request<User>(`${base}/users`, { method: "POST", body }),
  patchUser: (id: string, body: Partial<UserInput> & { disabled?: boolean }) =>
    request<User>(`${base}/users/${id}`, { method: "PATCH", body }),
  groups: () => request<Page<Group>>(`${base}/groups`),
  createGroup: (body: { name: string }) => request<Group>(`${base}/groups`, { method: "POST", body }),
  renameGroup: (group: string, name: string) => request<Group>(`${base}/groups/${group}`, { method: "PATCH", body: { name } }),
  removeGroup: (group: string) => request<void>(`${base}/groups/${group}`, { method: "DELETE" }),
  addMember: (group: string, user: string) =>
    request<void>(`${base}/groups/${group}/members/${user}`, { method: "PUT" }),
  removeMember: (group: string, user: string) =>
    request<void>(`${base}/groups/${group}/members/${user}`, { method: "DELETE" }),
  transfer: (body: TransferInput) => request<Transfer>(`${base}/transfers`, { method: "POST", body }),
};

export const files = {
  list: (path: string, next?: string) =>
    request<Page<StoredFile>>(`${base}/files/${urlPath(path)}`, { query: { limit: 50, next } }),
  info: (id: string) => request<StoredFile>(`${base}/file/${encodeURIComponent(id)}/info`),
  discard: (id: string) => request<void>(`${base}/file/${encodeURIComponent(id)}`, { method: "DELETE" }),
  url: (id: string) => `${base}/file/${encodeURIComponent(id)}`,
};
