//! What a command prints: lines for people, or one JSON value.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use kageos_core::{Error, Result};
use serde::Serialize;

use super::failure::Context;

/// The exit status of a command line that cannot be read (`EX_USAGE`).
const USAGE: u8 = 64;

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON is asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// The result: as JSON, or in words.
    pub(crate) fn result(self, value: &impl Serialize, words: impl FnOnce() -> String) {
        if self.json {
            self.raw(&format!("{}\n", serde_json::to_string(value).unwrap_or_default()));
        } else {
            self.raw(&format!("{}\n", words()));
        }
    }

    /// How it goes on, while the result is not there yet; to the error stream, so that JSON stays JSON.
    pub(crate) fn progress(self, line: &str) {
        // Who closed the stream does not want to read.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Asks a question that only the word yes agrees to.
    pub(crate) fn agreed(self, question: &str) -> Result<bool> {
        self.progress(&format!("{question} Type yes:"));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).context("the answer")?;
        Ok(answer.trim() == "yes")
    }

    /// Text as it is.
    pub(crate) fn raw(self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// What went wrong, and the status to end with.
    pub(crate) fn failed(self, error: &Error) -> ExitCode {
        let text = if self.json {
            serde_json::to_string(error).unwrap_or_default()
        } else {
            let fields = error.fields.iter().map(|field| format!("\n  {}: {}", field.pointer, field.message));
            format!("error: {} ({})", error.message, error.code) + &fields.collect::<String>()
        };
        self.progress(&text);
        ExitCode::from(error.code.exit())
    }
}

/// Help, version, or what is wrong with the command line.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}
