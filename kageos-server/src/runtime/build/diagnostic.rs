//! What the compiler has to say, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest text of a message, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// A message of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `error`, `warning` or `note`.
    pub level: String,
    /// The compiler's or the lint's name for it.
    pub code: Option<String>,
    /// What is wrong, in a line.
    pub message: String,
    /// The whole message as a terminal would show it.
    pub text: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What mends it for certain.
    pub fix: Option<Fix>,
}

/// A passage of a source file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub path: Option<String>,
    /// Its first line.
    pub line: Option<u32>,
    /// Its first column.
    pub column: Option<u32>,
    /// Its last line.
    pub end_line: Option<u32>,
    /// The column after its last.
    pub end_column: Option<u32>,
}

/// Edits that mend something, all together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What they do.
    pub message: String,
    /// The edits.
    pub edits: Vec<FixEdit>,
}

/// A passage and what comes in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixEdit {
    /// The passage.
    #[serde(flatten)]
    pub place: Place,
    /// The text.
    pub text: String,
}

impl Diagnostic {
    /// A message as `rustc` writes it.
    pub(super) fn read(message: &Value) -> Option<Self> {
        let spans = message["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let primary = spans.iter().find(|span| span["is_primary"] == true);
        let text = |value: &Value| value.as_str().map(plain);
        let level = message["level"].as_str()?;
        Some(Self {
            level: if level.starts_with("error") { "error" } else { level }.to_owned(),
            code: text(&message["code"]["code"]),
            message: text(&message["message"])?,
            text: text(&message["rendered"]).unwrap_or_default(),
            place: primary.map(place).unwrap_or_default(),
            fix: fix(message),
        })
    }

    /// About how large it is.
    pub(crate) fn bytes(&self) -> usize {
        let edits = self.fix.iter().flat_map(|fix| &fix.edits);
        self.text.len() + self.message.len() + edits.map(|edit| edit.text.len() + 100).sum::<usize>()
    }

    /// Whether it says something of its own; at the end the compiler counts its messages.
    pub(super) fn is_told(&self) -> bool {
        matches!(self.level.as_str(), "error" | "warning")
            && (self.place.path.is_some() || (self.code.is_some() || !self.counts()))
    }

    fn counts(&self) -> bool {
        self.message.starts_with("aborting due to") || self.message.ends_with("emitted")
    }
}

/// A text of the compiler, which macros may have made: without what moves the cursor of a terminal, and not without end.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if plain.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| plain.is_char_boundary(*end)).unwrap_or_default();
        plain.truncate(end);
    }
    plain
}

fn place(span: &Value) -> Place {
    let number = |key: &str| span[key].as_u64().and_then(|value| value.try_into().ok());
    Place {
        path: span["file_name"].as_str().map(plain),
        line: number("line_start"),
        column: number("column_start"),
        end_line: number("line_end"),
        end_column: number("column_end"),
    }
}

/// The first suggestion of which every edit is certain.
fn fix(message: &Value) -> Option<Fix> {
    let all = message["children"].as_array()?.iter();
    all.filter_map(|child| {
        let spans = child["spans"].as_array()?;
        let edits: Option<Vec<_>> = spans
            .iter()
            .filter(|span| span["suggested_replacement"].is_string())
            .map(|span| {
                let certain = span["suggestion_applicability"] == "MachineApplicable";
                let text = span["suggested_replacement"].as_str()?.to_owned();
                let certain = certain && text.len() <= MAX_TEXT;
                certain.then(|| FixEdit { place: place(span), text })
            })
            .collect();
        let edits = edits.filter(|edits| !edits.is_empty())?;
        Some(Fix { message: child["message"].as_str().map(plain)?, edits })
    })
    .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(applicability: Option<&str>) -> Value {
        json!({ "file_name": "src/lib.rs", "line_start": 3, "line_end": 3, "column_start": 9, "column_end": 12,
            "is_primary": true, "suggested_replacement": applicability.map(|_| "&mut "),
            "suggestion_applicability": applicability })
    }

    fn message(child: &Value) -> Value {
        json!({ "level": "error", "code": { "code": "E0596" }, "message": "cannot borrow", "rendered": "error[E0596]",
            "spans": [span(None)], "children": [{ "message": "change this", "spans": [child] }] })
    }

    #[test]
    fn a_message_has_its_place_and_only_a_certain_fix() {
        let found = Diagnostic::read(&message(&span(Some("MachineApplicable")))).unwrap();
        assert_eq!((found.level.as_str(), found.code.as_deref()), ("error", Some("E0596")));
        assert_eq!(
            (found.place.line, found.place.column, found.place.end_column),
            (Some(3), Some(9), Some(12))
        );
        let fix = found.fix.unwrap();
        assert_eq!((fix.message.as_str(), fix.edits[0].text.as_str()), ("change this", "&mut "));
        assert_eq!(fix.edits[0].place.path.as_deref(), Some("src/lib.rs"));
        for unsure in [Some("MaybeIncorrect"), None] {
            assert_eq!(Diagnostic::read(&message(&span(unsure))).unwrap().fix, None);
        }
    }

    #[test]
    fn what_only_counts_is_not_told() {
        let counted = |message: &str| {
            Diagnostic::read(&json!({ "level": "error", "message": message, "spans": [], "children": [] }))
                .unwrap()
                .is_told()
        };
        assert!(!counted("aborting due to 2 previous errors"));
        assert!(counted("linking with `cc` failed"));
    }
}
