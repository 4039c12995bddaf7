//! The kinds of function.

use serde::{Deserialize, Serialize};

/// What a function is; written as the ending of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One action, `submit`, with a screen to fill in.
    Form,
    /// Rows with search, create, update, delete and history.
    Table,
    /// Figures made from rows.
    Chart,
    /// A Markdown document.
    Docs,
    /// One action, `run`, without a screen of its own.
    Fn,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Form, Self::Table, Self::Chart, Self::Docs, Self::Fn];

    /// The ending of a path without its dot.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Table => "table",
            Self::Chart => "chart",
            Self::Docs => "docs",
            Self::Fn => "fn",
        }
    }

    /// The kind with this ending, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
