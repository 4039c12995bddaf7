//! Ends of attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kageos_core::{ExecutionId, Timestamp, WorkerId};

use super::settle;
use crate::Execution;
use crate::decide::{self, End, Ending};
use crate::rules::RulesCache;
use crate::store::{Failure, Flow, Requeue, Rows};

/// Notes the ends of attempts that a worker tells, of those that it is at.
#[derive(Debug)]
pub(crate) struct EndAll {
    pub(crate) worker: WorkerId,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) ends: Vec<End>,
    pub(crate) now: Timestamp,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Ends of attempts that are somebody else's by now, or that were noted before.
    pub(crate) refused: Vec<ExecutionId>,
    /// Whether executions went back into the queue, or others of their tasks may run now.
    pub(crate) stirred: bool,
}

impl Flow for EndAll {
    type Output = Ended;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Ended, Failure> {
        // Tasks before executions, as whoever fires locks them, or each would wait for the other.
        let settling = self.ends.iter().filter(|it| it.rules.settles()).map(|it| it.task);
        let tasks: Vec<_> = settling.collect::<BTreeSet<_>>().into_iter().collect();
        rows.decidable(&tasks).await?;
        let ids: Vec<_> = self.ends.iter().map(|it| it.id).collect();
        let open: BTreeMap<_, _> = rows.open(&ids).await?.into_iter().map(|it| (it.id, it)).collect();
        let mut done = Ended::default();
        let mut endings = Vec::new();
        for end in &self.ends {
            let held = |it: &&Execution| it.worker == Some(self.worker) && it.attempt == end.attempt;
            match open.get(&end.id).filter(held) {
                Some(execution) => endings.push((execution, decide::end(execution, end, self.now))),
                None => done.refused.push(end.id),
            }
        }
        done.stirred = keep(rows, endings, &self.rules, self.now).await?;
        Ok(done)
    }
}

/// Writes what becomes of executions. Answers whether others may run because of it.
pub(super) async fn keep<R: Rows>(
    rows: &mut R,
    endings: Vec<(&Execution, Ending)>,
    rules: &RulesCache,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (mut over, mut ended, mut again, mut attempts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut tasks = BTreeSet::new();
    for (execution, ending) in endings {
        match ending {
            Ending::Over(it) => {
                over.push(it.id);
                ended.push(it);
                tasks.extend(execution.settles.then_some(execution.task));
            }
            Ending::Again { attempt, ready, failures, losses } => {
                again.push(Requeue { id: execution.id, ready, failures, losses });
                attempts.push(attempt);
            }
        }
    }
    rows.remove(&over).await?;
    rows.add_ended(&ended).await?;
    rows.requeue(&again).await?;
    rows.add_attempts(&attempts).await?;
    let tasks: Vec<_> = tasks.into_iter().collect();
    settle(rows, &tasks, rules, now).await?;
    Ok(!again.is_empty() || !tasks.is_empty())
}
