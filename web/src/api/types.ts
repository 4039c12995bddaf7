import type { components } from "./schema";

type Schemas = components["schemas"];

export type Activity = Schemas["Activity"];
export type Change = Schemas["Change"];
export type Explanation = Schemas["Explanation"];
export type FieldProblem = Schemas["FieldProblem"];
export type FileRef = Schemas["FileRef"];
export type Grant = Schemas["Grant"];
export type Group = Schemas["Group"];
export type Kind = Schemas["Kind"];
export type MarkdownOutput = Schemas["MarkdownOutput"];
export type NewToken = Schemas["NewToken"];
export type Node = Schemas["Node"];
export type Overview = Schemas["Overview"];
export type People = Schemas["People"];
export type Problem = Schemas["Problem"];
export type Right = Schemas["Right"];
export type Role = Schemas["Role"];
export type SearchHit = Schemas["SearchHit"];
export type SessionInfo = Schemas["SessionInfo"];
export type Sort = Schemas["Sort"];
export type StoredFile = Schemas["StoredFile"];
export type Token = Schemas["Token"];
export type Transfer = Schemas["Transfer"];
export type TransferItem = Schemas["TransferItem"];
export type TransferInput = Schemas["TransferInput"];
export type User = Schemas["User"];

/** A JSON Schema document as it arrives; `src/schema` gives it meaning. */
export type JsonObject = Record<string, unknown>;
export type Values = Record<string, unknown>;

export type Effect = Schemas["Effect"];
export type Action = Omit<Schemas["Action"], "input" | "output"> & { input: JsonObject; output: JsonObject };
export type TableSchema = Omit<Schemas["TableSchema"], "row"> & { row: JsonObject };
export type KageosFunction = Omit<Schemas["Function"], "actions" | "table"> & {
  actions: Action[];
  table: TableSchema | null;
};
export type NodeDetail = Omit<Schemas["NodeDetail"], "function"> & { function: KageosFunction | null };
export type Row = Omit<Schemas["Row"], "values"> & { values: Values };
export type Labels = Record<string, Record<string, string>>;
export type SearchOutput = { rows: Row[]; next: string | null; count: number | null; labels: Labels };
export type HistoryItem = Omit<Schemas["HistoryItem"], "old" | "new"> & { old: Values | null; new: Values | null };
export type ImportOutput = Schemas["ImportOutput"];
export type ChartOutput = Schemas["ChartOutput"];
export type DocsOutput = Schemas["DocsOutput"];
export type CallReply<T = unknown> = Omit<Schemas["CallReply"], "output"> & { output: T };
/** What it takes to offer that a call be taken back. */
export type Outcome = Pick<CallReply, "call" | "undoable">;
export type CallState = Omit<Schemas["CallState"], "reply"> & { reply: CallReply | null };
export type CallProgress = Schemas["CallProgress"];
export type Page<T> = { items: T[]; next: string | null };

/** A person or a group by name. */
export type Named = { kind: "user" | "group"; id: string; name: string };

/** The filter tree that tables, charts and the URL share. */
export type Filter =
  | { eq: [string, unknown] }
  | { ne: [string, unknown] }
  | { in: [string, unknown[]] }
  | { contains: [string, string] }
  | { starts: [string, string] }
  | { range: [string, unknown, unknown] }
  | { empty: string }
  | { and: Filter[] }
  | { or: Filter[] }
  | { not: Filter };
