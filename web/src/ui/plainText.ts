/** Markdown as one line without its marks, where it is shown as words. */
export function plainText(markdown: string): string {
  const line = markdown.replace(/^ *(?:`{3,}|~{3,}).*$/gm, "").replace(/^ *(?:(?:#{1,6}|>|[-*+]|\d+[.)]) +)+/gm, "").replace(/\s+/g, " ").trim();
  return line.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`([^`]*)`/g, "$1").replace(/(\*{1,2})(\S(?:.*?\S)?)\1/g, "$2");
}
