use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::FieldProblem;

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It was made.
    Create,
    /// Fields were changed.
    Update,
    /// It was moved to the recycle bin.
    Delete,
    /// It was taken out of the recycle bin.
    Restore,
    /// It was removed for good.
    Purge,
}

/// A row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its version, which `If-Match` names.
    pub version: i64,
    /// Its fields.
    #[schema(value_type = Object)]
    pub values: Map<String, Value>,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// A row to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRow {
    /// Its fields.
    #[schema(value_type = Object)]
    pub values: Value,
}

/// A change of a row.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchRow {
    /// The fields that change.
    #[schema(value_type = Object)]
    pub patch: Value,
}

/// A row that was moved to the recycle bin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowVersion {
    /// Its id.
    pub id: String,
    /// Its version now.
    pub version: i64,
}

/// Rows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchOutput {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
    /// How many there are, when that was asked; 1001 for more than a thousand.
    #[schema(required)]
    pub count: Option<i64>,
    /// What people call the rows that fields name: field, then id, then label.
    #[schema(value_type = Object)]
    pub labels: Map<String, Value>,
    /// What is known of the files that fields name, by id.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Map<String, Value>>,
}

/// What happened to a row, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryOutput {
    /// The entries.
    pub items: Vec<HistoryItem>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

/// One change of a row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryItem {
    /// The version it made.
    pub version: i64,
    /// What happened.
    pub op: Op,
    /// When.
    pub at: String,
    /// Who, by id.
    pub actor: String,
    /// Who, by login.
    pub actor_name: String,
    /// In which call.
    pub call: String,
    /// In which trace.
    pub trace: String,
    /// The values before.
    #[schema(required, value_type = Option<Object>)]
    pub old: Option<Value>,
    /// The values after.
    #[schema(required, value_type = Option<Object>)]
    pub new: Option<Value>,
}

/// What an import did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportOutput {
    /// Rows made.
    pub created: u64,
    /// Lines refused.
    pub failed: u64,
    /// Why, of the first of them.
    pub errors: Vec<ImportError>,
}

/// Why a line was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportError {
    /// The line, from one.
    pub line: u64,
    /// What is wrong in it.
    pub fields: Vec<FieldProblem>,
}

/// A file, as a field of a row names it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileRef {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}
