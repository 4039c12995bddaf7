//! Removes what nobody came back for. A file that something names is never removed; others may stay a while.

use std::time::Duration;

use super::{FileStore, store};
use crate::platform::oplog::Log;
use crate::sql::SqlError;
use crate::{Result, Timestamp};

/// How long an upload may wait for the call that brings it to its place.
const UPLOADS: Duration = Duration::from_secs(60 * 60);
/// How long a file of a function may be named by nothing: a form that is filled in over a working day.
const UNUSED: Duration = Duration::from_secs(24 * 60 * 60);
/// A claim of this age belongs to a call that ended long ago, unless the log still waits for its outcome.
const CLAIMS: Duration = Duration::from_secs(24 * 60 * 60);
/// Files, or calls, that one sweep takes: the next one goes on.
const BLOCK: i64 = 500;

impl FileStore {
    /// Removes what has run out. Answers how many objects that were. Called now and then.
    ///
    /// # Errors
    /// What the database or the storage answers; what is left waits for the next sweep.
    pub async fn sweep(&self, log: &Log) -> Result<u64> {
        let (db, at) = (&self.inner.db, self.inner.env.now());
        let before = |age: Duration| {
            let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            Timestamp::from_micros(at.as_micros().saturating_sub(age))
        };
        for call in store::old_claims(db, before(CLAIMS), BLOCK).await? {
            // Nobody knows any more how it ended, so what it named stays.
            if !log.is_pending(call).await? {
                self.settle_any(call, true).await;
            }
        }
        let (uploads, unused) = (before(UPLOADS), before(UNUSED));
        let expire = db.write(move |tx| Box::pin(store::expire(tx, uploads, unused, at)));
        expire.await.map_err(|error: SqlError| error)?;
        let mut removed = 0;
        for (id, key) in store::gone(db, BLOCK).await? {
            self.objects().delete(&key).await?;
            store::forget(db, id).await?;
            removed += 1;
        }
        Ok(removed)
    }
}
