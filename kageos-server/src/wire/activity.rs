use kageos_core::{CallId, Code, platform::oplog};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Change;

/// One call, as the operation log has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Activity {
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// When it came.
    pub at: String,
    /// How long it took.
    #[schema(required)]
    pub duration_ms: Option<f64>,
    /// `pending`, `ok`, `failed`, `refused`, `not_applied` or `unknown`.
    #[schema(value_type = CallStatus)]
    pub status: oplog::Status,
    /// Why it was refused or failed.
    #[schema(required, value_type = Option<String>)]
    pub code: Option<Code>,
    /// What was called.
    pub path: String,
    /// What was asked.
    pub action: String,
    /// Who asked.
    pub actor: ActivityActor,
    /// What started it.
    pub source: ActivitySource,
    /// The trace's id.
    pub trace: String,
    /// What it was given, redacted.
    #[schema(required)]
    pub input: Option<Value>,
    /// What it changed, redacted.
    pub changes: Vec<Change>,
    /// How many changed rows are left out, because the caller may not read their tables.
    pub hidden_changes: usize,
    /// How many times more the same was refused.
    pub repeated: u32,
    /// Where its first record stands.
    pub stream: String,
    /// The record's place in the stream.
    pub seq: i64,
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// It is not known yet how it ended.
    Pending,
    /// It took effect.
    Ok,
    /// It ran and changed nothing.
    Failed,
    /// It was not let in.
    Refused,
    /// It was cut off and changed nothing.
    NotApplied,
    /// It was cut off and may have touched something outside.
    Unknown,
}

/// Who asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActivityActor {
    /// `user`, `service`, `system` or `anonymous`.
    pub kind: String,
    /// The account; empty for the platform.
    pub id: String,
    /// Its login.
    pub name: String,
}

/// What started a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActivitySource {
    /// `web`, `api`, `cli`, `app` …
    pub kind: String,
    /// Its id in its own list.
    #[serde(rename = "ref")]
    #[schema(required)]
    pub reference: Option<String>,
    /// The path it belongs to.
    #[schema(required)]
    pub path: Option<String>,
    /// What people call it.
    #[schema(required)]
    pub title: Option<String>,
}

/// Calls, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActivityList {
    /// The calls.
    pub items: Vec<Activity>,
    /// Where the next page begins.
    #[schema(required)]
    pub next: Option<String>,
}

impl From<oplog::Activity> for Activity {
    fn from(entry: oplog::Activity) -> Self {
        Self {
            call: entry.call,
            at: entry.at.to_string(),
            duration_ms: entry.duration_ms,
            status: entry.status,
            code: entry.code,
            path: entry.path.to_string(),
            action: entry.action.to_string(),
            actor: ActivityActor {
                kind: name(&entry.actor.kind),
                id: entry.actor.id.map(|id| id.to_string()).unwrap_or_default(),
                name: entry.actor.name,
            },
            source: ActivitySource {
                kind: name(&entry.source.kind),
                reference: entry.source.reference,
                path: entry.source.path.map(|path| path.to_string()),
                title: entry.source.title,
            },
            trace: entry.trace,
            input: entry.input,
            changes: entry.changes.into_iter().map(Change::from).collect(),
            hidden_changes: 0,
            repeated: entry.repeated,
            stream: entry.stream,
            seq: entry.seq,
        }
    }
}

/// The name of an enum's value on the wire.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
