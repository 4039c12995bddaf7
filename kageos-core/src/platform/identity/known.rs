//! Who was let in a moment ago.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Authenticated, secret::Digest};
use crate::Timestamp;

/// How long an answer of the database is believed. A change made by this server ends it at once; one made by
/// another server is known after this long even when its event was lost.
const BELIEVED: Duration = Duration::from_secs(1);
/// Most that is remembered: more than are active within a second.
const MAX_KNOWN: usize = 8_192;

/// A bounded map from digests of tokens to who they let in.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Counts the times that everything was forgotten.
    epoch: u64,
    entries: HashMap<Digest, Entry>,
}

#[derive(Debug)]
struct Entry {
    who: Authenticated,
    read_at: Timestamp,
    /// When the credential ends unless it is used, as the database knew.
    ends_at: Timestamp,
}

impl Known {
    pub(super) fn get(&self, digest: Digest, now: Timestamp) -> Option<Authenticated> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = table.entries.get(&digest)?;
        let fresh = now >= entry.read_at && now < entry.read_at.plus(BELIEVED) && now < entry.ends_at;
        fresh.then(|| entry.who.clone())
    }

    /// Asked before the database, and handed to [`Known::put`] with its answer.
    pub(super) fn epoch(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).epoch
    }

    /// Remembers an answer, unless something was revoked since it was asked for.
    pub(super) fn put(
        &self,
        epoch: u64,
        digest: Digest,
        who: Authenticated,
        read_at: Timestamp,
        ends_at: Timestamp,
    ) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.epoch != epoch {
            return;
        }
        if table.entries.len() >= MAX_KNOWN {
            table.entries.clear();
        }
        table.entries.insert(digest, Entry { who, read_at, ends_at });
    }

    /// Forgets everything: revocations are rare, and everyone else is known again after one query.
    pub(super) fn forget(&self) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.epoch += 1;
        table.entries.clear();
    }
}
