//! One time at which a task runs.

use jiff::civil::DateTime;
use kageos_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This occurrence.
    Run(Occurrence),
    /// Nothing that is known: a [delay](crate::Trigger::Delay) waits for the end of the run that goes on. Ask again
    /// when it has ended.
    Waits,
    /// Nothing, ever.
    Over,
}

/// One time at which a task runs.
///
/// The nominal time is its identity: together with the task it names one run, however often and wherever it is worked
/// out. When that run is planned is another question: [`Plan::planned`](crate::Plan::planned).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The index of the trigger that it is of; of several the first.
    pub trigger: usize,
    /// The time that the schedule names.
    pub nominal: Timestamp,
    /// What a jump of the wall clock did to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<Jump>,
}

/// What a jump of the wall clock does to an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Jump {
    /// The wall clock left its time out; it runs at the moment that [`OnGap`](crate::OnGap) gives instead. Several
    /// that were left out together and moved to one moment are one occurrence.
    Moved {
        /// The first time that was left out and is not excluded, as the wall clock would have shown it.
        wall: DateTime,
    },
    /// The wall clock shows its time twice; this is the first.
    FirstPass,
    /// The wall clock shows its time twice; this is the second.
    SecondPass,
}

impl Next {
    /// The occurrence, if there is one.
    #[must_use]
    pub fn occurrence(self) -> Option<Occurrence> {
        if let Self::Run(occurrence) = self { Some(occurrence) } else { None }
    }
}
