//! A copy of a file that others go on writing.
//!
//! In the write-ahead log a read transaction keeps the state of its moment, and SQLite's own backup copies what the
//! transaction of its source sees. So writers wait for nobody, and the copy is of one moment however long it takes.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Error, OpenFlags, ffi};
use tokio::task::spawn_blocking;

use super::SqliteConnection;
use super::error::map;
use crate::sql::{DbOptions, SqlError};

/// Pages of one step: a megabyte, so that whoever waits hears of it and can end it.
const STEP_PAGES: c_int = 256;

/// A connection of its own to a database file, ready to keep a moment of it.
#[derive(Debug)]
pub struct Copier(SqliteConnection);

/// A database as it was at one moment, while others write on.
#[derive(Debug)]
pub struct Frozen(SqliteConnection);

/// How much of a database was copied, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// What is done.
    pub bytes: u64,
    /// Of so much.
    pub of: u64,
}

impl Copier {
    pub(super) async fn open(file: PathBuf, options: DbOptions) -> Result<Self, SqlError> {
        let opened = spawn_blocking(move || SqliteConnection::reader(&file, &options));
        Ok(Self(opened.await.map_err(|_| SqlError::Closed)??))
    }

    /// Keeps this moment: what is committed later is not in the copy.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn freeze(self) -> Result<Frozen, SqlError> {
        let freeze = move || {
            let mut connection = self.0;
            connection.begin("BEGIN")?;
            // The transaction begins with its first read.
            connection.fetch("SELECT COUNT(*) FROM sqlite_schema".into(), &[], 1)?;
            Ok(Frozen(connection))
        };
        spawn_blocking(freeze).await.map_err(|_| SqlError::Closed)?
    }
}

impl Frozen {
    /// Writes the database to `file`, which is empty or not there, and looks whether it can be read. `told` hears how
    /// far it is and answers whether to go on.
    ///
    /// # Errors
    /// [`SqlError::Closed`] when `told` ended it, [`SqlError::Corrupt`] when what was copied is damaged, else what the
    /// disk answers. What was written by then is no database.
    pub async fn write(
        self,
        file: PathBuf,
        told: impl FnMut(Copied) -> bool + Send + 'static,
    ) -> Result<Copied, SqlError> {
        let write = move || copy(self.0.raw(), &file, told);
        spawn_blocking(write).await.map_err(|_| SqlError::Closed)?
    }
}

fn copy(from: &Connection, file: &Path, mut told: impl FnMut(Copied) -> bool) -> Result<Copied, SqlError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut to = Connection::open_with_flags(file, flags).map_err(map)?;
    // A copy that broke off is thrown away, and whoever asked syncs the file.
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;").map_err(map)?;
    let page = from.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0)).map_err(map)?;
    let copied = {
        let backup = Backup::new(from, &mut to).map_err(map)?;
        loop {
            let step = backup.step(STEP_PAGES).map_err(map)?;
            let progress = backup.progress();
            let bytes = |pages: c_int| u64::from(pages.unsigned_abs()) * u64::from(page);
            let of = bytes(progress.pagecount);
            let copied = Copied { bytes: of - bytes(progress.remaining), of };
            match step {
                StepResult::Done => break copied,
                StepResult::More if told(copied) => {}
                StepResult::More => return Err(SqlError::Closed),
                // Nobody else has the copy open, and the source keeps its moment.
                _ => return Err(map(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))),
            }
        }
    };
    check(&to)?;
    to.close().map_err(|(_, error)| map(error))?;
    told(copied);
    Ok(copied)
}

fn check(copy: &Connection) -> Result<(), SqlError> {
    let found = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map_err(map)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(SqlError::Corrupt { source: Arc::new(std::io::Error::other(found)) })
    }
}
