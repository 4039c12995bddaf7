//! What apps log: lines with a level, a message and flat fields, within bounds.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CallId, HostCall, ResourcePath, Trace};

/// Longest message, in bytes.
pub const MAX_MESSAGE: usize = 8 * 1024;
/// Most fields of a line, the one that tells of others included.
pub const MAX_FIELDS: usize = 32;
/// Most bytes of names and values of all fields of a line, about.
pub const MAX_FIELD_BYTES: usize = 8 * 1024;
/// Longest name of a field, in bytes.
const MAX_NAME: usize = 64;
/// Ends what was cut; as the name of a field, it tells how many others were left out.
pub const CUT: &str = "…";
/// The largest integer that JavaScript holds exactly.
const MAX_EXACT: u64 = 1 << 53;
/// How the names start that `serde_json` gives a meaning of its own.
const PRIVATE_NAMES: &str = "$serde_json::private::";

/// How much a line matters, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For who looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// All of them, in rising order.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSource {
    /// The app logged it.
    App,
    /// The app's process wrote it to its standard output.
    Stdout,
    /// The app's process wrote it to its standard error.
    Stderr,
    /// The platform says it of the app.
    Platform,
}

impl LogSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::App, Self::Stdout, Self::Stderr, Self::Platform];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Platform => "platform",
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// How much it matters.
    pub level: LogLevel,
    /// What happened, for people.
    pub message: String,
    /// Values beside the message: a flat object.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl LogEntry {
    /// An entry without fields.
    #[must_use]
    pub fn new(level: LogLevel, message: impl Into<String>) -> Self {
        Self { level, message: message.into(), fields: Map::new() }
    }

    /// With one field more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// The entry within [`MAX_MESSAGE`], [`MAX_FIELDS`] and [`MAX_FIELD_BYTES`]: what is longer ends with [`CUT`], what is
    /// not flat becomes its JSON text, and so do integers that JavaScript does not hold.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.message, MAX_MESSAGE);
        let (mut left, all) = (MAX_FIELD_BYTES, self.fields.len());
        let mut kept = Map::new();
        for (mut name, value) in self.fields {
            let last = kept.len() + 1 == MAX_FIELDS && all > MAX_FIELDS;
            if last || left == 0 {
                break;
            }
            cut(&mut name, MAX_NAME);
            if name.starts_with(PRIVATE_NAMES) {
                name.insert(0, '_');
            }
            left = left.saturating_sub(name.len());
            let value = flat(value, &mut left);
            kept.insert(name, value);
        }
        let gone = all - kept.len();
        if gone > 0 {
            kept.insert(CUT.to_owned(), format!("{gone} more").into());
        }
        Self { fields: kept, ..self }
    }
}

/// A value that is no array and no object, within what is left of the bytes.
fn flat(value: Value, left: &mut usize) -> Value {
    let mut text = match value {
        Value::Null | Value::Bool(_) => return value,
        Value::Number(number) if is_exact(&number) => return Value::Number(number),
        Value::String(text) => text,
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    cut(&mut text, *left);
    *left = left.saturating_sub(text.len());
    Value::String(text)
}

fn is_exact(number: &serde_json::Number) -> bool {
    let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    size.is_none_or(|size| size <= MAX_EXACT)
}

/// Cuts a text to at most so many bytes and the mark.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(CUT);
    }
}

/// The call during which something was logged, as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCall {
    /// Its id.
    pub id: CallId,
    /// The function.
    pub path: ResourcePath,
    /// Where it stands in a trace.
    pub trace: Trace,
}

impl From<&HostCall> for LogCall {
    fn from(call: &HostCall) -> Self {
        Self { id: call.id, path: call.path.clone(), trace: call.trace }
    }
}

/// Takes the lines of an app's log. It never waits and never fails: what it cannot keep it counts.
pub trait LogSink: Send + Sync + std::fmt::Debug {
    /// Takes a line, already [bounded](LogEntry::bounded).
    fn take(&self, source: LogSource, call: Option<LogCall>, entry: LogEntry);

    /// So many lines were lost on their way.
    fn lost(&self, lines: u64);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl LogSink for NoLog {
    fn take(&self, _: LogSource, _: Option<LogCall>, _: LogEntry) {}

    fn lost(&self, _: u64) {}
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(entry: &LogEntry) -> usize {
        entry.fields.iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
    }

    #[test]
    fn an_entry_is_cut_and_says_so() {
        let long = LogEntry::new(LogLevel::Info, "é".repeat(MAX_MESSAGE)).bounded();
        assert!(long.message.len() <= MAX_MESSAGE + CUT.len() && long.message.ends_with(CUT));
        let many = (0..100).fold(LogEntry::new(LogLevel::Info, ""), |it, at| it.with(format!("f{at}"), at));
        let many = many.bounded();
        assert_eq!((many.fields.len(), &many.fields[CUT]), (MAX_FIELDS, &json!("69 more")));
        let large = LogEntry::new(LogLevel::Info, "").with("a", "x".repeat(100_000)).with("b", 1).bounded();
        assert!(large.fields["a"].as_str().unwrap().ends_with(CUT), "{large:?}");
        assert!(bytes(&large) < MAX_FIELD_BYTES + 200 && large.fields[CUT] == json!("1 more"), "{large:?}");
        let name = LogEntry::new(LogLevel::Info, "").with("n".repeat(1000), 1).bounded();
        assert!(bytes(&name) < 100);
        let whole = (0..32).fold(LogEntry::new(LogLevel::Info, "m"), |it, at| it.with(format!("f{at}"), at));
        assert_eq!(whole.clone().bounded(), whole);
    }

    #[test]
    fn fields_are_flat_and_survive_javascript() {
        let entry = LogEntry::new(LogLevel::Warn, "m")
            .with("list", json!([1, { "a": 2 }]))
            .with("large", i64::MAX)
            .with("small", 812)
            .with("half", 0.5)
            .with("none", Value::Null)
            .with("$serde_json::private::RawValue", "[1]");
        let shown = serde_json::to_value(entry.bounded().fields).unwrap();
        let expected = json!({ "list": "[1,{\"a\":2}]", "large": i64::MAX.to_string(), "small": 812, "half": 0.5,
            "none": null, "_$serde_json::private::RawValue": "[1]" });
        assert_eq!(shown, expected);
    }
}
