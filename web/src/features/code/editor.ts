import { indentWithTab } from "@codemirror/commands";
import { indentUnit } from "@codemirror/language";
import { type Diagnostic as Mark, lintGutter, setDiagnostics } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { Compartment, EditorState, type Extension, Transaction } from "@codemirror/state";
import { keymap, lineNumbers } from "@codemirror/view";
import { basicSetup, EditorView } from "codemirror";
import { darkness, look } from "./editorLook";
import { rangeOf, replacement } from "./fixes";
import { languageOf } from "./languages";
import type { Diagnostic, Fix } from "./types";

export type EditorWords = { phrases: Record<string, string>; repair: string; mine: string; theirs: string };
export type EditorActs = {
  edited: (text: string) => void;
  /** Somebody chose a line by its number. */
  line: (line: number) => void;
  repair: (fix: Fix) => void;
};
/** A text that the shown one is compared with; with `choose` each difference can be taken or left. */
export type Against = { text: string; choose: boolean };

const severities = { error: "error", warning: "warning", note: "info" } as const;

/**
 * An editor inside a shadow root: its styles are adopted there, where the page's policy would refuse style elements,
 * and nothing of it meets the styles of the page.
 */
export class Editor {
  readonly view: EditorView;
  private readonly language = new Compartment();
  private readonly against = new Compartment();
  private readonly dark = new Compartment();
  /** Texts with what can be undone in them, by file. */
  private readonly states = new Map<string, EditorState>();
  private file = "";
  private quiet = false;
  private isDark = false;
  private marked: readonly Diagnostic[] = [];

  constructor(host: HTMLElement, private readonly words: EditorWords, private readonly acts: EditorActs) {
    const root = host.attachShadow({ mode: "open" });
    this.view = new EditorView({ parent: root, root });
  }

  private extensions(file: string): Extension {
    return [
      basicSetup,
      lineNumbers({ domEventHandlers: { click: (view, block) => (this.acts.line(view.state.doc.lineAt(block.from).number), true) } }),
      keymap.of([indentWithTab]),
      indentUnit.of("    "),
      lintGutter(),
      look,
      EditorState.phrases.of(this.words.phrases),
      EditorView.contentAttributes.of({ "aria-label": file, tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && !this.quiet) this.acts.edited(update.state.doc.toString());
      }),
      this.language.of([]),
      this.against.of([]),
      this.dark.of(darkness(this.isDark)),
    ];
  }

  /** Shows a file with this text. What was typed in it before can still be undone. */
  async show(file: string, text: string): Promise<void> {
    if (file === this.file) return this.put(text);
    if (this.file) this.states.set(this.file, this.view.state);
    this.file = file;
    this.marked = [];
    const known = this.states.get(file);
    this.view.setState(known ?? EditorState.create({ doc: text, extensions: this.extensions(file) }));
    this.view.dispatch({ effects: [this.against.reconfigure([]), this.dark.reconfigure(darkness(this.isDark))] });
    this.put(text);
    if (known) return;
    const language = await languageOf(file);
    if (this.file === file) this.view.dispatch({ effects: this.language.reconfigure(language) });
  }

  /** Makes the text this one without telling of it; the cursor stays. */
  private put(text: string): void {
    const now = this.view.state.doc.toString();
    if (now === text) return;
    this.quiet = true;
    this.view.dispatch({ changes: replacement(now, text), annotations: Transaction.userEvent.of("input.replace") });
    this.quiet = false;
  }

  setDark(dark: boolean): void {
    this.isDark = dark;
    if (this.file) this.view.dispatch({ effects: this.dark.reconfigure(darkness(dark)) });
  }

  compare(against: Against | null): void {
    const shown = against ? unifiedMergeView({ original: against.text, mergeControls: against.choose ? this.control : false, collapseUnchanged: { margin: 4, minSize: 8 } }) : [];
    this.view.dispatch({ effects: this.against.reconfigure(shown) });
  }
  /** To accept a difference is to keep what was typed, to reject it to take what it is compared with. */
  private readonly control = (type: "accept" | "reject", act: (event: MouseEvent) => void): HTMLElement => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = type === "accept" ? this.words.mine : this.words.theirs;
    button.addEventListener("click", act);
    return button;
  };

  mark(diagnostics: readonly Diagnostic[]): void {
    if (diagnostics === this.marked || (!diagnostics.length && !this.marked.length)) return;
    this.marked = diagnostics;
    const text = this.view.state.doc.toString();
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics.flatMap((one) => this.markOf(one, text))));
  }
  private markOf(one: Diagnostic, text: string): Mark[] {
    if (one.line === null) return [];
    const column = one.column ?? 1;
    const range = rangeOf(text, { line: one.line, column, end_line: one.end_line ?? one.line, end_column: one.end_column ?? column });
    const { fix } = one;
    return [{
      ...range,
      severity: severities[one.level],
      message: one.message,
      ...(one.code ? { source: one.code } : {}),
      ...(fix ? { actions: [{ name: `${this.words.repair}: ${fix.message}`, apply: () => this.acts.repair(fix) }] } : {}),
    }];
  }

  /** Brings a line into sight and the cursor to it. */
  reveal(line: number): void {
    const { doc } = this.view.state;
    const { from } = doc.line(Math.min(Math.max(line, 1), doc.lines));
    this.view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  }
  line(): number {
    const { doc, selection } = this.view.state;
    return doc.lineAt(selection.main.head).number;
  }
  focus(): void {
    this.view.focus();
  }
  destroy(): void {
    this.view.destroy();
  }
}
