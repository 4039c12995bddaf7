//! The time that all workers of a store agree on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kageos_core::{Clock, Timestamp};

/// The store's time as the last beats told it, carried on by a monotonic clock: a step of this machine's clock moves nothing
/// where the store has one of its own.
#[derive(Debug)]
pub(super) struct Time {
    clock: Arc<dyn Clock>,
    /// The time when the monotonic reading was zero, in microseconds.
    base: AtomicI64,
}

impl Time {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let time = Self { clock, base: AtomicI64::default() };
        time.sample(None, Duration::ZERO);
        time
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.base.load(Ordering::Relaxed)).plus(self.clock.monotonic())
    }

    /// Goes by the store's time, which was read at some moment after `asked` by the monotonic clock and before now; or by
    /// this machine's, where the store has none. What is known already stays as long as it can be right.
    pub(super) fn sample(&self, store: Option<Timestamp>, asked: Duration) {
        let now = self.clock.monotonic();
        let Some(store) = store else {
            return self.base.store(self.clock.now().minus(now).as_micros(), Ordering::Relaxed);
        };
        let (least, most) = (store.minus(now).as_micros(), store.minus(asked).as_micros());
        let base = self.base.load(Ordering::Relaxed);
        self.base.store(base.clamp(least, most.max(least)), Ordering::Relaxed);
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use kageos_core::{Clock, Timestamp};

    use super::*;

    #[derive(Debug, Default)]
    struct Stopped(AtomicI64);

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_000_000_000)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed).unsigned_abs())
        }
    }

    #[test]
    fn a_slow_answer_moves_the_time_no_more_than_it_must() {
        let clock = Arc::new(Stopped::default());
        let time = Time::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let store = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let second = |seconds| clock.0.store(seconds, Ordering::Relaxed);
        // The machine says 1000, the store 5000.
        time.sample(store(5000), Duration::ZERO);
        assert_eq!(time.now(), store(5000).unwrap());
        second(10);
        assert_eq!(time.now(), store(5010).unwrap());
        // Asked at 5, answered at 10: the store's 5006 may have been at any moment between.
        time.sample(store(5006), Duration::from_secs(5));
        assert_eq!(time.now(), store(5010).unwrap());
        time.sample(store(5004), Duration::from_secs(5));
        assert_eq!(time.now(), store(5009).unwrap());
    }
}
