//! The one task that appends to this process' stream.
//!
//! It takes what waits, seals it in order and commits it as one unit; while a commit is in flight the next
//! batch collects. Outcomes and reads do not force a commit: they ride with the next intent, or go after
//! [`LINGER`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::heads::Heads;
use super::record::RecordKind;
use super::store::{self, Append, Earlier, Head};
use crate::sql::{Db, SqlError};
use crate::{CallId, Env, StreamId};

/// Most records of one commit.
const MAX_BATCH: usize = 512;
/// Longest time that a record waits for company; what is lost at a crash is younger than this.
const LINGER: Duration = Duration::from_millis(25);
/// Pause before records that wait for nobody are tried again after a failure.
const RETRY: Duration = Duration::from_millis(500);
/// Most records that wait for a database which is away; older ones that only tell of reads give way.
const MAX_BACKLOG: usize = 16_384;

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
    /// Commit, sign and end.
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    db: Db,
    env: Env,
    head: Head,
    heads: Heads,
    /// Places of intents without an outcome.
    open: BTreeSet<i64>,
    /// The place of each open intent's call.
    places: HashMap<CallId, i64>,
}

/// What one turn of the writer works on.
#[derive(Default)]
struct Batch {
    records: Vec<Append>,
    acks: Vec<Option<oneshot::Sender<Ack>>>,
    flushes: Vec<oneshot::Sender<Result<(), SqlError>>>,
    close: Option<oneshot::Sender<()>>,
    urgent: bool,
}

impl Batch {
    fn take(&mut self, job: Job) {
        match job {
            Job::Now(record, ack) => {
                self.records.push(record);
                self.acks.push(Some(ack));
                self.urgent = true;
            }
            Job::Later(record) => {
                self.records.push(record);
                self.acks.push(None);
            }
            Job::Flush(ack) => {
                self.flushes.push(ack);
                self.urgent = true;
            }
            Job::Close(ack) => {
                self.close = Some(ack);
                self.urgent = true;
            }
        }
    }
}

impl Writer {
    pub(super) fn new(db: Db, env: Env, head: Head, heads: Heads) -> Self {
        Self { db, env, head, heads, open: BTreeSet::new(), places: HashMap::new() }
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Batch::default();
        loop {
            collect(&mut batch, &mut jobs, self.heads.due_at()).await;
            let closed = batch.close.take();
            let ended = closed.is_some() || jobs.is_closed() && jobs.is_empty();
            self.turn(&mut batch).await;
            if self.heads.is_due(self.head.seq) || ended {
                self.sign(ended).await;
            }
            if let Some(done) = closed {
                let _ = done.send(());
            }
            if ended {
                return;
            }
        }
    }

    /// Commits one batch. What nobody waits for stays in `batch` when that fails.
    async fn turn(&mut self, batch: &mut Batch) {
        let Batch { records, acks, flushes, .. } = std::mem::take(batch);
        if records.is_empty() {
            flushes.into_iter().for_each(|flush| drop(flush.send(Ok(()))));
            return;
        }
        let state = (self.head.clone(), Arc::new(records));
        let kept = Arc::clone(&state.1);
        let done =
            self.db.write_with(state, |(head, records), tx| Box::pin(store::append(tx, head, records))).await;
        match done {
            Ok((head, places)) => {
                self.head = head;
                self.remember(&kept, &places);
                for (ack, place) in acks.into_iter().zip(places) {
                    ack.map(|ack| ack.send(Ok(place)));
                }
                flushes.into_iter().for_each(|flush| drop(flush.send(Ok(()))));
            }
            Err(error) => {
                tracing::error!(%error, records = kept.len(), "the operation log cannot be written");
                flushes.into_iter().for_each(|flush| drop(flush.send(Err(error.clone()))));
                *batch = self.keep(kept, acks, &error).await;
            }
        }
    }

    /// After a failure: who waits learns of it, the rest is tried again.
    async fn keep(
        &self,
        records: Arc<Vec<Append>>,
        acks: Vec<Option<oneshot::Sender<Ack>>>,
        error: &SqlError,
    ) -> Batch {
        let mut rest = Batch::default();
        let mut waiting: Vec<bool> = Vec::with_capacity(acks.len());
        for ack in acks {
            waiting.push(ack.is_some());
            ack.map(|ack| ack.send(Err(error.clone())));
        }
        tokio::time::sleep(RETRY).await;
        // The unit is over, so nobody else holds the records.
        let records = Arc::try_unwrap(records).unwrap_or_default();
        for (record, waited) in records.into_iter().zip(waiting) {
            let outcome = record.draft.header().kind == RecordKind::Outcome;
            if !waited && (outcome || rest.records.len() < MAX_BACKLOG) {
                rest.take(Job::Later(record));
            }
        }
        rest
    }

    fn remember(&mut self, records: &[Append], places: &[Result<i64, Earlier>]) {
        for (record, place) in records.iter().zip(places) {
            let (header, Ok(seq)) = (record.draft.header(), place) else { continue };
            match header.kind {
                RecordKind::Intent => {
                    self.places.insert(header.call, *seq);
                    self.open.insert(*seq);
                }
                RecordKind::Outcome => {
                    if let Some(seq) = self.places.remove(&header.call) {
                        self.open.remove(&seq);
                    }
                }
                RecordKind::Final => {}
            }
        }
    }

    /// Anchors the head outside the database and notes how far the stream is settled.
    async fn sign(&mut self, ended: bool) {
        let Head { stream, seq, hash } = &self.head;
        if let Err(error) = self.heads.append(*stream, *seq, hash, self.env.now()) {
            tracing::error!(%error, "the head of the operation log cannot be anchored");
        }
        let below = self.open.first().copied().unwrap_or(seq + 1);
        let closed = (ended && self.open.is_empty()).then(|| self.env.now());
        if let Err(error) = store::mark_stream(&self.db, *stream, below, closed).await {
            tracing::error!(%error, "the state of the operation log cannot be noted");
        }
    }
}

/// Waits for work: at once when somebody waits for it, else until [`LINGER`] after the first record.
async fn collect(batch: &mut Batch, jobs: &mut mpsc::Receiver<Job>, heads_due: Option<Instant>) {
    if batch.records.is_empty() {
        let idle = async {
            match heads_due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            job = jobs.recv() => match job { Some(job) => batch.take(job), None => return },
            () = idle => return,
        }
    }
    let until = Instant::now() + LINGER;
    while batch.records.len() < MAX_BATCH {
        if let Ok(job) = jobs.try_recv() {
            batch.take(job);
            continue;
        }
        if batch.urgent {
            return;
        }
        match tokio::time::timeout_at(until, jobs.recv()).await {
            Ok(Some(job)) => batch.take(job),
            Ok(None) | Err(_) => return,
        }
    }
}

pub(super) fn head_of(stream: StreamId) -> Head {
    Head { stream, seq: 0, hash: super::record::GENESIS.to_owned() }
}
