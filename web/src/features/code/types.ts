// What the actions of a workspace about its source and releases take and answer.

/** A file of the source; `hash` is that of its content. */
export type SourceFile = { path: string; size: number; hash: string };
export type SourceList = { commit: string | null; files: SourceFile[]; next: string | null };
export type SourceText = { commit: string; path: string; hash: string; size: number; text: string };
/** A file as it shall be: without a text it is removed. `expected` is the hash that was read, none where no file was. */
export type FileWrite = { path: string; text: string | null; expected: string | null };
export type Written = { commit: string; files: { path: string; hash: string | null }[] };
export type Match = { path: string; line: number; column: number; text: string };
export type Matches = { commit: string; matches: Match[]; more: boolean };
export type SearchAsk = { query: string; regex?: boolean; case?: boolean; under?: string };

type Person = { id: string; name: string };
export type Commit = { commit: string; message: string; author: Person; at: string; call: string | null };
export type Commits = { commits: Commit[]; next: string | null };
export type ChangeKind = "added" | "removed" | "changed";
export type FileDiff = { path: string; change: ChangeKind; added: number; removed: number; patch: string | null };
export type Diff = { from: string | null; to: string; files: FileDiff[]; more: boolean };

/** Where in a request a secret goes. */
export type SecretPlace = { header: { name: string; prefix: string } } | { query: { name: string } } | { basic: { user: string } };
export type SecretUse = { name: string; title: string; origin: string; place: SecretPlace };
export type Consent = { by: Person; at: string };
/** What a release reaches outside. What is new there is what nobody has consented to; secrets as `name for origin`. */
export type Egress = { origins: string[]; secrets: SecretUse[]; digest: string; consent_required: boolean; new_origins: string[]; new_secrets: string[] };
/** A secret that is used, or is set and no longer used; what it is set to is told to nobody. */
export type Secret = { name: string; title: string; origin: string; place: SecretPlace | null; declared: boolean; set: (Consent & { origin: string }) | null };
export type Secrets = { secrets: Secret[] };

/** What becomes of a function; its parts are `row/<field>`, `action/<action>/input/<field>` and so on. */
export type FunctionChange = { path: string; change: ChangeKind; parts?: { part: string; change: ChangeKind }[]; more?: number };
export type TableStepKind =
  | "create_table"
  | "add_column"
  | "add_search_column"
  | "fill_default"
  | "drop_search_column"
  | "add_index"
  | "drop_index"
  | "keep_field"
  | "reuse_field"
  | "other";
/** What was done to a table, or to a field of it. */
export type TableStep = { table: string; step: TableStepKind; name?: string };
export type TableSteps = { steps: TableStep[]; more?: number };
export type ReleaseState = "building" | "built" | "starting" | "live" | "draining" | "retired" | "failed";
export type Release = {
  release: number;
  state: ReleaseState;
  commit: string;
  by: Person;
  at: string;
  error: string | null;
  errors: number;
  warnings: number;
  build_ms: number | null;
  binary: { sha256: string; size: number } | null;
  sandbox: string | null;
  /** Functions against the release that was live, by their paths in the workspace. */
  changes: FunctionChange[];
  /** What its starts did to tables, in order. */
  tables: TableSteps;
  /** To what it reaches outside. */
  consent: Consent | null;
};
export type Releases = { live: number | null; releases: Release[]; next: string | null };
/** Lines and columns count from 1, columns by characters. */
export type Span = { line: number; column: number; end_line: number; end_column: number };
export type FixEdit = Span & { path: string; text: string };
export type Fix = { message: string; edits: FixEdit[] };
export type Diagnostic = {
  level: "error" | "warning" | "note";
  code: string | null;
  message: string;
  /** As the compiler prints it. */
  text: string;
  path: string | null;
  line: number | null;
  column: number | null;
  end_line: number | null;
  end_column: number | null;
  fix: Fix | null;
};
/** What it reaches is known once it was built. */
export type ReleaseDetail = Release & { log: string; diagnostics: Diagnostic[]; egress?: Egress };
