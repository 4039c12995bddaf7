export type Tree = { [key: string]: string | Tree };

/** Puts each folder's messages under the folder's name. */
export function collect(files: Record<string, Tree>): Tree {
  const messages: Tree = {};
  for (const [file, tree] of Object.entries(files)) {
    const folder = file.split("/").at(-3);
    if (folder) messages[folder] = tree;
  }
  return messages;
}
