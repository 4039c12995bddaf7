import type { Node } from "@/api";
import { isDirectory } from "@/ui/kinds";
import { parentOf } from "@/ui/path";

export type Entry = { node: Node; level: number; open: boolean; directory: boolean; position: number; siblings: number };

/** The visible tree as one flat list, in reading order. */
export function flatten(children: Map<string, Node[]>, opened: ReadonlySet<string>, root = "/", level = 1): Entry[] {
  const nodes = children.get(root) ?? [];
  return nodes.flatMap((node, index) => {
    const open = opened.has(node.path);
    const directory = isDirectory(node.kind);
    const entry = { node, level, open, directory, position: index + 1, siblings: nodes.length };
    return open ? [entry, ...flatten(children, opened, node.path, level + 1)] : [entry];
  });
}

export type Move = { focus: string } | { open: string } | { shut: string } | { go: string };

/** What a key means in a tree (WAI-ARIA authoring practices, tree view). */
export function moveFor(key: string, entries: Entry[], current: string): Move | null {
  const index = entries.findIndex((entry) => entry.node.path === current);
  const entry = entries[index];
  if (!entry) return null;
  const to = (at: number) => (entries[at] ? { focus: entries[at].node.path } : null);
  switch (key) {
    case "ArrowDown":
      return to(index + 1);
    case "ArrowUp":
      return to(index - 1);
    case "Home":
      return to(0);
    case "End":
      return to(entries.length - 1);
    case "ArrowRight":
      if (!entry.directory) return null;
      return entry.open ? to(index + 1) : { open: current };
    case "ArrowLeft":
      return entry.open ? { shut: current } : to(entries.findIndex((other) => other.node.path === parentOf(current)));
    case "Enter":
    case " ":
      return { go: current };
    default:
      return null;
  }
}
