//! What happens to runs that come late, overlap, fail or take too long.

use std::time::Duration;

use kageos_core::Timestamp;
use serde::{Deserialize, Serialize};

/// Most runs that one task has side by side or waiting: more is a queue of its own.
pub const MAX_OVERLAP: u32 = 1000;

/// Most missed runs that are made up for at once under [`Missed::Last`].
pub const MAX_LAST: u32 = 20;

/// Most attempts of one execution.
pub const MAX_ATTEMPTS: u32 = 100;

/// Longest pause between attempts, time limit and lateness, in seconds: thirty days.
pub const MAX_SECONDS: u32 = 30 * 86_400;

/// The highest priority.
pub const MAX_PRIORITY: u8 = 9;

/// An execution with a priority one higher is taken as if it had been ready so much earlier: it goes first, and who waits
/// longer than nine of these goes before everybody that comes.
const PRIORITY_STEP: Duration = Duration::from_secs(60);

/// How late a run may be and still count as on time under [`Missed::Skip`].
pub const ON_TIME: Duration = Duration::from_secs(60);

/// What happens to runs that come late, overlap, fail or take too long. What is not said has the value of the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What happens to occurrences that nobody could run in time.
    pub missed: Missed,
    /// What happens to a run that comes while the one before goes on.
    pub overlap: Overlap,
    /// Whether and when an attempt that failed is made again.
    pub retry: Retry,
    /// An attempt that takes longer is ended as timed out, in seconds; by default an hour.
    pub timeout_s: u32,
    /// A run that could not begin so many seconds after its planned time is not begun any more. For what is wrong when
    /// it comes late; by default late is better than never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_within_s: Option<u32>,
    /// From 0 to [`MAX_PRIORITY`], by default 5: who goes first when not all can. One step is worth a minute of waiting, so
    /// nobody waits for ever.
    pub priority: u8,
}

/// What happens to occurrences that nobody could run in time, because nothing ran or the task was held up. Of several
/// that are due at once all but the newest are missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The newest runs when it is at most [`ON_TIME`] late.
    Skip,
    /// The newest runs, however late it is.
    #[default]
    Once,
    /// So many of the newest run, at most [`MAX_LAST`].
    Last(u32),
    /// All run, the oldest first.
    All,
}

/// What happens to a run that comes while the one before goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It does not run.
    #[default]
    Skip,
    /// It waits; at most so many do, further ones do not run.
    Queue(u32),
    /// It runs too; at most so many do at a time, further ones do not run.
    Allow(u32),
    /// Those before are told to end, and it runs when they have.
    CancelPrevious,
}

/// Whether and when an attempt that failed is made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all; by default 1: none is made again.
    pub max_attempts: u32,
    /// The pause before the second attempt, in seconds. It doubles with each further one, and up to a fifth of it is added,
    /// always the same for one attempt of one execution.
    pub first_s: u32,
    /// The longest pause, in seconds.
    pub cap_s: u32,
    /// Whether an attempt that nobody knows the end of, because its worker is gone, is made again. By default yes, for
    /// what Kageos does itself is done once however often it is asked for.
    pub after_loss: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            missed: Missed::default(),
            overlap: Overlap::default(),
            retry: Retry::default(),
            timeout_s: 3600,
            start_within_s: None,
            priority: 5,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 1, first_s: 10, cap_s: 3600, after_loss: true }
    }
}

impl Policy {
    /// Where an execution stands among those that are ready: the lowest goes first.
    pub(crate) fn rank(&self, ready: Timestamp) -> i64 {
        ready.minus(PRIORITY_STEP * u32::from(self.priority)).as_micros()
    }

    /// Whether a run planned for `planned` is not begun any more.
    pub(crate) fn is_too_late(&self, planned: Timestamp, now: Timestamp) -> bool {
        let within = self.start_within_s.map(|it| Duration::from_secs(it.into()));
        within.is_some_and(|within| now > planned.plus(within))
    }

    /// Whether the end of a run decides what else of the task may run.
    pub(crate) fn awaits_ends(&self) -> bool {
        self.missed == Missed::All || matches!(self.overlap, Overlap::Queue(_) | Overlap::CancelPrevious)
    }
}

impl Retry {
    /// The pause after this attempt, counted from 1. `seed` spreads it.
    pub(crate) fn pause(&self, attempt: u32, seed: u64) -> Duration {
        let doubled = u64::from(self.first_s).saturating_mul(1 << attempt.saturating_sub(1).min(32));
        let base = Duration::from_secs(doubled.min(self.cap_s.into()));
        let spread = u32::try_from(seed % 1000).unwrap_or(0);
        base + base / 5 * spread / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_cap_and_are_spread_by_a_fifth() {
        let retry = Retry { max_attempts: 9, first_s: 10, cap_s: 60, after_loss: true };
        let pause = |attempt, seed| retry.pause(attempt, seed).as_millis();
        assert_eq!(
            [1, 2, 3, 4, 99].map(|attempt| pause(attempt, 0)),
            [10_000, 20_000, 40_000, 60_000, 60_000]
        );
        assert_eq!((pause(1, 500), pause(1, 999), pause(1, 1000)), (11_000, 11_998, 10_000));
    }

    #[test]
    fn who_waits_long_goes_before_who_is_important() {
        let rank = |priority, s: u64| {
            Policy { priority, ..Policy::default() }.rank(Timestamp::default().plus(Duration::from_secs(s)))
        };
        assert!(rank(9, 100) < rank(0, 100));
        assert!(rank(0, 100) < rank(9, 100 + 541));
    }
}
