//! What comes next, as people want to see it before they trust a schedule.

use jiff::civil::DateTime;
use kageos_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Occurrence, Plan, SearchError, plan::TICK, search::Search, zone::MICROS};

/// Most runs in a preview, and most entries beside them: more than a page shows.
pub const MAX_PREVIEW: usize = 100;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// In order of their [moments](Entry::moment).
    pub entries: Vec<Entry>,
    /// Whether entries may be missing: the steps of the call did not suffice, or a trigger's search failed. Without it
    /// a preview that is shorter than asked for is all that is known to come.
    pub cut: bool,
}

/// An entry of a [`Preview`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The task runs.
    Run(Occurrence),
    /// The task does not run, because a gap of the wall clock leaves times out and [`OnGap::Skip`](crate::OnGap::Skip)
    /// says so. One entry for each trigger and gap.
    LeftOut {
        /// The index of the trigger.
        trigger: usize,
        /// The first time, as the wall clock would have shown it.
        first: DateTime,
        /// The last time, the same as the first when there is one.
        last: DateTime,
        /// How many times.
        count: u32,
        /// The moment at which the wall clock jumps over them.
        gap: Timestamp,
    },
}

impl Entry {
    /// The moment of the entry: the nominal time of a run, or the gap.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        match self {
            Self::Run(occurrence) => occurrence.nominal,
            Self::LeftOut { gap, .. } => *gap,
        }
    }
}

pub(crate) fn of(
    plan: &Plan,
    after: Timestamp,
    count: usize,
    last_end: Option<Timestamp>,
) -> Result<Preview, SearchError> {
    let mut search = Search::new(plan, after, last_end);
    let (mut entries, mut until) = (Vec::new(), after);
    while entries.len() < count {
        match search.next() {
            Ok(Some(next)) => {
                until = next.nominal;
                search.pass(until);
                entries.push(Entry::Run(next));
            }
            Ok(None) => {
                until = plan.end.minus(TICK);
                break;
            }
            Err(error) if entries.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let left_out = search.left_out(after, until);
    let mut cut = left_out.is_err() || !search.is_whole();
    let mut left_out: Vec<Entry> = left_out.unwrap_or_default().into_iter().map(entry).collect();
    left_out.sort_by_key(Entry::moment);
    cut |= left_out.len() > MAX_PREVIEW;
    entries.extend(left_out.into_iter().take(MAX_PREVIEW));
    // What is left out at a moment stands before what runs then.
    entries.sort_by_key(|entry| (entry.moment(), matches!(entry, Entry::Run(_))));
    Ok(Preview { entries, cut })
}

fn entry((trigger, left): (usize, crate::local::LeftOut)) -> Entry {
    Entry::LeftOut {
        trigger,
        first: left.first.datetime(),
        last: left.last.datetime(),
        count: left.count,
        gap: Timestamp::from_micros(left.gap * MICROS),
    }
}
