use kageos_core::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That the process answers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`
    pub status: String,
}

/// Whether the server can do its work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ok`, `degraded` or `unavailable`
    pub status: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// Something that the server depends on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dependency {
    /// What it is.
    pub name: String,
    /// Whether it answers.
    pub ok: bool,
    /// What it is like, or what is wrong with it.
    pub detail: String,
}

/// What was found in a layer, and what to do about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The layer.
    pub layer: String,
    /// Whether all is well there.
    pub ok: bool,
    /// What it is like, or what is wrong with it.
    pub detail: String,
    /// What to do; empty when nothing.
    pub advice: String,
}

impl Finding {
    pub(crate) fn good(layer: &str, detail: impl Into<String>) -> Self {
        Self { layer: layer.to_owned(), ok: true, detail: detail.into(), advice: String::new() }
    }

    pub(crate) fn bad(layer: &str, detail: impl Into<String>, advice: &str) -> Self {
        Self { layer: layer.to_owned(), ok: false, detail: detail.into(), advice: advice.to_owned() }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FindingList {
    /// The findings.
    pub items: Vec<Finding>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// Every error code.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CodeList {
    /// The codes.
    pub items: Vec<ErrorCode>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// An error code and what it means.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorCode {
    /// The code, `snake_case`.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// The exit status of a command.
    pub exit: u8,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What it means.
    pub title: String,
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        Self {
            code: code.to_string(),
            status: code.status(),
            exit: code.exit(),
            retryable: code.retryable(),
            title: code.title().to_owned(),
        }
    }
}
