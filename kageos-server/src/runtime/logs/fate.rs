//! What is told of a process that has died.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use kageos_core::{LogEntry, LogLevel};

/// What became of a process that was not told to end.
pub(in crate::runtime) fn fate(why: &str, status: Option<ExitStatus>) -> LogEntry {
    let Some(status) = status else {
        return LogEntry::new(LogLevel::Error, "The app did not answer and was killed.").with("why", why);
    };
    // A sandbox ends with 128 and the signal that has ended the app in it.
    let inside = status.code().filter(|code| (129..=192).contains(code)).map(|code| code - 128);
    let mut entry = LogEntry::new(LogLevel::Error, "The app has died.").with("why", why);
    if let Some(code) = status.code() {
        entry = entry.with("exit", code);
    }
    match status.signal().or(inside) {
        Some(signal) => entry.with("signal", signal_name(signal)),
        None => entry,
    }
}

fn signal_name(number: i32) -> String {
    let known = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return number.to_string(),
    };
    known.to_owned()
}
