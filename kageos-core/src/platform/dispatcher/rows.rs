//! How many rows tables hold, as far as that can be told at a glance.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Dispatcher;
use crate::Kind;
use crate::platform::tree::Node;

/// Rows of one table are counted up to here.
const MOST: u32 = 10_000;
/// Tables that are asked at most.
const MAX_TABLES: usize = 200;
/// Longest time for all of them together.
const GLANCE: Duration = Duration::from_secs(1);

/// How many rows some tables hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCount {
    /// Rows that were counted.
    pub rows: u64,
    /// Whether there are more, in a large table or in one that did not tell in time.
    pub more: bool,
}

impl Dispatcher {
    /// How many rows the tables among `nodes` hold together; `None` when no table here knows. It calls nothing and
    /// shows nothing but a number: whoever asks has looked who may read these nodes.
    pub async fn row_count(&self, nodes: &[Arc<Node>]) -> Option<RowCount> {
        let tables = nodes.iter().filter(|node| node.path.kind() == Some(Kind::Table));
        let hosted = tables.filter_map(|node| Some((node, self.inner.mounts.host(&node.chain)?)));
        let until = Instant::now() + GLANCE;
        let (mut known, mut count) = (false, RowCount::default());
        for (at, (node, host)) in hosted.enumerate() {
            if at == MAX_TABLES {
                count.more = true;
                break;
            }
            let asked = timeout_at(until, host.row_count(node.path.in_workspace(), MOST + 1)).await;
            let rows = asked.ok().and_then(Result::ok).flatten();
            known |= rows.is_some();
            count.rows += u64::from(rows.unwrap_or_default().min(MOST));
            count.more |= rows.is_none_or(|rows| rows > MOST);
        }
        known.then_some(count)
    }
}
