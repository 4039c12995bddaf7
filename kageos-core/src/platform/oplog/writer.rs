//! The one task that appends to this process' stream.
//!
//! It takes what waits, seals it in order and commits it as one unit; while a commit is in flight the next
//! batch collects. Outcomes and reads do not force a commit: they ride with the next intent, or go after
//! [`LINGER`]. A stream that another server has fenced takes nothing more; the task goes on in a new one, and what the
//! other has settled meanwhile stays settled. When the database is away, who waits learns of it at once; what nobody waits for is kept, within a
//! bound, and tried again.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::heads::Heads;
use super::peers::Seat;
use super::record::{GENESIS, RecordKind};
use super::store::{self, Append, Earlier, Head, streams};
use crate::platform::usage;
use crate::sql::{Db, SqlError};
use crate::{Env, StreamId};

/// Most records of one commit.
const MAX_BATCH: usize = 512;
/// Longest time that a record waits for company; what is lost at a crash is younger than this.
const LINGER: Duration = Duration::from_millis(25);
/// Pause before records that wait for nobody are tried again after a failure.
const RETRY: Duration = Duration::from_millis(500);
/// Most records that are kept while the database is away. Beyond it records of reads are dropped and counted.
const MAX_BACKLOG: usize = 16_384;

/// Longest time that the log stands still for somebody: calls wait meanwhile.
const MAX_HOLD: Duration = Duration::from_secs(5);

/// What became of an intent: its place, or who had its idempotency key first.
pub(super) type Ack = Result<Result<i64, Earlier>, SqlError>;

/// One thing for the writer to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Append; the sender learns the place.
    Now(Append, oneshot::Sender<Ack>),
    /// Append with the next batch.
    Later(Append),
    /// Say when all before this is committed.
    Flush(oneshot::Sender<Result<(), SqlError>>),
    /// Commit, sign, and append nothing until it is let go.
    Hold(oneshot::Sender<Result<Held, SqlError>>),
    /// Commit, sign and end.
    Close(oneshot::Sender<()>),
}

/// The log stands still at a place that is on disk and signed, until this is let go or dropped.
#[derive(Debug)]
pub struct Held {
    /// The stream of this process.
    pub stream: StreamId,
    /// Its last place.
    pub seq: i64,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Lets the log go on.
    ///
    /// # Errors
    /// [`SqlError::Timeout`] when it has gone on already, because it was held too long.
    pub fn release(self) -> Result<(), SqlError> {
        self.release.send(()).map_err(|()| SqlError::Timeout)
    }
}

/// Whose stream it is.
pub(super) struct Own {
    /// What others read as the stream of this process.
    pub stream: Arc<RwLock<StreamId>>,
    /// Among several servers, which.
    pub seat: Option<Arc<Seat>>,
}

/// The writer's state.
pub(super) struct Writer {
    db: Db,
    env: Env,
    head: Head,
    heads: Heads,
    own: Own,
    /// When others have to hear again that this process lives.
    beat_at: Option<Instant>,
    /// Records that nobody waits for and that could not be written yet, oldest first.
    backlog: VecDeque<Append>,
    retry_at: Option<Instant>,
    dropped: u64,
}

/// What one turn of the writer works on.
#[derive(Default)]
struct Batch {
    records: Vec<Append>,
    /// Beside each record who waits for it.
    acks: Vec<Option<oneshot::Sender<Ack>>>,
    flushes: Vec<oneshot::Sender<Result<(), SqlError>>>,
    holds: Vec<oneshot::Sender<Result<Held, SqlError>>>,
    close: Option<oneshot::Sender<()>>,
    urgent: bool,
}

impl Batch {
    fn take(&mut self, job: Job) {
        self.urgent |= !matches!(job, Job::Later(_));
        match job {
            Job::Now(record, ack) => {
                self.records.push(record);
                self.acks.push(Some(ack));
            }
            Job::Later(record) => {
                self.records.push(record);
                self.acks.push(None);
            }
            Job::Flush(ack) => self.flushes.push(ack),
            Job::Hold(ack) => self.holds.push(ack),
            Job::Close(ack) => self.close = Some(ack),
        }
    }
}

impl Writer {
    pub(super) fn new(db: Db, env: Env, stream: StreamId, heads: Heads, own: Own) -> Self {
        let head = Head { stream, seq: 0, hash: GENESIS.to_owned() };
        let backlog = VecDeque::new();
        let mut this = Self { db, env, head, heads, own, beat_at: None, backlog, retry_at: None, dropped: 0 };
        this.beaten();
        this
    }

