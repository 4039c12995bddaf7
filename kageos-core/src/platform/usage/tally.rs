//! What is counted, and by what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Durations;
use crate::platform::oplog::{Header, RecordKind, Status};
use crate::{NodeId, Timestamp};

const HOUR_US: i64 = 60 * 60 * 1_000_000;

/// Over which time a row counts. Its bucket is the number of such times since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Hour,
    Day,
}

impl Span {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    pub(super) fn bucket(self, at: Timestamp) -> i64 {
        let hours = at.as_micros().div_euclid(HOUR_US);
        if self == Self::Hour { hours } else { hours.div_euclid(24) }
    }
}

/// Calls, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that were let through the door and ended.
    pub calls: u64,
    /// Of these, those that failed, were cut off, or ended nobody knows how.
    pub failed: u64,
    /// Calls that were not let through.
    pub refused: u64,
    /// When the last one ended that was let through.
    pub last_at: Option<Timestamp>,
    /// How long those took whose duration is known: not what a later process settled.
    pub durations: Durations,
}

impl Tally {
    /// Counts what a record says.
    fn count(&mut self, header: &Header) {
        let times = 1 + u64::from(header.repeated);
        if header.status == Status::Refused {
            self.refused += times;
            return;
        }
        self.calls += times;
        self.failed += if header.status == Status::Ok { 0 } else { times };
        self.last_at = self.last_at.max(Some(header.at));
        if let Some(micros) = header.duration_us {
            self.durations.add(micros);
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.refused += other.refused;
        self.last_at = self.last_at.max(other.last_at);
        self.durations.merge(&other.durations);
    }

    /// Half of the calls took at most this.
    #[must_use]
    pub fn p50(&self) -> Option<Duration> {
        self.durations.quantile(0.5)
    }

    /// 95 % of the calls took at most this.
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        self.durations.quantile(0.95)
    }
}

/// What is to be added, by node and bucket.
#[derive(Debug, Default)]
pub(in super::super) struct Added(pub(super) BTreeMap<(NodeId, i64), Tally>);

impl Added {
    /// Counts the call that a record settles; an intent settles none.
    pub(in super::super) fn record(&mut self, header: &Header) {
        let Some(node) = header.node.filter(|_| header.kind != RecordKind::Intent) else { return };
        self.0.entry((node, Span::Hour.bucket(header.at))).or_default().count(header);
    }
}
