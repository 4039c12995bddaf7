//! Tasks that are due.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kageos_core::{Timestamp, WorkerId};

use super::{Started, end_open, scheduled, with_bodies};
use crate::decide::{self, Firing, Open};
use crate::rules::{Rules, RulesCache};
use crate::store::{Coming, DueTask, Failure, Flow, Rows};
use crate::{Execution, State};

/// Decides on tasks that are due, and begins what they make as far as the worker has free slots.
#[derive(Debug)]
pub(crate) struct Fire {
    pub(crate) worker: WorkerId,
    pub(crate) executors: Arc<[Arc<str>]>,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
    /// Most tasks at once.
    pub(crate) limit: usize,
    /// How many the worker can begin now.
    pub(crate) free: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Fired {
    /// Begun by this worker.
    pub(crate) started: Vec<Started>,
    /// How many tasks were decided on.
    pub(crate) decided: usize,
    /// What comes when.
    pub(crate) coming: Coming,
}

impl Flow for Fire {
    type Output = Fired;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Fired, Failure> {
        if !rows.beat(self.worker).await? {
            return Err(Failure::Fenced);
        }
        rows.wake(self.now).await?;
        let due = rows.due(self.now, self.limit).await?;
        let mut started = Vec::new();
        if !due.is_empty() {
            let before = rows.coming(&self.executors).await?;
            // Who waits longer goes first.
            let free = if before.queued { 0 } else { self.free };
            started = self.fire(rows, &due, free).await?;
        }
        let coming = rows.coming(&self.executors).await?;
        // The tasks were locked, so none is gone.
        let (started, _) = with_bodies(rows, started).await?;
        Ok(Fired { started, decided: due.len(), coming })
    }
}

impl Fire {
    async fn fire<R: Rows>(
        &self,
        rows: &mut R,
        due: &[DueTask],
        free: usize,
    ) -> Result<Vec<Execution>, Failure> {
        // Where ends decide what else runs, nothing may end or begin meanwhile.
        let settles = |task: &&DueTask| self.rules.of(&task.rules).is_ok_and(|rules| rules.settles());
        let (strict, loose): (Vec<_>, Vec<_>) = due.iter().partition(settles);
        let ids = |tasks: Vec<&DueTask>| tasks.into_iter().map(|it| it.id).collect::<Vec<_>>();
        let mut open = scheduled(rows, &ids(strict), true).await?;
        open.append(&mut scheduled(rows, &ids(loose), false).await?);
        let (mut moves, mut made, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for task in due {
            let open = open.get(&task.id).map_or(&[][..], Vec::as_slice);
            let Firing { ahead, made: more, left_out: not_run, cancel } = match self.rules.of(&task.rules) {
                Ok(rules) => fire_one(task, &rules, open, self.now),
                Err(error) => decide::failed(task, &error.message, self.now),
            };
            let cancel: Vec<_> = cancel.iter().map(|it| it.id).collect();
            end_open(rows, &cancel, crate::Reason::Superseded, self.now).await?;
            moves.push((task.clone(), ahead));
            made.extend(more);
            left_out.extend(not_run);
        }
        rows.advance(&moves).await?;
        let started = self.begin(&mut made, free);
        rows.add(&made).await?;
        rows.add_ended(&left_out).await?;
        Ok(started)
    }

    /// Gives as many as there are free slots to this worker.
    fn begin(&self, made: &mut [Execution], free: usize) -> Vec<Execution> {
        let here = |it: &&mut Execution| it.state == State::Queued && self.executors.contains(&it.executor);
        let begin = |it: &mut Execution| {
            it.state = State::Running;
            it.attempt = 1;
            it.worker = Some(self.worker);
            it.started = Some(self.now);
            it.clone()
        };
        made.iter_mut().filter(here).take(free).map(begin).collect()
    }
}

/// Decides on a task; one that ends the decision stops no other.
fn fire_one(task: &DueTask, rules: &Rules, open: &[Open], now: Timestamp) -> Firing {
    let decided = catch_unwind(AssertUnwindSafe(|| decide::fire(task, rules, open, now)));
    decided.unwrap_or_else(|_| decide::failed(task, "The search for what comes next panicked.", now))
}
