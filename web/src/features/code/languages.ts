import { json } from "@codemirror/lang-json";
import { rust } from "@codemirror/lang-rust";
import { StreamLanguage } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";

/** What makes a file of its ending readable. Markdown brings others along, so it is fetched when it is wanted. */
export async function languageOf(path: string): Promise<Extension> {
  switch (path.slice(path.lastIndexOf(".") + 1)) {
    case "rs":
      return rust();
    case "toml":
    case "lock":
      return StreamLanguage.define(toml);
    case "json":
      return json();
    case "md":
      return [(await import("@codemirror/lang-markdown")).markdown(), EditorView.lineWrapping];
    default:
      return [];
  }
}
