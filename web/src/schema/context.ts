import type { InjectionKey } from "vue";
import type { Labels } from "@/api";

/** What widgets need from the screen that holds them. */
export type FormContext = {
  /** The path that owns uploaded files and at which people are named. */
  path: string;
  /** Words for the ids of rows and people that are already known. */
  labels: Labels;
  /** Takes the words of what was chosen, so that it is shown by name at once. */
  learn?: (labels: Labels) => void;
};
export const formContext: InjectionKey<() => FormContext> = Symbol("form");
