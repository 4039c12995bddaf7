import { useI18n } from "vue-i18n";
import type { EditorWords } from "./editor";

/** What the editor says by itself, and the name of our words for it. */
const phrases: Record<string, string> = {
  Find: "find",
  Replace: "replaceWith",
  next: "next",
  previous: "previous",
  all: "all",
  "match case": "case",
  regexp: "regex",
  "by word": "word",
  replace: "replace",
  "replace all": "replaceAll",
  close: "close",
  "Go to line": "goToLine",
  go: "go",
  "current match": "match",
  "on line": "onLine",
  "replaced match on line $": "replaced",
  "replaced $ matches": "replacedAll",
  Diagnostics: "diagnostics",
  "No diagnostics": "noDiagnostics",
  "Fold line": "fold",
  "Unfold line": "unfold",
  "folded code": "folded",
  unfold: "unfoldCode",
  "Folded lines": "foldedLines",
  "Unfolded lines": "unfoldedLines",
  to: "to",
  Completions: "completions",
  "Control character": "control",
  "Selection deleted": "deleted",
  "$ unchanged lines": "unchanged",
};

export function useEditorWords(): () => EditorWords {
  const { t } = useI18n();
  return () => ({
    phrases: Object.fromEntries(Object.entries(phrases).map(([phrase, name]) => [phrase, t(`code.editor.${name}`)])),
    repair: t("code.diagnostic.apply"),
    mine: t("code.conflict.thisMine"),
    theirs: t("code.conflict.thisTheirs"),
  });
}
