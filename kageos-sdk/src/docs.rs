//! Documents: Markdown that comes with the app.

/// A document's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocsDef {
    /// The path inside the workspace, for example `runbook.docs`.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// The text.
    pub markdown: String,
}

/// Largest document: more is several documents.
pub(crate) const MAX_MARKDOWN: usize = 1024 * 1024;