    fn beaten(&mut self) {
        self.beat_at = self.own.seat.as_ref().map(|seat| Instant::now() + seat.beat());
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let mut batch = self.collect(&mut jobs).await;
            let (closed, holds) = (batch.close.take(), std::mem::take(&mut batch.holds));
            let ended = closed.is_some() || (jobs.is_closed() && jobs.is_empty());
            let done = self.turn(batch).await;
            for hold in holds {
                self.hold(hold, &done).await;
            }
            if self.beat_at.is_some_and(|at| at <= Instant::now()) && !ended {
                self.beat().await;
            }
            if self.heads.is_due(self.head.seq) || ended {
                self.sign();
                self.sweep().await;
            }
            if ended {
                self.end().await;
                closed.map(|done| done.send(()));
                return;
            }
        }
    }

    /// Waits for work: commits at once what somebody waits for, else after [`LINGER`].
    async fn collect(&self, jobs: &mut mpsc::Receiver<Job>) -> Batch {
        let mut batch = Batch::default();
        let until = [self.retry_at, self.heads.due_at(), self.beat_at].into_iter().flatten().min();
        match until {
            None => match jobs.recv().await {
                Some(job) => batch.take(job),
                None => return batch,
            },
            Some(at) => match tokio::time::timeout_at(at, jobs.recv()).await {
                Ok(Some(job)) => batch.take(job),
                Ok(None) | Err(_) => return batch,
            },
        }
        // Calls that are ready to ask for a place do so first, and share the commit.
        tokio::task::yield_now().await;
        let until = Instant::now() + LINGER;
        while batch.records.len() < MAX_BATCH {
            if let Ok(job) = jobs.try_recv() {
                batch.take(job);
                continue;
            }
            if batch.urgent {
                break;
            }
            match tokio::time::timeout_at(until, jobs.recv()).await {
                Ok(Some(job)) => batch.take(job),
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }

    /// Commits what was kept back and what came, in this order.
    async fn turn(&mut self, batch: Batch) -> Result<(), SqlError> {
        let Batch { mut records, acks, flushes, .. } = batch;
        let mut done = Ok(());
        while done.is_ok() && !self.backlog.is_empty() {
            let kept = self.backlog.drain(..self.backlog.len().min(MAX_BATCH)).collect();
            done = self.commit(kept, Vec::new()).await;
        }
        if done.is_ok() && !records.is_empty() {
            done = self.commit(records, acks).await;
        } else if let Err(error) = &done {
            let mut acks = acks.into_iter();
            records.retain(|_| refuse(acks.next().flatten(), error));
            self.keep(records);
        }
        self.retry_at = (!self.backlog.is_empty()).then(|| Instant::now() + RETRY);
        flushes.into_iter().for_each(|flush| drop(flush.send(done.clone())));
        done
    }

    /// Stands still for somebody, unless what came before could not be written.
    async fn hold(&mut self, hold: oneshot::Sender<Result<Held, SqlError>>, done: &Result<(), SqlError>) {
        if let Err(error) = done {
            let _ = hold.send(Err(error.clone()));
            return;
        }
        self.sign();
        let (release, released) = oneshot::channel();
        let held = Held { stream: self.head.stream, seq: self.head.seq, release };
        if hold.send(Ok(held)).is_ok() && tokio::time::timeout(MAX_HOLD, released).await.is_err() {
            tracing::warn!("the operation log was held too long and goes on");
        }
    }

    /// Commits records as one unit. After a failure that may pass, those that nobody waits for are kept.
    async fn commit(
        &mut self,
        records: Vec<Append>,
        acks: Vec<Option<oneshot::Sender<Ack>>>,
    ) -> Result<(), SqlError> {
        let records = Arc::new(records);
        let error = match self.append(&records).await {
            Ok(places) => {
                acks.into_iter()
                    .zip(places)
                    .for_each(|(ack, place)| drop(ack.map(|ack| ack.send(Ok(place)))));
                return Ok(());
            }
            Err(error) => error,
        };
        tracing::error!(%error, records = records.len(), "the operation log cannot be written");
        if self.landed().await {
            return self.confirm(&records, acks, &error).await;
        }
        // The unit may still hold its records for a moment; a copy is as cheap as its pointers. Nobody waits for
        // what was kept back before.
        let acks = acks.into_iter().chain(std::iter::repeat_with(|| None));
        let alone =
            records.iter().zip(acks).filter_map(|(record, ack)| refuse(ack, &error).then(|| record.clone()));
        let records: Vec<Append> = alone.collect();
        if passes(&error) {
            self.keep(records);
            return Err(error);
        }
        self.one_by_one(records).await
    }

    async fn append(&mut self, records: &Arc<Vec<Append>>) -> Result<Vec<Result<i64, Earlier>>, SqlError> {
        loop {
            let state = (self.head.clone(), Arc::clone(records));
            let unit =
                self.db.write_with(state, |(head, records), tx| Box::pin(store::append(tx, head, records)));
            if let Some((head, places)) = unit.await? {
                self.head = head;
                self.beaten();
                return Ok(places);
            }
            self.begin_anew().await?;
        }
    }

    /// Tells others that this process lives, when it has appended nothing for a while.
    async fn beat(&mut self) {
        let done = match streams::beat(&self.db, self.head.stream).await {
            Ok(true) => Ok(()),
            Ok(false) => self.begin_anew().await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "other servers cannot be told that this one lives");
        }
        self.beaten();
    }

    /// The stream was fenced: nothing more is written there, and another begins.
    async fn begin_anew(&mut self) -> Result<(), SqlError> {
        let stream = StreamId::new(&self.env);
        tracing::error!(fenced = %self.head.stream, begins = %stream, "another server took this one for dead");
        streams::open(&self.db, stream, self.own.seat.as_deref(), self.env.now()).await?;
        self.sign();
        self.heads.begin();
        self.head = Head { stream, seq: 0, hash: GENESIS.to_owned() };
        *self.own.stream.write().unwrap_or_else(PoisonError::into_inner) = stream;
        Ok(())
    }

    /// Whether a commit whose fate was not told took place: nobody else writes this stream.
    async fn landed(&mut self) -> bool {
        match store::head(&self.db, self.head.stream).await {
            Ok(Some(head)) if head.seq > self.head.seq => {
                self.head = head;
                true
            }
            _ => false,
        }
    }

    /// After a commit that landed without an answer: each intent that is there is acknowledged.
    async fn confirm(
        &self,
        records: &[Append],
        acks: Vec<Option<oneshot::Sender<Ack>>>,
        error: &SqlError,
    ) -> Result<(), SqlError> {
        for (record, ack) in records.iter().zip(acks) {
            let Some(ack) = ack else { continue };
            let there = store::is_pending(&self.db, record.draft.call()).await.unwrap_or(false);
            let _ = ack.send(if there { Ok(Ok(self.head.seq)) } else { Err(error.clone()) });
        }
        Ok(())
    }

    /// One of the records cannot be written at all: the others are, and it is told.
    async fn one_by_one(&mut self, records: Vec<Append>) -> Result<(), SqlError> {
        for record in records {
            let call = record.draft.call();
            match self.append(&Arc::new(vec![record.clone()])).await {
                Ok(_) => {}
                Err(error) if passes(&error) => self.keep(vec![record]),
                Err(error) => tracing::error!(%error, %call, "a record cannot be written and is lost"),
            }
        }
        Ok(())
    }

    fn keep(&mut self, records: Vec<Append>) {
        for record in records {
            let outcome = record.draft.header().kind == RecordKind::Outcome;
            if outcome || self.backlog.len() < MAX_BACKLOG {
                self.backlog.push_back(record);
            } else {
                self.dropped += 1;
            }
        }
    }

    /// Anchors the head outside the database.
    fn sign(&mut self) {
        let Head { stream, seq, hash } = &self.head;
        if let Err(error) = self.heads.append(*stream, *seq, hash, self.env.now()) {
            tracing::error!(%error, "the head of the operation log cannot be anchored");
        }
        if self.dropped > 0 {
            tracing::error!(records = std::mem::take(&mut self.dropped), "records of reads were dropped");
        }
    }

    /// Forgets idempotency keys that have run out and folds figures, a bounded number with each signed head.
    async fn sweep(&self) {
        if let Err(error) = store::sweep_keys(&self.db, self.env.now()).await {
            tracing::warn!(%error, "idempotency keys that have run out cannot be forgotten yet");
        }
        if let Err(error) = usage::condense(&self.db, self.env.now()).await {
            tracing::warn!(%error, "figures of days that have passed cannot be folded yet");
        }
    }

    async fn end(&self) {
        if !self.backlog.is_empty() {
            tracing::error!(records = self.backlog.len(), "records could not be written before the end");
        }
        if let Err(error) = streams::close(&self.db, self.head.stream, self.env.now()).await {
            tracing::error!(%error, "the end of the operation log's stream cannot be noted");
        }
    }
}

/// Tells whoever waits that it failed; answers whether nobody waited, so that the record is to be kept.
fn refuse(ack: Option<oneshot::Sender<Ack>>, error: &SqlError) -> bool {
    ack.is_none_or(|ack| {
        let _ = ack.send(Err(error.clone()));
        false
    })
}

/// Whether the same records may be written later.
fn passes(error: &SqlError) -> bool {
    error.retryable()
        || matches!(
            error,
            SqlError::ConnectionLost { .. }
                | SqlError::DiskFull { .. }
                | SqlError::ReadOnly { .. }
                | SqlError::Io { .. }
                | SqlError::Timeout
                | SqlError::Closed
        )
}
