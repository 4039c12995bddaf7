//! The log of the workspace.

use std::fmt::Display;

use kageos_core::{LogEntry, LogLevel};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Ctx;

impl Ctx {
    /// The log of the workspace: `ctx.log().with("ms", 812).warn("The supplier answered late.")`. The platform adds the
    /// call, its trace, its path and the release. Who administers the workspace reads it, so nothing belongs there that
    /// they must not know, and no secret.
    ///
    /// A line holds 8 KiB and 32 fields; what is longer is cut, and says so. It never waits: an app that logs more than the
    /// platform takes loses lines, and how many stands in the log.
    #[must_use = "a level writes the line"]
    pub fn log(&self) -> Log<'_> {
        Log { ctx: self, fields: Map::new() }
    }
}

/// A line of the log that is being made.
#[derive(Debug)]
pub struct Log<'a> {
    ctx: &'a Ctx,
    fields: Map<String, Value>,
}

impl Log<'_> {
    /// Adds a field. A value that is no text, number or flag becomes its JSON text.
    #[must_use = "a level writes the line"]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Writes a line for who looks for a mistake.
    pub fn debug(self, message: impl Display) {
        self.write(LogLevel::Debug, message);
    }

    /// Writes what happens.
    pub fn info(self, message: impl Display) {
        self.write(LogLevel::Info, message);
    }

    /// Writes what somebody should look at.
    pub fn warn(self, message: impl Display) {
        self.write(LogLevel::Warn, message);
    }

    /// Writes what failed.
    pub fn error(self, message: impl Display) {
        self.write(LogLevel::Error, message);
    }

    fn write(self, level: LogLevel, message: impl Display) {
        let entry = LogEntry { level, message: message.to_string(), fields: self.fields };
        self.ctx.call.control.log(entry);
    }
}
