use std::sync::Arc;

use kageos_core::{
    self as core,
    platform::{dispatcher, oplog::Status},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

/// One use of a function.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// What is asked of it.
    #[schema(value_type = String)]
    pub action: core::ActionName,
    /// What it is given, as the action's schema says.
    pub input: Value,
    /// Shows what would change and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Makes a repetition answer what the first call answered.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// What a call gave.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallReply {
    /// The call.
    #[schema(value_type = String)]
    pub call: core::CallId,
    /// The trace's id.
    pub trace: String,
    /// The output, as the action's schema says.
    #[schema(value_type = Value)]
    pub output: Arc<RawValue>,
    /// The rows it changed, or would change.
    pub changes: Vec<Change>,
    /// Whether nothing was changed because that was asked.
    pub dry_run: bool,
    /// Whether the caller can take it back.
    pub undoable: bool,
    /// SHA-256 of the changes of a dry run.
    #[schema(required)]
    pub diff_hash: Option<String>,
}

impl CallReply {
    /// The reply with its trace.
    #[must_use]
    pub fn new(reply: core::Reply, trace: String) -> Self {
        Self {
            call: reply.call,
            trace,
            output: reply.output,
            changes: reply.changes.into_iter().map(Change::from).collect(),
            dry_run: reply.dry_run,
            undoable: reply.undoable,
            diff_hash: reply.diff_hash,
        }
    }
}

/// What became of a call by now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallState {
    /// The call.
    #[schema(value_type = String)]
    pub call: core::CallId,
    /// What was called.
    pub path: String,
    /// What was asked.
    pub action: String,
    /// The trace's id.
    pub trace: String,
    /// When it came.
    pub at: String,
    /// `pending` while it runs.
    #[schema(value_type = super::CallStatus)]
    pub status: Status,
    /// How long it took.
    #[schema(required)]
    pub duration_ms: Option<f64>,
    /// How far it has come, when it said so.
    #[schema(required)]
    pub progress: Option<CallProgress>,
    /// What it gave, for who called.
    #[schema(required)]
    pub reply: Option<CallReply>,
    /// Why it gave nothing.
    #[schema(required)]
    pub problem: Option<super::Problem>,
}

/// How far a call has come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallProgress {
    /// Units done.
    pub done: u64,
    /// Units in all, when known.
    #[schema(required)]
    pub total: Option<u64>,
    /// What is being done, for people.
    pub message: String,
}

impl CallState {
    /// The state as it goes out.
    #[must_use]
    pub fn new(state: dispatcher::CallState) -> Self {
        let trace = state.trace;
        Self {
            call: state.call,
            path: state.path.to_string(),
            action: state.action.to_string(),
            at: state.at.to_string(),
            status: state.status,
            duration_ms: state.duration_ms,
            progress: state.progress.map(|progress| CallProgress {
                done: progress.done,
                total: progress.total,
                message: progress.message,
            }),
            reply: state.reply.map(|reply| CallReply::new(reply, trace.clone())),
            problem: state.error.map(|error| crate::problem::problem(error, trace.clone())),
            trace,
        }
    }
}

/// One changed row, with the fields that differ.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// The table or directory.
    pub path: String,
    /// The row.
    #[schema(required)]
    pub row: Option<String>,
    /// What happened.
    #[schema(value_type = super::Op)]
    pub op: core::ChangeOp,
    /// The values before.
    #[schema(required, value_type = Option<Object>)]
    pub old: Option<Value>,
    /// The values after.
    #[schema(required, value_type = Option<Object>)]
    pub new: Option<Value>,
}

impl From<core::Change> for Change {
    fn from(change: core::Change) -> Self {
        Self {
            path: change.path.to_string(),
            row: change.row,
            op: change.op,
            old: change.old,
            new: change.new,
        }
    }
}

/// What the action `query` of a chart gives.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChartOutput {
    /// The series.
    pub series: Vec<ChartSeries>,
    /// The single figure.
    pub total: Option<f64>,
}

/// One series of a chart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChartSeries {
    /// Its name.
    pub name: String,
    /// Its marks.
    pub points: Vec<ChartPoint>,
}

/// One mark of a chart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChartPoint {
    /// Where it stands.
    pub x: Value,
    /// Its value.
    #[schema(required)]
    pub y: Option<f64>,
    /// The filter that gives the rows behind it.
    pub filter: Option<Value>,
}

/// What the action `read` of a document gives.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocsOutput {
    /// The source.
    pub markdown: String,
    /// The document, rendered and sanitised; `<div data-kageos-embed="/path">` stands for a live resource.
    pub html: String,
    /// Its headings.
    pub toc: Vec<DocsHeading>,
}

/// A text that stands in a field.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkdownInput {
    /// The source, at most 256 KiB.
    pub text: String,
}

/// The text as it is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MarkdownOutput {
    /// Rendered and sanitised.
    pub html: String,
}

/// A heading of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocsHeading {
    /// The anchor in the document.
    pub id: String,
    /// From 1 to 6.
    pub level: u8,
    /// Its text.
    pub title: String,
}
