use kageos_core::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was refused (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable address of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code, `snake_case`.
    pub code: String,
    /// What happened here, for people.
    pub detail: String,
    /// The trace to quote.
    pub trace: String,
    /// What is wrong where.
    pub fields: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Where in the input, a JSON pointer.
    pub pointer: String,
    /// The kind of mistake, `snake_case`.
    pub code: String,
    /// What to do about it.
    pub message: String,
}

impl From<FieldError> for FieldProblem {
    fn from(field: FieldError) -> Self {
        Self { pointer: field.pointer, code: field.code.into_owned(), message: field.message }
    }
}
