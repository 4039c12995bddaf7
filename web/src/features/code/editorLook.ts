import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const mix = (colour: string, part: number) => `color-mix(in oklab, ${colour} ${part}%, transparent)`;
const line = "1px solid var(--ui-border)";

/** The editor in the tokens of the application; they say what is light and what is dark. */
const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "0.8125rem", color: "var(--ui-text)", backgroundColor: "var(--ui-bg)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.25rem" },
  ".cm-content": { caretColor: "var(--ui-text-highlighted)", padding: "0.5rem 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ui-text-highlighted)" },
  ".cm-gutters": { backgroundColor: "var(--ui-bg)", color: "var(--ui-text-dimmed)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { cursor: "pointer", minWidth: "2.5rem" },
  ".cm-activeLine": { backgroundColor: mix("var(--ui-text-muted)", 7) },
  ".cm-activeLineGutter": { backgroundColor: mix("var(--ui-text-muted)", 7), color: "var(--ui-text-highlighted)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: mix("var(--ui-primary)", 22) },
  ".cm-selectionMatch": { backgroundColor: mix("var(--ui-primary)", 14) },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: mix("var(--ui-primary)", 22), outline: "none" },
  ".cm-searchMatch": { backgroundColor: mix("var(--ui-warning)", 25) },
  ".cm-searchMatch-selected": { backgroundColor: mix("var(--ui-warning)", 50) },
  ".cm-foldPlaceholder": { backgroundColor: "var(--ui-bg-elevated)", border: line, color: "var(--ui-text-muted)", padding: "0 0.25rem" },
  ".cm-panels": { backgroundColor: "var(--ui-bg-muted)", color: "var(--ui-text)", fontFamily: "var(--font-sans)" },
  ".cm-panels.cm-panels-top": { borderBottom: line },
  ".cm-panels.cm-panels-bottom": { borderTop: line },
  ".cm-panel.cm-search, .cm-panel.cm-gotoLine": { padding: "0.375rem 2rem 0.375rem 0.5rem", fontSize: "0.75rem" },
  ".cm-panel.cm-search label, .cm-panel.cm-gotoLine label": { display: "inline-flex", alignItems: "center", gap: "0.125rem", fontSize: "0.75rem" },
  ".cm-panel.cm-search [name=close]": { top: "0.25rem", right: "0.5rem", color: "var(--ui-text-muted)", fontSize: "1rem" },
  ".cm-textfield": { backgroundColor: "var(--ui-bg)", border: "1px solid var(--ui-border-accented)", borderRadius: "0.25rem", color: "var(--ui-text)", fontSize: "0.75rem" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--ui-bg)", border: line, borderRadius: "0.25rem", color: "var(--ui-text)", fontSize: "0.75rem" },
  ".cm-button:hover": { backgroundColor: "var(--ui-bg-elevated)" },
  ".cm-button:active": { backgroundImage: "none", backgroundColor: "var(--ui-bg-accented)" },
  ".cm-tooltip": { backgroundColor: "var(--ui-bg)", border: line, borderRadius: "0.25rem", color: "var(--ui-text)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--ui-bg-accented)", color: "var(--ui-text-highlighted)" },
  ".cm-diagnostic": { padding: "0.375rem 0.5rem", fontFamily: "var(--font-sans)", maxWidth: "32rem" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--ui-error)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--ui-warning)" },
  ".cm-diagnostic-info": { borderLeft: "3px solid var(--ui-info)" },
  ".cm-diagnosticAction": { backgroundColor: "var(--ui-primary)", color: "var(--ui-bg)", borderRadius: "0.25rem", padding: "0.125rem 0.5rem" },
  ".cm-lintRange-error, .cm-lintRange-warning, .cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline wavy 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--ui-error)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--ui-warning)" },
  ".cm-lintRange-info": { textDecorationColor: "var(--ui-info)" },
  ".cm-panel.cm-panel-lint ul [aria-selected]": { backgroundColor: "var(--ui-bg-elevated)" },
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: `${mix("var(--ui-success)", 7)} !important` },
  ".cm-changedText": { background: `${mix("var(--ui-success)", 12)} !important` },
  ".cm-deletedChunk": { backgroundColor: `${mix("var(--ui-error)", 7)} !important`, paddingLeft: "0.375rem" },
  ".cm-deletedChunk .cm-deletedText": { background: `${mix("var(--ui-error)", 12)} !important` },
  ".cm-deletedLine, .cm-deletedLine del": { textDecoration: "none" },
  ".cm-changeGutter": { width: "3px", paddingLeft: "1px" },
  ".cm-changedLineGutter": { backgroundColor: "var(--ui-success) !important" },
  ".cm-deletedLineGutter": { backgroundColor: "var(--ui-error) !important" },
  ".cm-deletedChunk .cm-chunkButtons": { insetInlineEnd: "0.5rem", display: "flex", gap: "0.25rem", padding: "0.125rem 0" },
  ".cm-deletedChunk .cm-chunkButtons button": { backgroundColor: "var(--ui-bg)", color: "var(--ui-text)", border: line, borderRadius: "0.25rem", padding: "0 0.5rem", font: "0.75rem/1.25rem var(--font-sans)", cursor: "pointer" },
  ".cm-collapsedLines": { background: "var(--ui-bg-muted)", color: "var(--ui-text-muted)", fontFamily: "var(--font-sans)", fontSize: "0.75rem" },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"⋯"' },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.self], color: "var(--ui-primary)" },
  { tag: [tags.string, tags.special(tags.string), tags.character], color: "var(--ui-success)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.escape], color: "var(--ui-warning)" },
  { tag: [tags.typeName, tags.className, tags.namespace], color: "var(--ui-info)" },
  { tag: [tags.comment, tags.meta, tags.processingInstruction], color: "var(--ui-text-muted)" },
  { tag: [tags.docComment, tags.emphasis], fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.macroName, tags.definition(tags.variableName)], color: "var(--ui-text-highlighted)" },
  { tag: [tags.heading, tags.strong], color: "var(--ui-text-highlighted)", fontWeight: "600" },
  { tag: [tags.link, tags.url], color: "var(--ui-primary)", textDecoration: "underline" },
  { tag: tags.invalid, color: "var(--ui-error)" },
]);

export const look: Extension = [theme, syntaxHighlighting(colours)];
export const darkness = (dark: boolean): Extension => EditorView.darkTheme.of(dark);
