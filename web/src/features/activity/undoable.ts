import type { Activity, NodeDetail } from "@/api";

const ofDirectories = new Set(["create_directory", "describe", "rename", "move", "delete", "restore"]);

/** Whether what a call changed can be set back, as far as its action says. An undo can be undone. */
export function isUndoable({ action }: Activity, detail: NodeDetail | undefined): boolean {
  if (!detail) return false;
  if (action === "undo") return true;
  if (!detail.function) return ofDirectories.has(action);
  return !!detail.function.actions.find((one) => one.name === action)?.effect.undoable;
}
