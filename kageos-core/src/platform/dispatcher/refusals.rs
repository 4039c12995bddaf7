//! Refusals that repeat are counted, so that a flood of them is not a flood of records.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{ActionName, Call, Code, ResourcePath, UserId};

/// The same refusal is recorded once in this time; the next record says how many there were.
const WINDOW: Duration = Duration::from_secs(10);
/// Different refusals that are remembered; when there are more, all are forgotten and recorded anew.
const MAX_KINDS: usize = 4_096;

type Key = (Option<UserId>, ResourcePath, ActionName, Code);

/// Remembers which refusals were recorded lately.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    seen: Mutex<HashMap<Key, (Duration, u32)>>,
}

impl Refusals {
    /// How many equal refusals a record made now stands for besides its own; `None` when none is to be made.
    pub(super) fn record(&self, call: &Call, code: Code, now: Duration) -> Option<u32> {
        let key = (call.actor.id, call.path.clone(), call.action.clone(), code);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_KINDS && !seen.contains_key(&key) {
            seen.clear();
        }
        match seen.get_mut(&key) {
            Some((since, count)) if now.saturating_sub(*since) < WINDOW => {
                *count += 1;
                None
            }
            Some(entry) => {
                let (_, count) = std::mem::replace(entry, (now, 0));
                Some(count)
            }
            None => {
                seen.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}
