//! Ids of new rows.

use std::sync::{Mutex, PoisonError};

use kageos_core::{Env, RowId};

/// 2020-01-01T00:00:00Z in milliseconds since 1970: ids count from here, so 41 bits last until 2089.
const EPOCH_MS: i64 = 1_577_836_800_000;
/// Bits below the millisecond: two processes on one database meet in one of two million cases a millisecond.
const RANDOM_BITS: u32 = 21;

/// Makes ids that are unique in this process and rise with time.
#[derive(Debug)]
pub(crate) struct RowIds {
    env: Env,
    last: Mutex<i64>,
}

impl RowIds {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, last: Mutex::new(0) }
    }

    /// A number above every one before it.
    pub(crate) fn number(&self) -> i64 {
        let millis = (self.env.now().as_micros() / 1000 - EPOCH_MS).clamp(0, (1 << 41) - 1);
        let random = i64::from(u32::from_le_bytes(self.env.random()) >> (32 - RANDOM_BITS));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = ((millis << RANDOM_BITS) | random).max(last.saturating_add(1));
        *last
    }

    /// A new id.
    pub(crate) fn next(&self) -> RowId {
        RowId::from_i64(self.number()).unwrap_or_else(|| self.next())
    }
}
