//! Logs: JSON lines in `logs/server.log`, what matters also on the terminal.

use std::{
    fs,
    io::{self, ErrorKind},
    sync::Mutex,
};

use kageos_core::Result;
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::failure::Context;
use crate::state::StateDir;

/// The size from which a log is put aside at the next start, in bytes.
const ROTATE_AT: u64 = 16 * 1024 * 1024;

/// Begins to log.
pub(super) fn start(state: &StateDir, filter: &str) -> Result<()> {
    let path = state.log_file("server");
    match fs::metadata(&path) {
        Ok(meta) if meta.len() >= ROTATE_AT => {
            fs::rename(&path, path.with_extension("log.old")).context("logs")?
        }
        Err(error) if error.kind() == ErrorKind::NotFound => state.write(&path, b"").context("logs")?,
        _ => {}
    }
    let file = fs::OpenOptions::new().append(true).create(true).open(&path).context("logs")?;
    let filter = EnvFilter::try_new(filter).context("log.filter")?;
    let lines = fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file));
    let terminal =
        fmt::layer().compact().without_time().with_writer(io::stderr).with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(filter).with(lines).with(terminal).try_init().context("logs")
}
