//! The operation log: what was asked, by whom, and how it ended, in a chain that shows tampering.
//!
//! A stream belongs to one start of one process, so no two writers contend for a head. A call that may change
//! something has two records, an intent before it runs and an outcome after; every other call has one.
//!
//! Where several servers share a database, each stream has a beat. One that has not beaten for the time of its lease
//! is *fenced* by another server: its owner, should it live, can append nothing more there and begins another.

mod draft;
mod heads;
mod peers;
mod record;
mod store;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot};

pub use draft::{Draft, MAX_PAYLOAD};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use heads::{Heads, SignedHead, read_heads};
pub use peers::{Peers, Seat};
pub use record::{GENESIS, Header, RecordKind, Sealed, Status, hash_header, hash_payload};
pub use store::activity::{Activity, ActivityQuery};
pub use store::{Earlier, Kept, Key, MIGRATIONS, Stored};
pub use verify::{Checker, Finding, Place, Report, verify};
pub use writer::Held;

use crate::sql::{Db, SqlError};
use crate::{CallId, Env, StreamId, Timestamp};
use store::{Append, streams};
use writer::{Job, Writer};

/// Records that wait for the writer at most; a caller beyond that waits too.
const QUEUE: usize = 4_096;
/// Intents looked at together when what an earlier process left open is settled.
const RECOVERY_BLOCK: i64 = 500;

/// A handle to the log; cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    db: Db,
    env: Env,
    stream: Arc<RwLock<StreamId>>,
    seat: Option<Arc<Seat>>,
    jobs: mpsc::Sender<Job>,
}

/// An intent that has no outcome.
#[derive(Debug, Clone)]
pub struct OpenIntent {
    /// What the intent says.
    pub header: Header,
    /// The stream it stands in.
    pub stream: String,
}

impl Log {
    /// Starts a stream of its own and the task that writes it. Must be called in a tokio runtime. With a `seat` other
    /// servers work on the database too.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(
        db: Db,
        env: Env,
        key: SigningKey,
        heads: PathBuf,
        seat: Option<Seat>,
    ) -> Result<Self, SqlError> {
        let (id, seat) = (StreamId::new(&env), seat.map(Arc::new));
        streams::open(&db, id, seat.as_deref(), env.now()).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let stream = Arc::new(RwLock::new(id));
        let own = writer::Own { stream: Arc::clone(&stream), seat: seat.clone() };
        let writer = Writer::new(db.clone(), env.clone(), id, Heads::new(key, heads), own);
        tokio::spawn(writer.run(queue));
        Ok(Self { db, env, stream, seat, jobs })
    }

    /// The stream that this process writes now; it begins another when it was fenced.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        *self.stream.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fences the streams of processes that have surely ended: with a seat those that held the same, else all others.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn fence_ended(&self) -> Result<u64, SqlError> {
        let holder = self.seat.as_ref().map(|seat| seat.holder.as_str());
        streams::fence_ended(&self.db, self.stream(), holder, self.env.now()).await
    }

    /// Appends an intent and waits until it is on disk: its place, or who had its idempotency key first.
    ///
    /// # Errors
    /// What the database answers; the intent is not there then.
    pub async fn intent(&self, draft: Draft, key: Option<Key>) -> Result<Result<i64, Earlier>, SqlError> {
        let (ack, place) = oneshot::channel();
        let job = Job::Now(Append { draft: draft.into(), key, reply: None }, ack);
        self.jobs.send(job).await.map_err(|_| SqlError::Closed)?;
        place.await.map_err(|_| SqlError::Closed)?
    }

    /// Appends an outcome with the next batch. The idempotency key that the intent took keeps `reply` for whoever
    /// repeats the call, or is given back when nothing was changed. Who follows the call finds `reply`, or of a call
    /// that failed the error that stands in its place.
    pub async fn outcome(&self, draft: Draft, reply: Option<Arc<str>>) {
        self.later(Append { draft: draft.into(), key: None, reply }).await;
    }

    /// Appends the one record of a call that had no intent, with the next batch.
    pub async fn settled(&self, draft: Draft) {
        self.later(Append { draft: draft.into(), key: None, reply: None }).await;
    }

    async fn later(&self, record: Append) {
        let call = record.draft.call();
        if self.jobs.send(Job::Later(record)).await.is_err() {
            tracing::error!(%call, "a record came after the operation log was closed");
        }
    }

    /// Waits until everything before is on disk.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn flush(&self) -> Result<(), SqlError> {
        let (ack, done) = oneshot::channel();
        self.jobs.send(Job::Flush(ack)).await.map_err(|_| SqlError::Closed)?;
        done.await.map_err(|_| SqlError::Closed)?
    }

    /// Makes the log stand still: everything before is on disk and signed, and no intent and no outcome is written
    /// until it is let go. What two databases hold then fits together: of every effect the intent is there, and of
    /// every outcome the effect.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn hold(&self) -> Result<Held, SqlError> {
        let (ack, held) = oneshot::channel();
        self.jobs.send(Job::Hold(ack)).await.map_err(|_| SqlError::Closed)?;
        held.await.map_err(|_| SqlError::Closed)?
    }

    /// Writes what waits, signs the head and ends the stream.
    pub async fn close(&self) {
        let (ack, done) = oneshot::channel();
        if self.jobs.send(Job::Close(ack)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The intents without an outcome in streams that are closed or fenced, in order, a bounded number after `after`.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn left_open(&self, after: Option<&OpenIntent>) -> Result<Vec<OpenIntent>, SqlError> {
        let after = after.map_or_else(Default::default, |intent| (intent.stream.clone(), intent.header.seq));
        let block = store::pending_after(&self.db, self.stream(), &after, RECOVERY_BLOCK).await?;
        let read = |record: Stored| {
            let header = serde_json::from_str(&record.sealed.header).map_err(|_| SqlError::OutOfRange)?;
            Ok(OpenIntent { header, stream: record.stream })
        };
        block.into_iter().map(read).collect()
    }

    /// Forgets idempotency keys that have run out. Called now and then.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, SqlError> {
        store::sweep_keys(&self.db, now).await
    }

    /// When the oldest intent was written that has no outcome yet.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn oldest_open(&self) -> Result<Option<Timestamp>, SqlError> {
        store::oldest_open(&self.db).await
    }

    /// Whether a call is known and has no outcome yet.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn is_pending(&self, call: CallId) -> Result<bool, SqlError> {
        store::is_pending(&self.db, call).await
    }

    /// One call as far as its records are on disk, with what is kept of its end when it was followed.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn call(&self, call: CallId) -> crate::Result<Option<(Activity, Option<String>)>> {
        store::activity::one(&self.db, call).await
    }

    /// The calls that `query` asks for, newest first.
    ///
    /// # Errors
    /// What the database answers, or [`crate::Code::InvalidCursor`].
    pub async fn activity(&self, query: &ActivityQuery) -> crate::Result<(Vec<Activity>, Option<String>)> {
        self.flush().await?;
        store::activity::list(&self.db, query).await
    }
}
