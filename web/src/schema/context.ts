import type { InjectionKey } from "vue";

/** What widgets need from the screen that holds the form. */
export type FormContext = {
  /** The path that owns uploaded files and is asked for relations. */
  path: string;
  /** Words for relation ids that are already known. */
  labels: Record<string, Record<string, string>>;
};
export const formContext: InjectionKey<() => FormContext> = Symbol("form");
