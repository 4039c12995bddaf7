//! The one thread that writes. Whatever waits in its queue shares a transaction. A savepoint around each unit
//! would cost a quarter of the throughput, so it is set only after a unit had something to undo: that batch
//! runs again with savepoints. When the shared transaction itself fails, its units run again, each alone. So
//! only the guilty fail.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::SqliteConnection;
use crate::sql::db::Counters;
use crate::sql::unit::{UnitFuture, run_now};
use crate::sql::{DbOptions, SqlError, Tx};

/// Units that wait for the writer; more wait for a place.
const QUEUE: usize = 4096;
/// Units of one transaction: enough that the cost of a commit vanishes, few enough to be redone one by one.
const BATCH: usize = 512;
/// How long a batch that runs takes in what comes: when one of its units has to be undone, all run again.
const OPEN: Duration = Duration::from_millis(2);
/// Batches that keep their savepoints after one had to run again, so that many failing units (dry runs) do not
/// make every batch run twice.
const CAREFUL: u32 = 64;

/// The handle to the writing thread.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    ended: watch::Receiver<()>,
    wait: Duration,
}

enum Message {
    Unit(Box<dyn Job>),
    Close,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) async fn start(
        file: &Path,
        options: &DbOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, SqlError> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let (opened, is_open) = oneshot::channel();
        let (running, ended) = watch::channel(());
        let (file, wait) = (file.to_owned(), options.wait);
        let options = options.clone();
        let thread = move || match SqliteConnection::writer(&file, &options) {
            Ok(connection) => {
                let _ = opened.send(Ok(()));
                Loop { tx: Tx::sqlite_connection(connection), counters, careful: 0 }.run(receiver);
                drop(running);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        let spawned = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(thread);
        spawned.map_err(|error| SqlError::Io { source: Arc::new(error) })?;
        is_open.await.map_err(|_| SqlError::Closed)??;
        Ok(Self { queue, ended, wait })
    }

    /// Queues a unit and waits for its outcome, which comes after the commit.
    pub(crate) async fn write<D, F, T, E>(&self, input: D, unit: F) -> Result<T, E>
    where
        D: Send + 'static,
        F: for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = UnitJob { input, unit, outcome: None, reply };
        self.send(Message::Unit(Box::new(job))).await?;
        outcome.await.unwrap_or_else(|_| Err(SqlError::Closed.into()))
    }

    async fn send(&self, message: Message) -> Result<(), SqlError> {
        match self.queue.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(SqlError::Closed),
            Err(TrySendError::Full(message)) => match timeout(self.wait, self.queue.send(message)).await {
                Ok(sent) => sent.map_err(|_| SqlError::Closed),
                Err(_) => Err(SqlError::QueueFull),
            },
        }
    }

    /// Lets the queue run empty, then ends the thread.
    pub(super) async fn close(&self) {
        // An error means that the writer is closed already, or about to be.
        let _ = self.queue.send(Message::Close).await;
        let _ = self.ended.clone().changed().await;
    }
}

/// A unit without its types.
trait Job: Send {
    /// Nobody waits for the outcome any more, so the unit need not start.
    fn abandoned(&self) -> bool;
    /// Runs the unit; true when it wants to be kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Replaces the outcome.
    fn fail(&mut self, error: SqlError);
    /// Tells who waits.
    fn answer(self: Box<Self>);
}

struct UnitJob<D, F, T, E> {
    input: D,
    unit: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<D, F, T, E> Job for UnitJob<D, F, T, E>
where
    D: Send,
    F: for<'t> Fn(&'t D, &'t mut Tx) -> UnitFuture<'t, T, E> + Send,
    T: Send,
    E: From<SqlError> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx) -> bool {
        self.outcome = Some(run_now(&self.input, &self.unit, tx));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn fail(&mut self, error: SqlError) {
        self.outcome = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            let _ = self.reply.send(outcome);
        }
    }
}

/// How a unit of a shared transaction ended.
enum Unit {
    /// It is to be kept, or has left nothing.
    Done,
    /// It has written what is not to be kept.
    Undo,
}

