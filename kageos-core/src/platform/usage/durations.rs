//! A histogram of durations with buckets on a logarithmic scale.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Each bucket reaches so many times as far as the one before. A quantile is answered with the geometric middle of
/// its bucket, so it is off by a factor of at most the square root of this: less than 10 %.
const STEP: f64 = 1.2;
/// The first bucket reaches to here, in microseconds.
const FIRST: f64 = 10.0;
/// The last bucket begins at about an hour; what is longer falls into it too.
const LAST: u16 = 109;

/// How many calls took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(BTreeMap<u16, u64>);

/// The text is no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a histogram of durations")]
pub struct DurationsError;

impl Durations {
    /// Counts a duration, in microseconds.
    pub fn add(&mut self, micros: i64) {
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    /// Counts what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The duration that this share of all does not exceed, off by less than 10 %; `None` when there is none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut passed = 0;
        let bucket = self.0.iter().find(|(_, count)| {
            passed += **count;
            passed >= rank
        });
        bucket.map(|(bucket, _)| middle(*bucket))
    }
}

fn bucket(micros: i64) -> u16 {
    let steps = (micros.max(1) as f64 / FIRST).ln() / STEP.ln();
    // The clamp makes the conversion exact.
    steps.ceil().clamp(0.0, f64::from(LAST)) as u16
}

fn middle(bucket: u16) -> Duration {
    Duration::from_nanos((FIRST * STEP.powf(f64::from(bucket) - 0.5) * 1_000.0) as u64)
}

impl fmt::Display for Durations {
    /// As in the table: `bucket:count`, in order, with blanks between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (bucket, count)) in self.0.iter().enumerate() {
            write!(f, "{}{bucket}:{count}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for Durations {
    type Err = DurationsError;

    fn from_str(text: &str) -> Result<Self, DurationsError> {
        let entry = |entry: &str| {
            let (bucket, count) = entry.split_once(':')?;
            Some((bucket.parse().ok().filter(|bucket| *bucket <= LAST)?, count.parse().ok()?))
        };
        let entries = text.split_ascii_whitespace().map(|text| entry(text).ok_or(DurationsError));
        entries.collect::<Result<_, _>>().map(Self)
    }
}
