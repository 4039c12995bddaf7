//! The time that all workers of a store agree on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kageos_core::{Clock, Timestamp};

/// The store's time at the last beat, carried on by a clock that never goes back: a step of this machine's clock moves
/// nothing where the store has one of its own.
#[derive(Debug)]
pub(super) struct Time {
    clock: Arc<dyn Clock>,
    /// The time when the monotonic reading was zero, in microseconds.
    base: AtomicI64,
}

impl Time {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let time = Self { clock, base: AtomicI64::default() };
        time.sample(None);
        time
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.base.load(Ordering::Relaxed)).plus(self.clock.monotonic())
    }

    /// Goes by the store's time, or by this machine's.
    pub(super) fn sample(&self, store: Option<Timestamp>) {
        let now = store.unwrap_or_else(|| self.clock.now());
        self.base.store(now.minus(self.clock.monotonic()).as_micros(), Ordering::Relaxed);
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}
