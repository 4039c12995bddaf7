//! Runs of a task, and what became of them.

use std::sync::Arc;

use kageos_core::{ExecutionId, TaskId, Timestamp, WorkerId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// A table of words that stand in rows and on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name { $($(#[$word])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As text, `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with this text.
            pub(crate) fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How an execution stands.
    State {
        /// Waits for the end of another one of its task.
        Waiting = "waiting",
        /// Waits for a worker, or for the pause before its next attempt.
        Queued = "queued",
        /// A worker is at it.
        Running = "running",
        /// It did what it should.
        Succeeded = "succeeded",
        /// It failed, and is not made again.
        Failed = "failed",
        /// It took longer than its task allows.
        TimedOut = "timed_out",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// It did not run; the reason says why.
        Skipped = "skipped",
        /// All attempts are used up; somebody has to look at it.
        Dead = "dead",
    }
}

words! {
    /// What asked for an execution.
    Source {
        /// The schedule of the task.
        Schedule = "schedule",
        /// Somebody, now.
        Manual = "manual",
    }
}

words! {
    /// Why an execution did not run, or ended as it did.
    Reason {
        /// The one before was still going on.
        Overlap = "overlap",
        /// Nobody could run it in time, and the rule for missed runs left it out.
        Missed = "missed",
        /// It could not begin within the time that the policy gives.
        TooLate = "too_late",
        /// The task was paused.
        Paused = "paused",
        /// The schedule was changed before it came to it.
        Changed = "changed",
        /// The task was deleted.
        Deleted = "deleted",
        /// The task has had all its runs.
        Spent = "spent",
        /// A newer run of its task took its place.
        Superseded = "superseded",
        /// Somebody wanted it to end.
        Requested = "requested",
        /// The worker that was at it is gone, and nobody knows the end.
        Lost = "lost",
        /// The worker ended before it did, in order.
        Released = "released",
        /// The executor answered that it failed.
        Failed = "failed",
        /// It took longer than its task allows.
        TimedOut = "timed_out",
        /// The executor panicked.
        Panicked = "panicked",
        /// The executor was told to end, and did.
        Stopped = "stopped",
    }
}

impl State {
    /// Whether nothing becomes of it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Queued | Self::Running)
    }
}

/// One run of a task that has not ended.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Made of the task and the nominal time, so one occurrence has one.
    pub id: ExecutionId,
    /// The task.
    pub task: TaskId,
    /// Who is to run it.
    pub executor: Arc<str>,
    /// What asked for it.
    pub source: Source,
    /// The time that the schedule names; of a manual run when it was asked for.
    pub nominal: Timestamp,
    /// The nominal time and its jitter.
    pub planned: Timestamp,
    /// [`State::Waiting`], [`State::Queued`] or [`State::Running`].
    pub state: State,
    /// How often it was begun. With the worker it is the fence: the end of an attempt is accepted once, and of none but
    /// the last.
    pub attempt: u32,
    /// How many attempts failed.
    pub failures: u32,
    /// How many attempts were lost with their worker.
    pub losses: u32,
    /// Not before then; only while it is queued.
    pub ready: Option<Timestamp>,
    /// Who is at it.
    pub worker: Option<WorkerId>,
    /// When the attempt began.
    pub started: Option<Timestamp>,
    /// Somebody wants it to end.
    pub cancel: Option<Reason>,
    /// Instead of the task's.
    pub payload: Option<Arc<RawValue>>,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands among those that are ready.
    pub(crate) rank: i64,
    /// What else of the task may run is decided when it ends.
    pub(crate) settles: bool,
}

/// What became of an execution, or of occurrences that did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The execution.
    pub id: ExecutionId,
    /// The task; it may be gone.
    pub task: TaskId,
    /// What asked for it.
    pub source: Source,
    /// The time that the schedule names.
    pub nominal: Timestamp,
    /// The nominal time and its jitter.
    pub planned: Timestamp,
    /// A state that is [final](State::is_final).
    pub state: State,
    /// Why; nothing when it succeeded.
    pub reason: Option<Reason>,
    /// What the executor says of its failure.
    pub error: Option<Arc<str>>,
    /// What the executor answered, as JSON.
    pub output: Option<Arc<str>>,
    /// How often it was begun.
    pub attempts: u32,
    /// Who was at it last.
    pub worker: Option<WorkerId>,
    /// When it was made.
    pub created: Timestamp,
    /// When the last attempt began.
    pub started: Option<Timestamp>,
    /// When this was decided.
    pub ended: Timestamp,
    /// Of occurrences in a row that did not run for one reason: the nominal time of the last.
    pub until: Option<Timestamp>,
    /// How many they are, when they were counted.
    pub count: Option<u32>,
}

/// An attempt that was not the last one of its execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The execution.
    pub execution: ExecutionId,
    /// From 1.
    pub number: u32,
    /// Who was at it.
    pub worker: Option<WorkerId>,
    /// When it began.
    pub started: Timestamp,
    /// When its end was decided.
    pub ended: Timestamp,
    /// What became of it.
    pub reason: Reason,
    /// What the executor says of its failure.
    pub error: Option<Arc<str>>,
}

/// An execution, whether it has ended or not.
#[derive(Debug, Clone)]
pub enum Record {
    /// It has not.
    Open(Execution),
    /// It has.
    Ended(Ended),
}

/// The id of the run of a task at a nominal time: the same for whoever works it out.
pub(crate) fn occurrence_id(task: TaskId, nominal: Timestamp) -> ExecutionId {
    let mut hash = Sha256::new();
    hash.update(task.to_string());
    hash.update(nominal.as_micros().to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let bits = digest.iter().take(10).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    ExecutionId::derived(nominal, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_that_rows_hold_do_not_change() {
        let task: TaskId = "01jqz0000000000000000000ab".parse().unwrap();
        let nominal = Timestamp::from_micros(1_772_355_600_000_000);
        let id = |at| occurrence_id(task, at).to_string();
        assert_eq!(id(nominal), "01kjma0fm06dzd56ek44rgk01b");
        assert_eq!(id(nominal)[..10], ExecutionId::first_at(nominal).to_string()[..10]);
        assert_ne!(id(nominal), id(Timestamp::from_micros(1_772_355_600_000_001)));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(State::of(state.as_str()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
