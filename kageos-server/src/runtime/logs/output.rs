//! What a process writes to its standard outputs, as lines of a log.

use std::sync::Arc;

use kageos_core::{LogEntry, LogLevel, LogSink, LogSource, log::MAX_MESSAGE};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Takes each line of an output until it ends; a longer one than [`MAX_MESSAGE`] becomes several.
pub(in crate::runtime) fn tell(
    output: Option<impl AsyncRead + Send + Unpin + 'static>,
    source: LogSource,
    logs: Arc<dyn LogSink>,
) {
    let Some(output) = output else { return };
    let level = if source == LogSource::Stderr { LogLevel::Warn } else { LogLevel::Info };
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut some = (&mut output).take(MAX_MESSAGE as u64);
            if !matches!(some.read_until(b'\n', &mut line).await, Ok(1..)) {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if !text.is_empty() {
                logs.take(source, None, LogEntry::new(level, text).bounded());
            }
        }
    });
}
