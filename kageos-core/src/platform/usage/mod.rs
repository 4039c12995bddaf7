//! How often things are called, how that ends and how long it takes.
//!
//! The figures are rolled up in the transaction that writes the operation log: one row for each node, hour and
//! stream that a batch of records touches, however many calls it holds. A stream has one writer, so no two processes
//! wait for one row. Hours of days that have passed are folded into days. A directory's figures are the sum over
//! the nodes below it; no call is read again for them.

mod durations;
mod store;
mod tally;

pub use durations::Durations;
pub use store::MIGRATIONS;
pub(super) use store::{add, condense};
pub(super) use tally::Added;
pub use tally::Tally;

use crate::sql::Db;
use crate::{Env, NodeId, Result, Timestamp};

/// How some nodes were used lately, taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// In the last 24 hours, rounded up to a full hour.
    pub day: Tally,
    /// In the last 30 days, rounded up to a full day.
    pub month: Tally,
    /// When one of them was last called; known for about a year.
    pub last_at: Option<Timestamp>,
}

/// A handle to the figures; cheap to clone.
#[derive(Debug, Clone)]
pub struct Usage {
    db: Db,
    env: Env,
}

impl Usage {
    /// Reads the figures in this database.
    #[must_use]
    pub fn new(db: Db, env: Env) -> Self {
        Self { db, env }
    }

    /// How these nodes were used, taken together. What it reads is bounded by nodes and hours, not by calls.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn figures(&self, nodes: &[NodeId]) -> Result<Figures> {
        Ok(store::figures(&self.db, nodes, self.env.now()).await?)
    }
}
