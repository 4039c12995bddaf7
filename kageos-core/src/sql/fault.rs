//! Faults on demand, for tests of what must hold when a database fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Db, SqlError};

/// How many of the next units meet which fault.
#[derive(Debug, Default)]
pub(super) struct Faults {
    fail: AtomicU32,
    lose: AtomicU32,
}

impl Faults {
    /// Before a unit runs.
    pub(super) fn before(&self) -> Result<(), SqlError> {
        strike(&self.fail)
    }

    /// After a unit was kept.
    pub(super) fn after(&self) -> Result<(), SqlError> {
        strike(&self.lose)
    }
}

fn strike(left: &AtomicU32) -> Result<(), SqlError> {
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => {
            Err(SqlError::ConnectionLost { source: Arc::new(std::io::Error::other("a fault of a test")) })
        }
        Err(_) => Ok(()),
    }
}

impl Db {
    /// The next `units` do not run, and their callers are told that the connection was lost.
    pub fn fail_writes(&self, units: u32) {
        self.faults.fail.store(units, Ordering::SeqCst);
    }

    /// The next `units` are kept, and their callers are told that the connection was lost.
    pub fn lose_answers(&self, units: u32) {
        self.faults.lose.store(units, Ordering::SeqCst);
    }
}
