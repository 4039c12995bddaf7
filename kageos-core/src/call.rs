//! The one door's two values: what is asked and what comes back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{ActionName, Actor, CallId, ResourcePath, Source, Timestamp, Trace};

/// Longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 128;

/// One use of a function: by a person, a program, an agent, a schedule or another app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The function or directory.
    pub path: ResourcePath,
    /// What is asked of it.
    pub action: ActionName,
    /// What it is given.
    pub input: Value,
    /// Who asks.
    pub actor: Actor,
    /// What started it.
    pub source: Source,
    /// Where it stands in a trace.
    pub trace: Trace,
    /// When it is too late; `None` for the action's own timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Makes a repetition answer what the first call answered. At most [`MAX_IDEMPOTENCY_KEY`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Shows what would change and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a call gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    /// The call.
    pub call: CallId,
    /// The output, as the action's schema says.
    pub output: Arc<RawValue>,
    /// The rows it changed, or would change.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Whether nothing was changed because that was asked.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether its caller can take it back: the action allows it, its receipt keeps every change, and the caller may do
    /// to the rows what sets them back.
    #[serde(default)]
    pub undoable: bool,
    /// SHA-256 of the changes, of a dry run; hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_hash: Option<String>,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOp {
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

/// One changed row, with the fields that differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The table, or the directory that was changed.
    pub path: ResourcePath,
    /// The row; `None` for a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The version that the row was left with; `None` for one that is gone and for a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What happened.
    pub op: ChangeOp,
    /// The values before, of the fields that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The values after, of the fields that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}
