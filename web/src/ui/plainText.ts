/** One line of Markdown without its marks, where a description is shown as words. */
export function plainText(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`([^`]*)`/g, "$1").replace(/(\*{1,2})(\S(?:.*?\S)?)\1/g, "$2");
}