struct Loop {
    tx: Tx,
    counters: Arc<Counters>,
    /// Batches still to run under savepoints.
    careful: u32,
}

impl Loop {
    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(BATCH);
        while let Some(message) = queue.blocking_recv() {
            take(message, &mut batch, &mut queue);
            if !batch.is_empty() {
                self.commit(&mut batch, &mut queue);
            }
            batch.drain(..).for_each(Job::answer);
        }
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Message>) {
        if self.careful == 0 {
            match (self.together(batch, queue, Self::bare), &mut batch[..]) {
                (Ok(()), _) => return,
                (Err(_), [job]) => return self.alone(job.as_mut()),
                _ => self.careful = CAREFUL,
            }
        }
        self.careful -= 1;
        if let Err(error) = self.together(batch, queue, Self::under_savepoint) {
            tracing::warn!(%error, units = batch.len(), "a shared transaction failed; its units run alone");
            batch.iter_mut().for_each(|job| self.alone(job.as_mut()));
        }
    }

    /// All units in one transaction, and those that come soon enough while they run. An error says that nothing of it
    /// was kept.
    fn together(
        &mut self,
        batch: &mut Vec<Box<dyn Job>>,
        queue: &mut mpsc::Receiver<Message>,
        run: fn(&mut Self, &mut dyn Job) -> Result<Unit, SqlError>,
    ) -> Result<(), SqlError> {
        let begun = Instant::now();
        self.connection()?.begin("BEGIN IMMEDIATE")?;
        let mut done = 0;
        while done < batch.len() || (begun.elapsed() < OPEN && gather(batch, queue)) {
            let ran = run(self, batch[done].as_mut());
            if !matches!(ran, Ok(Unit::Done)) {
                self.connection()?.rollback();
                // What is alone is undone with the transaction.
                return if batch.len() == 1 {
                    ran.map(drop)
                } else {
                    Err(ran.err().unwrap_or(SqlError::Aborted))
                };
            }
            done += 1;
        }
        self.connection()?.commit()?;
        self.counters.committed(batch.len());
        Ok(())
    }

    /// A unit that cannot be undone by itself.
    fn bare(&mut self, job: &mut dyn Job) -> Result<Unit, SqlError> {
        self.connection()?.forget_writes();
        let keep = job.run(&mut self.tx);
        let connection = self.connection()?;
        if connection.aborted() {
            return Err(SqlError::Aborted);
        }
        Ok(if !keep && connection.has_written() { Unit::Undo } else { Unit::Done })
    }

    fn under_savepoint(&mut self, job: &mut dyn Job) -> Result<Unit, SqlError> {
        self.connection()?.control("SAVEPOINT unit")?;
        let keep = job.run(&mut self.tx);
        let connection = self.connection()?;
        if connection.aborted() {
            return Err(SqlError::Aborted);
        }
        if !keep {
            connection.control("ROLLBACK TO unit")?;
        }
        connection.control("RELEASE unit").map(|()| Unit::Done)
    }

    /// One unit in a transaction of its own.
    fn alone(&mut self, job: &mut dyn Job) {
        if let Err(error) = self.try_alone(job) {
            job.fail(error);
        }
    }

    fn try_alone(&mut self, job: &mut dyn Job) -> Result<(), SqlError> {
        self.connection()?.begin("BEGIN IMMEDIATE")?;
        let keep = job.run(&mut self.tx);
        let connection = self.connection()?;
        if keep {
            connection.commit()?;
            self.counters.committed(1);
        } else {
            connection.rollback();
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut SqliteConnection, SqlError> {
        self.tx.sqlite().ok_or(SqlError::Closed)
    }
}

fn take(message: Message, batch: &mut Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Message>) {
    match message {
        Message::Unit(job) if job.abandoned() => {}
        Message::Unit(job) => batch.push(job),
        Message::Close => queue.close(),
    }
}

/// Takes what waits, as far as it has a place; answers whether something came.
fn gather(batch: &mut Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Message>) -> bool {
    let before = batch.len();
    while batch.len() < BATCH
        && let Ok(message) = queue.try_recv()
    {
        take(message, batch, queue);
    }
    batch.len() > before
}
