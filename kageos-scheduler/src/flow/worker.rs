//! Who lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use kageos_core::{ExecutionId, Timestamp, WorkerId};

use super::end::keep;
use crate::decide;
use crate::rules::{Rules, RulesCache};
use crate::store::{Failure, Flow, Rows, WorkerRow};

/// Most executions that are taken from a worker in one unit.
const MOST: usize = 1000;

/// Adds a worker.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) worker: WorkerId,
    pub(crate) name: String,
    pub(crate) now: Timestamp,
}

impl Flow for Join {
    type Output = (Vec<WorkerRow>, Option<Timestamp>);

    /// Answers who was there before under the same name, for they have ended, and the time of the database if it has a clock
    /// of its own.
    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        rows.add_worker(self.worker, &self.name, self.now).await?;
        let (mut before, now) = rows.workers().await?;
        before.retain(|it| it.name == self.name && it.id != self.worker);
        Ok((before, now))
    }
}

/// A beat, and a look at the others.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) worker: WorkerId,
    /// Whether it is at anything.
    pub(crate) is_busy: bool,
}

/// What a worker learns at a beat.
#[derive(Debug)]
pub(crate) struct Beaten {
    /// The time of the database, if it has a clock of its own.
    pub(crate) now: Option<Timestamp>,
    /// All other workers.
    pub(crate) others: Vec<WorkerRow>,
    /// What this one is at and is to end.
    pub(crate) to_end: Vec<ExecutionId>,
}

impl Flow for Beat {
    type Output = Beaten;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Beaten, Failure> {
        if !rows.beat(self.worker).await? {
            return Err(Failure::Fenced);
        }
        let (mut others, now) = rows.workers().await?;
        others.retain(|it| it.id != self.worker);
        let to_end = if self.is_busy { rows.to_end(self.worker).await? } else { Vec::new() };
        Ok(Beaten { now, others, to_end })
    }
}

/// Takes a worker's place away, if its beat is still this one (or whatever it is), and puts what it was at back into the
/// queue.
#[derive(Debug)]
pub(crate) struct Fence {
    pub(crate) victim: WorkerId,
    pub(crate) beat: Option<u64>,
    /// It ends by itself, and gives back what it was at.
    pub(crate) in_order: bool,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
}

impl Flow for Fence {
    /// How many executions were taken from it; nothing when it lives.
    type Output = Option<usize>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Option<usize>, Failure> {
        // First, so that it cannot begin anything more.
        if !rows.fence(self.victim, self.beat).await? {
            return Ok(None);
        }
        let held = rows.held_by(self.victim, MOST).await?;
        let mut tasks: Vec<_> = held.iter().map(|it| it.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let texts: BTreeMap<_, _> =
            rows.bodies(&tasks).await?.into_iter().map(|it| (it.task, it.rules)).collect();
        let mut endings = Vec::new();
        for execution in &held {
            // Rules that cannot be read do not keep the worker's place.
            let read = |text| self.rules.of(text).unwrap_or_else(|_| Arc::new(Rules::none()));
            let rules = texts.get(&execution.task).map(read);
            let ending = if self.in_order {
                decide::released(execution, self.now)
            } else {
                decide::lost(execution, rules.as_deref(), self.now)
            };
            endings.push((execution, ending));
        }
        keep(rows, endings, &self.rules, self.now).await?;
        // While it holds more, its row stays, and whoever sees it goes on.
        if held.len() < MOST {
            rows.remove_worker(self.victim).await?;
        }
        Ok(Some(held.len()))
    }
}
