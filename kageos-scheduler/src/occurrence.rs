//! One time at which a task runs.

use jiff::civil::DateTime;
use kageos_core::Timestamp;
use serde::{Deserialize, Serialize};

/// One time at which a task runs.
///
/// The nominal time is its identity: together with the task it names one run, however often and wherever it is worked
/// out. Jitter changes only when that run is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The time that the schedule names.
    pub nominal: Timestamp,
    /// The time at which it is to run: the nominal time and its jitter, never before it. With jitter one occurrence
    /// may be planned after the next, and after the end of the schedule.
    pub planned: Timestamp,
    /// What a jump of the wall clock did to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// What a jump of the wall clock does to an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// The wall clock left its time out; it runs at the moment that [`OnGap`](crate::OnGap) gives instead. Several
    /// that were left out together and moved to one moment are one occurrence.
    Moved {
        /// The first time that was left out, as the wall clock would have shown it.
        wall: DateTime,
    },
    /// The wall clock shows its time twice; this is the first.
    FirstPass,
    /// The wall clock shows its time twice; this is the second.
    SecondPass,
}

/// An entry of a [preview](crate::Plan::preview).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// The task runs.
    Run(Occurrence),
    /// The task does not run, because the wall clock leaves this time out and [`OnGap::Skip`](crate::OnGap::Skip) says
    /// so.
    Skipped {
        /// The time, as the wall clock would have shown it.
        wall: DateTime,
        /// The moment at which the wall clock jumps over it.
        gap: Timestamp,
    },
}

impl Preview {
    /// The moment of the entry: the nominal time of a run, or the gap.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        match self {
            Self::Run(occurrence) => occurrence.nominal,
            Self::Skipped { gap, .. } => *gap,
        }
    }
}
