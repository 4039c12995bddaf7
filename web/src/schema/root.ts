import type { InjectionKey } from "vue";
import type { JsonObject } from "@/api";

/** The whole document, against which nested references are followed. */
export const schemaRoot: InjectionKey<() => JsonObject> = Symbol("schema root");
