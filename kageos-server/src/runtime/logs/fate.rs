//! What is told of a process that has died.

use kageos_core::{LogEntry, LogLevel};

use crate::runtime::driver::{Ending, signal_name};

/// What became of a process that was not told to end.
pub(in crate::runtime) fn fate(why: &str, ending: Option<Ending>) -> LogEntry {
    let Some(ending) = ending else {
        return LogEntry::new(LogLevel::Error, "The app did not answer and was killed.").with("why", why);
    };
    let message = match ending.out_of_memory {
        true => "The app has died: it had used all its memory.",
        false => "The app has died.",
    };
    let mut entry = LogEntry::new(LogLevel::Error, message).with("why", why);
    if let Some(code) = ending.exit {
        entry = entry.with("exit", code);
    }
    match ending.signal {
        Some(signal) => entry.with("signal", signal_name(signal)),
        None => entry,
    }
}
