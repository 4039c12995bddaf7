//! One line of a log.

use kageos_core::{CallId, LogCall, LogEntry, LogLevel, LogSource, ResourcePath, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::runtime) struct Line {
    pub(super) at: Timestamp,
    pub(super) level: LogLevel,
    /// The release that ran; none of an app in the server's process.
    pub(super) release: Option<u32>,
    pub(super) call: Option<CallId>,
    /// The trace of the call, 32 hexadecimal digits.
    pub(super) trace: Option<String>,
    /// The function of the call; without one the workspace.
    pub(super) path: ResourcePath,
    pub(super) source: LogSource,
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

impl Line {
    /// A line of an app that is mounted at `workspace`.
    pub(super) fn new(
        at: Timestamp,
        (source, release): (LogSource, Option<u32>),
        call: Option<LogCall>,
        workspace: impl FnOnce() -> ResourcePath,
        entry: LogEntry,
    ) -> Self {
        let LogEntry { level, message, fields } = entry;
        let (call, trace, path) = match call {
            Some(LogCall { id, path, trace }) => (Some(id), Some(trace.id()), path),
            None => (None, None, workspace()),
        };
        Self { at, level, release, call, trace, path, source, message, fields }
    }

    /// What it counts against the bounds, in bytes, about.
    pub(super) fn cost(&self) -> usize {
        let field = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(8, str::len);
        256 + self.message.len() + self.fields.iter().map(field).sum::<usize>()
    }

    /// Its bytes, with the end of the line.
    pub(super) fn bytes(&self) -> Vec<u8> {
        // Text, numbers and flags can be written to memory.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
