//! Connections that only read, lent to the runtime's blocking threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::SqliteConnection;
use crate::sql::{DbOptions, SqlError, Tx};

/// A pool that opens its connections as they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    options: DbOptions,
    idle: Mutex<Vec<Tx>>,
}

impl Shared {
    fn take(&self) -> Option<Tx> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, tx: Tx) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(tx);
    }
}

impl Readers {
    pub(super) fn new(file: PathBuf, options: &DbOptions) -> Self {
        let permits = Arc::new(Semaphore::new(options.read_connections as usize));
        let shared = Shared { file, options: options.clone(), idle: Mutex::default() };
        Self { shared: Arc::new(shared), permits }
    }

    /// Lends a reader to `read` on a thread that may block. A reader that panics is replaced.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tx) -> R + Send + 'static,
    ) -> Result<R, SqlError> {
        self.run_within(None, read).await
    }

    /// As [`Readers::run`], and interrupts a statement that still runs at the deadline.
    pub(crate) async fn run_within<R: Send + 'static>(
        &self,
        deadline: Option<Duration>,
        read: impl FnOnce(&mut Tx) -> R + Send + 'static,
    ) -> Result<R, SqlError> {
        let acquired = timeout(self.shared.options.wait, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = acquired.map_err(|_| SqlError::QueueFull)?.map_err(|_| SqlError::Closed)?;
        let mut tx = self.reader().await?;
        let interrupt = deadline.and_then(|_| tx.sqlite().map(|it| it.interrupt_handle()));
        let shared = Arc::clone(&self.shared);
        let mut task = spawn_blocking(move || {
            let out = read(&mut tx);
            shared.give(tx);
            drop(permit);
            out
        });
        let done = match deadline.zip(interrupt) {
            None => task.await,
            Some((deadline, interrupt)) => match timeout(deadline, &mut task).await {
                Ok(done) => done,
                Err(_) => {
                    interrupt.interrupt();
                    task.await
                }
            },
        };
        done.map_err(|_| SqlError::Closed)
    }

    async fn reader(&self) -> Result<Tx, SqlError> {
        if let Some(tx) = self.shared.take() {
            return Ok(tx);
        }
        let shared = Arc::clone(&self.shared);
        let opened = spawn_blocking(move || SqliteConnection::reader(&shared.file, &shared.options));
        Ok(Tx::sqlite_connection(opened.await.map_err(|_| SqlError::Closed)??))
    }

    pub(super) async fn close(&self) {
        let all = self.shared.options.read_connections;
        let permits = self.permits.acquire_many(all).await;
        self.permits.close();
        drop(permits);
        while self.shared.take().is_some() {}
    }
}
