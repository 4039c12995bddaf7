use std::time::Duration;

use kageos_core::{
    Timestamp,
    platform::{
        dispatcher::RowCount,
        usage::{Figures, Tally},
    },
};
use serde::Serialize;
use utoipa::ToSchema;

/// What a node and everything below it hold and how they are used, as far as the caller may see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Overview {
    /// Functions: forms, tables, charts and those without a screen.
    pub functions: u64,
    /// Documents.
    pub docs: u64,
    /// Rows of the tables that run here; null without one.
    #[schema(required)]
    pub rows: Option<RowTotal>,
    /// The last 24 hours, rounded up to a full hour.
    pub day: UsageSpan,
    /// The last 30 days, rounded up to a full day.
    pub month: UsageSpan,
    /// When something was last called; known for about a year.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_call_at: Option<Timestamp>,
}

/// A number of rows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowTotal {
    /// Rows that were counted.
    pub rows: u64,
    /// Whether there are more: a large table is counted up to 10,000.
    pub more: bool,
}

/// How something was used in some time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageSpan {
    /// Calls that were let through and ended.
    pub calls: u64,
    /// Of these, failed or cut off.
    pub failed: u64,
    /// Calls that were not let through.
    pub refused: u64,
    /// Half of the calls took at most this; off by less than 10 %.
    #[schema(required)]
    pub p50_ms: Option<f64>,
    /// 95 % of the calls took at most this; off by less than 10 %.
    #[schema(required)]
    pub p95_ms: Option<f64>,
}

impl Overview {
    /// Of so many functions and documents.
    #[must_use]
    pub fn new(functions: u64, docs: u64, rows: Option<RowCount>, figures: &Figures) -> Self {
        Self {
            functions,
            docs,
            rows: rows.map(|RowCount { rows, more }| RowTotal { rows, more }),
            day: UsageSpan::from(&figures.day),
            month: UsageSpan::from(&figures.month),
            last_call_at: figures.last_at,
        }
    }
}

impl From<&Tally> for UsageSpan {
    fn from(tally: &Tally) -> Self {
        let (p50_ms, p95_ms) = (tally.p50().map(millis), tally.p95().map(millis));
        Self { calls: tally.calls, failed: tally.failed, refused: tally.refused, p50_ms, p95_ms }
    }
}

/// With two digits behind the point: the figure is no more exact.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
