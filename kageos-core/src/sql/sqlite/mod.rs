//! SQLite: one thread that writes with group commit, a few connections that read.

mod connection;
mod copy;
mod error;
mod readers;
mod writer;

use std::sync::Arc;

pub(crate) use connection::SqliteConnection;
pub use copy::{Copied, Copier, Frozen};
use readers::Readers;
use writer::Writer;

use super::db::Counters;
use super::{DbOptions, SqlError};

/// An open SQLite file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
}

impl Sqlite {
    pub(crate) async fn open(options: &DbOptions, counters: Arc<Counters>) -> Result<Self, SqlError> {
        let file = options.file()?;
        let writer = Writer::start(&file, options, counters).await?;
        Ok(Self { writer, readers: Readers::new(file, options) })
    }

    pub(crate) async fn copier(&self) -> Result<Copier, SqlError> {
        let (file, options) = self.readers.file();
        Copier::open(file, options).await
    }

    /// Waits for the reads under way, then for the writes in the queue; the last to close folds the log in.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
