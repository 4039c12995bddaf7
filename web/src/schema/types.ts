import type { JsonObject } from "@/api";

export type Predicate =
  | { eq: [string, unknown] }
  | { ne: [string, unknown] }
  | { in: [string, unknown[]] }
  | { lt: [string, unknown] }
  | { gt: [string, unknown] }
  | { empty: string }
  | { and: Predicate[] }
  | { or: Predicate[] }
  | { not: Predicate };

export type Widget =
  | "text"
  | "multiline"
  | "markdown"
  | "integer"
  | "decimal"
  | "switch"
  | "select"
  | "multi_select"
  | "date"
  | "date_time"
  | "email"
  | "link"
  | "file"
  | "files"
  | "user"
  | "relation"
  | "list"
  | "id";

export type Choice = { value: string; label: string; color?: string | null };

/** The annotation `x-kageos` of one property. */
export type Annotation = {
  widget: Widget;
  order: number;
  group?: string | null;
  unit?: string | null;
  scale?: number | null;
  placeholder?: string | null;
  help?: string | null;
  list: boolean;
  filter: boolean;
  sort: boolean;
  search: boolean;
  id?: boolean;
  readonly?: boolean;
  relation?: { path: string; label: string } | null;
  /** The files that it takes: media types, families, endings. */
  accept?: string | null;
  /** The largest file that it takes, in bytes. */
  max_bytes?: number | null;
  choices?: Choice[] | null;
  show_if?: Predicate | null;
  require_if?: Predicate | null;
  readonly_if?: Predicate | null;
  sensitive?: boolean;
};

/** One property with everything the screens need to know about it. */
export type Field = {
  name: string;
  title: string;
  description: string;
  required: boolean;
  nullable: boolean;
  /** The property's own schema, references followed and null taken away. */
  schema: JsonObject;
  meta: Annotation;
};
