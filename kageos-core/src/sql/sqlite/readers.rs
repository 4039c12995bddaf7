//! Connections that only read, lent to the runtime's blocking threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::InterruptHandle;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::SqliteConnection;
use crate::sql::{DbOptions, SqlError, Tx};

/// An interrupt between two statements of a read is lost, so it is said again after this time.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(10);

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

    /// Which file is read, and how it is opened.
    pub(super) fn file(&self) -> (PathBuf, DbOptions) {
        (self.shared.file.clone(), self.shared.options.clone())
    }

    /// Lends a reader to `read` on a thread that may block. A reader that panics is replaced.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tx) -> R + Send + 'static,
    ) -> Result<R, SqlError> {
        self.run_within(None, read).await
    }

    /// As [`Readers::run`], and interrupts a statement that still runs at the deadline. Dropped, it interrupts
    /// the statement at once.
    pub(crate) async fn run_within<R: Send + 'static>(
        &self,
        deadline: Option<Duration>,
        read: impl FnOnce(&mut Tx) -> R + Send + 'static,
    ) -> Result<R, SqlError> {
        let acquired = timeout(self.shared.options.wait, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = acquired.map_err(|_| SqlError::QueueFull)?.map_err(|_| SqlError::Closed)?;
        let mut tx = self.reader().await?;
        let running = Arc::new(Running(Mutex::new(tx.sqlite().map(|it| it.interrupt_handle()))));
        let (shared, until) = (Arc::clone(&self.shared), Arc::clone(&running));
        let task = spawn_blocking(move || {
            let out = read(&mut tx);
            until.end();
            shared.give(tx);
            drop(permit);
            out
        });
        let mut lent = Lent { running, task: Some(task) };
        match deadline {
            None => lent.done().await,
            Some(deadline) => match timeout(deadline, lent.done()).await {
                Ok(done) => done,
                Err(_) => lent.interrupted().await,
            },
        }
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

/// A read under way; nothing once its connection goes back to the others.
struct Running(Mutex<Option<InterruptHandle>>);

impl Running {
    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The lock is held meanwhile, so the connection cannot be another's yet.
    fn interrupt(&self) {
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

/// A read that somebody waits for; dropped, it is interrupted.
struct Lent<R: Send + 'static> {
    running: Arc<Running>,
    task: Option<JoinHandle<R>>,
}

impl<R: Send + 'static> Lent<R> {
    async fn done(&mut self) -> Result<R, SqlError> {
        let Some(task) = &mut self.task else { return Err(SqlError::Closed) };
        let done = task.await.map_err(|_| SqlError::Closed);
        self.task = None;
        done
    }

    /// Interrupts the read until it ends.
    async fn interrupted(&mut self) -> Result<R, SqlError> {
        loop {
            self.running.interrupt();
            if let Ok(done) = timeout(INTERRUPT_AGAIN, self.done()).await {
                return done;
            }
        }
    }
}

impl<R: Send + 'static> Drop for Lent<R> {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        self.running.interrupt();
        if let Ok(runtime) = Handle::try_current() {
            let running = Arc::clone(&self.running);
            runtime.spawn(async move {
                let mut task = task;
                while timeout(INTERRUPT_AGAIN, &mut task).await.is_err() {
                    running.interrupt();
                }
            });
        }
    }
}
