//! How what was started has ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

use serde::{Deserialize, Serialize};

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::runtime) struct Ending {
    /// What it ended with itself.
    pub(in crate::runtime) exit: Option<i32>,
    /// The signal that ended it.
    pub(in crate::runtime) signal: Option<i32>,
    /// It had used all its memory.
    pub(in crate::runtime) out_of_memory: bool,
}

impl Ending {
    /// A sandbox and an engine end with 128 and the signal that has ended the app in it.
    pub(super) fn of_code(code: i32) -> Self {
        let signal = Some(code).filter(|code| (129..=192).contains(code)).map(|code| code - 128);
        Self { exit: Some(code), signal, out_of_memory: false }
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::of_code(code),
            None => Self { signal: status.signal(), ..Self::default() },
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal, self.exit) {
            (Some(signal), _) => f.write_str(&signal_name(signal))?,
            (None, Some(code)) => write!(f, "exit status {code}")?,
            (None, None) => f.write_str("nobody knows how")?,
        }
        if self.out_of_memory { f.write_str(", out of memory") } else { Ok(()) }
    }
}

/// What a signal is called.
pub(in crate::runtime) fn signal_name(number: i32) -> String {
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
