//! What makes a task run: a moment, a rate, a rest between runs, a cron expression.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::civil::DateTime;
use kageos_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::text::date_and_time;

/// One reason to run. A schedule has one or several; where two name the same moment, there is one run.
///
/// In JSON an object with one key: `{"cron": "0 9 * * 1-5"}`, `{"every": {"seconds": 90}}`,
/// `{"delay": {"seconds": 30}}`, `{"at": "2026-03-29T09:00:00"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Once.
    At(At),
    /// At a fixed rate.
    Every(Every),
    /// So long after the end of the run before.
    Delay(Delay),
    /// When the wall clock of the schedule's zone matches an expression of five fields (minute, hour, day of the
    /// month, month, weekday) or six (a second before them).
    ///
    /// | field | values | beside `*`, `,`, `-` and `/` |
    /// | --- | --- | --- |
    /// | second, minute | 0–59 | |
    /// | hour | 0–23 | |
    /// | day of the month | 1–31 | `L` the last day, `15W` the working day nearest to the 15th in its month, `LW` the last working day |
    /// | month | 1–12, `JAN`–`DEC` | |
    /// | weekday | 0–7, `SUN`–`SAT`; 0 and 7 are Sunday | `5L` or `FRIL` the last Friday, `MON#2` the second Monday |
    ///
    /// - `*/15` is every fifteenth value from the first on, `10-40/15` every fifteenth from 10 to 40.
    /// - When day of the month and weekday are both other than `*`, a day that matches one of them matches. A `+`
    ///   before the weekday asks for both: `0 0 13 * +FRI` is Friday the 13th.
    /// - `?` stands for `*` in the two day fields. Small letters are the same as capitals.
    /// - Numbers and names stand alone, in ranges and in lists; between fields are spaces. All else is refused.
    /// - `@yearly` (`@annually`), `@monthly`, `@weekly`, `@daily` and `@hourly` are the first moments of these.
    ///
    /// What happens where the wall clock jumps is said at [`OnGap`](crate::OnGap) and [`OnFold`](crate::OnFold).
    Cron(String),
}

/// When a task runs once.
///
/// In JSON a text: with an offset or `Z` it is a moment, without one a local date and time. Never a zone in brackets,
/// never a date alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A moment, the same in every zone.
    Instant(Timestamp),
    /// What the wall clock of the schedule's zone shows, in whole seconds.
    Local(DateTime),
}

/// A fixed rate: at `from`, and then whenever so many seconds have gone by, whatever the wall clock does and
/// however long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Every {
    /// From one run to the next, at least 1.
    pub seconds: u32,
    /// The first run, which all others keep in step with; by default 1970-01-01T00:00:00Z. A past moment fixes the
    /// phase alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

/// A fixed rest: so many seconds from the end of one run to the next. A run that did not take place, because it was
/// skipped or came too late, counts as one that ended when that was decided.
///
/// Its nominal time is the end and the rest, also when it is overdue: [`Plan::next`](crate::Plan::next) says what that
/// asks of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The rest, at least 1.
    pub seconds: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(moment) => moment.fmt(f),
            Self::Local(time) => time.fmt(f),
        }
    }
}

impl FromStr for At {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        // A zone in the text would be read and forgotten; the schedule has its own.
        if text.contains('[') {
            return Err(jiff::Error::from_args(format_args!(
                "the zone of a time is the zone of its schedule"
            )));
        }
        text.parse().map(Self::Instant).or_else(|_| date_and_time(text).map(Self::Local))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
