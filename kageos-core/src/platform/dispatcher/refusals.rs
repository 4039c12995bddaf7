//! Refusals that repeat are counted, so that a flood of them is not a flood of records.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{ActionName, Call, Code, ResourcePath, UserId};

/// The same refusal is recorded once, and what follows in this time once more with its number.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Different refusals that are told apart; beyond it only by actor and code.
const MAX_KINDS: usize = 4_096;

/// What makes two refusals equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    actor: Option<UserId>,
    code: Code,
    what: Option<(ResourcePath, ActionName)>,
}

/// Refusals that were counted and not recorded.
#[derive(Debug)]
pub(super) struct Counted {
    pub last: Arc<Call>,
    pub code: Code,
    /// At least one.
    pub times: u32,
}

/// Counts equal refusals.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    seen: Mutex<HashMap<Key, Option<Counted>>>,
}

impl Refusals {
    /// Counts a refusal. When it is the first of its kind, it is to be recorded, and its key taken after [`WINDOW`].
    pub(super) fn count(&self, call: &Arc<Call>, code: Code) -> Option<Key> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let actor = call.actor.id;
        let mut key = Key { actor, code, what: Some((call.path.clone(), call.action.clone())) };
        if seen.len() >= MAX_KINDS && !seen.contains_key(&key) {
            key.what = None;
        }
        match seen.get_mut(&key) {
            Some(counted) => {
                let times = counted.as_ref().map_or(0, |counted| counted.times) + 1;
                *counted = Some(Counted { last: Arc::clone(call), code, times });
                None
            }
            None => {
                seen.insert(key.clone(), None);
                Some(key)
            }
        }
    }

    /// What was counted under a key, which is forgotten.
    pub(super) fn take(&self, key: &Key) -> Option<Counted> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(key).flatten()
    }

    /// Everything that was counted.
    pub(super) fn take_all(&self) -> Vec<Counted> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.drain().filter_map(|(_, counted)| counted).collect()
    }
}
