import { type ShallowRef, shallowRef } from "vue";
import type { RouteLocationRaw } from "vue-router";

export type ToastLink = { to: RouteLocationRaw; text: string };
export type Toast = {
  /** A toast takes the place of the one with the same id. */
  id: string;
  kind: "done" | "failed";
  title: string;
  text?: string;
  links?: ToastLink[];
  action?: { label: string; run: () => Promise<void> };
  /** How long it stays; without it until it is closed. */
  ms?: number;
};

const max = 4;
const shown = shallowRef<Toast[]>([]);

/** The short news at the edge of the screen, the newest last. */
export const toasts: Readonly<ShallowRef<Toast[]>> = shown;

export function showToast(toast: Toast): void {
  const at = shown.value.findIndex((one) => one.id === toast.id);
  shown.value = at < 0 ? [...shown.value, toast].slice(-max) : shown.value.with(at, toast);
}

export function closeToast(id: string): void {
  shown.value = shown.value.filter((one) => one.id !== id);
}
