//! A schedule as data: the shape that stands in a row and in the API.

use kageos_core::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Exclude, Trigger, check};

/// When a task runs. Plain data; [`check`](Self::check) says whether it makes sense, [`Plan`](crate::Plan) answers questions.
///
/// ```
/// use kageos_scheduler::Schedule;
///
/// let schedule: Schedule = serde_json::from_str(r#"{
///     "triggers": [{"cron": "0 9 * * MON-FRI"}, {"at": "2026-12-31T18:00:00"}],
///     "zone": "Europe/Berlin",
///     "exclude": {"dates": ["2026-12-25"]},
///     "jitter_s": 30
/// }"#)?;
/// schedule.check("2026-03-01T12:00:00Z".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Why it runs: 1 to [`MAX_TRIGGERS`](crate::MAX_TRIGGERS).
    pub triggers: Vec<Trigger>,
    /// The zone of all local dates and times, an IANA name; by default `UTC`.
    #[serde(default = "utc")]
    pub zone: String,
    /// No nominal time lies before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// No nominal time lies at or after it; with jitter the last run may be planned later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Each run is put off by less than so many seconds, always the same for one task and nominal time; 0 puts nothing
    /// off. At most [`MAX_JITTER_S`](crate::MAX_JITTER_S), and at most what lies between two occurrences of a trigger.
    /// Of a rate and a delay that is known; of a cron expression the check looks at the next 96. Later ones, and those of
    /// several triggers, can lie closer: then two runs may be planned in another order than that of their nominal times.
    #[serde(default)]
    pub jitter_s: u32,
    /// Which nominal times do not count. Jitter may put a run off into an exclusion.
    #[serde(default)]
    pub exclude: Exclude,
    /// What happens to times that the wall clock leaves out.
    #[serde(default)]
    pub on_gap: OnGap,
    /// What happens to times that the wall clock shows twice.
    #[serde(default)]
    pub on_fold: OnFold,
    /// After so many runs it is over, at least 1. Whoever keeps the runs counts them: [`is_spent`](Self::is_spent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u32>,
}

/// What happens to a time that the wall clock leaves out, as it does when summer time begins.
///
/// It holds for local moments and for cron expressions, with one exception: where the hour is `*` (or `*/1`, but not
/// `0-23`) nothing is missing that could be made up for, because each hour that there is has its runs.
///
/// A time that is moved is of the day that it was left out of: when a date or a window of
/// [`exclude`](Schedule::exclude) holds it there, it does not run, and neither when its new moment is excluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// It runs at the first moment after the gap: 02:30 becomes 03:00. Several such times become one run.
    #[default]
    FirstValid,
    /// It does not run; [`Plan::preview`](crate::Plan::preview) tells of it.
    Skip,
    /// It runs later by the length of the gap: 02:30 becomes 03:30.
    Shift,
}

/// What happens to a time that the wall clock shows twice, as it does when summer time ends.
///
/// It holds for local moments and for cron expressions without a `*` in second, minute and hour. One with a `*` there,
/// alone or with a step (`*/15 * * * *`, `*/10 2 * * *`), follows the time that goes by and runs in both passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFold {
    /// It runs the first time.
    #[default]
    First,
    /// It runs the second time.
    Second,
    /// It runs both times.
    Both,
}

impl Schedule {
    /// A schedule in UTC with nothing but its triggers.
    #[must_use]
    pub fn new(triggers: Vec<Trigger>) -> Self {
        Self {
            triggers,
            zone: utc(),
            start: None,
            end: None,
            jitter_s: 0,
            exclude: Exclude::default(),
            on_gap: OnGap::default(),
            on_fold: OnFold::default(),
            max_runs: None,
        }
    }

    /// Whether the schedule can be kept from `now` on: meant for when it is created or changed. Each trigger must have
    /// an occurrence after `now` and not before [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// First everything that is wrong with fields, at once; when they are right, all triggers that do not come to run,
    /// and jitter that does not fit them ([`Code::InvalidInput`](kageos_core::Code::InvalidInput)). Each has its JSON
    /// pointer and a stable code. Beside the keywords of JSON Schema these are `cron`, `zone`, `out_of_range` (a moment
    /// before [`FIRST`](crate::FIRST) or not before [`LAST`](crate::LAST)), `whole_seconds`, `ends_before_start`,
    /// `jitter_too_large`, and of triggers:
    ///
    /// - `never_runs`: it has no time from now on,
    /// - `always_excluded`: it has, and all of them are excluded,
    /// - `mostly_excluded`: its next [`MAX_EXCLUDED`](crate::MAX_EXCLUDED) times are excluded,
    /// - `search_failed`: the search gave no answer.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        check::all(self, now)
    }

    /// Whether a task that ran `runs` times has had all its runs.
    #[must_use]
    pub fn is_spent(&self, runs: u64) -> bool {
        self.max_runs.is_some_and(|most| runs >= u64::from(most))
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
