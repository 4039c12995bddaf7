import type { Component, InjectionKey } from "vue";

/** The component that shows any path inside another page: the app gives it, documents use it. */
export const embedKey: InjectionKey<Component> = Symbol("embed");
