//! The logs of workspaces: JSON lines in the folder `logs` of each, written behind by one task of the server.
//!
//! [`Logs`] takes lines within bounds and never waits; [`Folder`] appends them to files that rotate; [`Query`] finds them
//! again. A place in a log is that of a file and an offset in it, and files are never renamed, so it stays.

mod fate;
mod folder;
mod line;
mod output;
mod read;
mod sink;
mod writer;

pub(super) use fate::fate;
pub(super) use folder::{Folder, Kept};
pub(super) use line::Line;
pub(super) use output::tell;
pub(super) use read::{MAX_LINES, Query, read};
pub(super) use sink::{AppLog, InThisProcess};
pub(super) use writer::Logs;
