//! The operation log: what was asked, by whom, and how it ended, in a chain that shows tampering.
//!
//! A stream belongs to one start of one process, so no two writers contend for a head. A call that may change
//! something has two records, an intent before it runs and an outcome after; every other call has one.

mod draft;
mod heads;
mod record;
mod store;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use draft::{Draft, MAX_PAYLOAD};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use heads::{Heads, SignedHead, read_heads};
pub use record::{GENESIS, Header, RecordKind, Sealed, Status, hash_header, hash_payload};
pub use store::activity::{Activity, ActivityQuery};
pub use store::{Earlier, Key, MIGRATIONS, Stored};
pub use verify::{Checker, Finding, Place, Report, verify};

pub(crate) use record::hex;

use crate::sql::{Db, SqlError};
use crate::{CallId, Env, StreamId};
use store::Append;
use writer::{Job, Writer};

/// Records that wait for the writer at most; a caller beyond that waits too.
const QUEUE: usize = 4_096;
/// Intents looked at together when what an earlier process left open is settled.
const RECOVERY_BLOCK: i64 = 500;

/// A handle to the log; cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    db: Db,
    stream: StreamId,
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
    /// Starts a stream of its own and the task that writes it. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(db: Db, env: Env, key: SigningKey, heads: PathBuf) -> Result<Self, SqlError> {
        let stream = StreamId::new(&env);
        store::open_stream(&db, stream, env.now()).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(db.clone(), env, writer::head_of(stream), Heads::new(key, heads));
        tokio::spawn(writer.run(queue));
        Ok(Self { db, stream, jobs })
    }

    /// The stream that this process writes.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Appends an intent and waits until it is on disk: its place, or who had its idempotency key first.
    ///
    /// # Errors
    /// What the database answers; the intent is not there then.
    pub async fn intent(&self, draft: Draft, key: Option<Key>) -> Result<Result<i64, Earlier>, SqlError> {
        let (ack, place) = oneshot::channel();
        let job = Job::Now(Append { draft, key, reply: None }, ack);
        self.jobs.send(job).await.map_err(|_| SqlError::Closed)?;
        place.await.map_err(|_| SqlError::Closed)?
    }

    /// Appends an outcome with the next batch. With `key`, the reply is kept for whoever repeats the call; without
    /// a reply the key is given back.
    pub async fn outcome(&self, draft: Draft, key: Option<Key>, reply: Option<Arc<str>>) {
        self.later(Append { draft, key, reply }).await;
    }

    /// Appends the one record of a call that had no intent, with the next batch.
    pub async fn settled(&self, draft: Draft) {
        self.later(Append { draft, key: None, reply: None }).await;
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

    /// Writes what waits, signs the head and ends the stream.
    pub async fn close(&self) {
        let (ack, done) = oneshot::channel();
        if self.jobs.send(Job::Close(ack)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The intents that earlier processes left without an outcome, a bounded number at a time. Whoever calls this
    /// knows that those processes have ended.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn left_open(&self) -> Result<Vec<OpenIntent>, SqlError> {
        let mut open = Vec::new();
        for stream in store::streams(&self.db).await? {
            if stream.closed || stream.id == self.stream.to_string() {
                continue;
            }
            self.left_open_in(&stream, &mut open).await?;
            if open.len() >= RECOVERY_BLOCK as usize {
                break;
            }
        }
        Ok(open)
    }

    async fn left_open_in(&self, stream: &store::Stream, open: &mut Vec<OpenIntent>) -> Result<(), SqlError> {
        let mut after = stream.resolved_below - 1;
        loop {
            let block = store::records_after(&self.db, &stream.id, after, RECOVERY_BLOCK).await?;
            let Some(last) = block.last() else { return Ok(()) };
            after = last.seq;
            for record in block {
                let Ok(header) = serde_json::from_str::<Header>(&record.sealed.header) else { continue };
                if header.kind == RecordKind::Intent && store::is_pending(&self.db, header.call).await? {
                    open.push(OpenIntent { header, stream: stream.id.clone() });
                }
            }
            if open.len() >= RECOVERY_BLOCK as usize {
                return Ok(());
            }
        }
    }

    /// Notes that the streams of earlier processes hold no open intent any more.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn close_earlier_streams(&self, env: &Env) -> Result<(), SqlError> {
        for stream in store::streams(&self.db).await? {
            let Ok(id) = stream.id.parse::<StreamId>() else { continue };
            if !stream.closed && id != self.stream {
                store::mark_stream(&self.db, id, i64::MAX, Some(env.now())).await?;
            }
        }
        Ok(())
    }

    /// The idempotency key that a call took, as long as it has it.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn key_of(&self, call: CallId) -> Result<Option<Key>, SqlError> {
        store::key_of(&self.db, call).await
    }

    /// Whether a call is known and has no outcome yet.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn is_pending(&self, call: CallId) -> Result<bool, SqlError> {
        store::is_pending(&self.db, call).await
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
