//! What this worker is at.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kageos_core::ExecutionId;
use tokio_util::sync::CancellationToken;

/// The attempts that this worker has begun and whose ends are not noted yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    attempts: Mutex<HashMap<ExecutionId, (u32, CancellationToken)>>,
    /// Executions that somebody here is asking for right now.
    asked: Mutex<HashSet<ExecutionId>>,
}

impl Held {
    fn all(&self) -> MutexGuard<'_, HashMap<ExecutionId, (u32, CancellationToken)>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, HashSet<ExecutionId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asks for an execution, and begins it when there is an answer.
    pub(super) fn expect(&self, id: ExecutionId) {
        self.asked().insert(id);
    }

    /// Nobody begins it any more.
    pub(super) fn expected(&self, id: ExecutionId) {
        self.asked().remove(&id);
    }

    /// Whether somebody is about to begin it.
    pub(super) fn is_expected(&self, id: ExecutionId) -> bool {
        self.asked().contains(&id)
    }

    /// Whether this worker is at it.
    pub(super) fn has(&self, id: ExecutionId) -> bool {
        self.all().contains_key(&id)
    }

    /// Takes an attempt on; nothing when it is held already.
    pub(super) fn take(&self, id: ExecutionId, attempt: u32) -> Option<CancellationToken> {
        let mut all = self.all();
        if all.get(&id).is_some_and(|(known, _)| *known >= attempt) {
            return None;
        }
        let token = CancellationToken::new();
        all.insert(id, (attempt, token.clone()));
        Some(token)
    }

    /// Lets an attempt go whose end is noted.
    pub(super) fn drop(&self, id: ExecutionId, attempt: u32) {
        let mut all = self.all();
        if all.get(&id).is_some_and(|(known, _)| *known == attempt) {
            all.remove(&id);
        }
    }

    /// Tells an execution to end.
    pub(super) fn cancel(&self, id: ExecutionId) {
        if let Some((_, token)) = self.all().get(&id) {
            token.cancel();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all().len()
    }

    /// Lets all go: they are somebody else's.
    pub(super) fn clear(&self) {
        self.all().clear();
    }
}
