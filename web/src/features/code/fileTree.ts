import type { DraftMark } from "./drafts";

export type TreeFile = { path: string; mark?: DraftMark };
/** One line of the tree: a folder or a file. */
export type Entry = { path: string; name: string; folder: boolean; open: boolean; level: number; position: number; siblings: number; mark?: DraftMark };

type Folder = { folders: Map<string, Folder>; files: { name: string; file: TreeFile }[] };

const folder = (): Folder => ({ folders: new Map(), files: [] });
const byName = ([one]: [string, unknown], [other]: [string, unknown]) => (one < other ? -1 : 1);

function grown(files: TreeFile[]): Folder {
  const root = folder();
  for (const file of files) {
    const parts = file.path.split("/");
    const name = parts.pop() ?? "";
    let at = root;
    for (const part of parts) {
      const below = at.folders.get(part) ?? folder();
      at.folders.set(part, below);
      at = below;
    }
    at.files.push({ name, file });
  }
  return root;
}

/** The visible part of the tree that a flat list of paths makes: folders first, in the order of their names. */
export function flatten(files: TreeFile[], closed: ReadonlySet<string>): Entry[] {
  const walk = (at: Folder, prefix: string, level: number): Entry[] => {
    const siblings = at.folders.size + at.files.length;
    const folders = [...at.folders].sort(byName);
    const leaves = at.files.map(({ name, file }): [string, TreeFile] => [name, file]).sort(byName);
    return [
      ...folders.flatMap(([name, below], index) => {
        const path = prefix + name;
        const open = !closed.has(path);
        const entry = { path, name, folder: true, open, level, position: index + 1, siblings };
        return open ? [entry, ...walk(below, `${path}/`, level + 1)] : [entry];
      }),
      ...leaves.map(([name, { path, mark }], index) => ({ path, name, folder: false, open: false, level, position: folders.length + index + 1, siblings, ...(mark ? { mark } : {}) })),
    ];
  };
  return walk(grown(files), "", 1);
}

export type Move = { focus: string } | { toggle: string } | { go: string };

/** What a key means in the tree (WAI-ARIA authoring practices, tree view). A letter goes to the next entry that begins with it. */
export function moveFor(key: string, entries: Entry[], current: string): Move | null {
  const index = entries.findIndex((entry) => entry.path === current);
  const entry = entries[index];
  if (!entry) return null;
  const to = (at: number) => (entries[at] ? { focus: entries[at].path } : null);
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
      if (!entry.folder) return null;
      return entry.open ? to(index + 1) : { toggle: current };
    case "ArrowLeft":
      return entry.open ? { toggle: current } : to(entries.findIndex((other) => other.folder && current.startsWith(`${other.path}/`) && other.level === entry.level - 1));
    case "Enter":
    case " ":
      return entry.folder ? { toggle: current } : { go: current };
    default: {
      if (key.length !== 1) return null;
      const after = [...entries.slice(index + 1), ...entries.slice(0, index)];
      const found = after.find(({ name }) => name.toLowerCase().startsWith(key.toLowerCase()));
      return found ? { focus: found.path } : null;
    }
  }
}

/** The folders above a file, from the outermost. */
export function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The file that is shown first where none is asked for. */
export function firstFile(files: { path: string }[]): string {
  const paths = files.map(({ path }) => path);
  return ["src/lib.rs", "src/main.rs", "README.md"].find((path) => paths.includes(path)) ?? paths[0] ?? "";
}
