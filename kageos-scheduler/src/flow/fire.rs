//! Tasks that are due.

use std::sync::Arc;

use kageos_core::{Timestamp, WorkerId};

use super::{Started, end_open, open_of, with_bodies};
use crate::decide::{self, Firing};
use crate::rules::RulesCache;
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
        Ok(Fired { started: with_bodies(rows, started).await?, coming })
    }
}

impl Fire {
    async fn fire<R: Rows>(
        &self,
        rows: &mut R,
        due: &[DueTask],
        free: usize,
    ) -> Result<Vec<Execution>, Failure> {
        let tasks: Vec<_> = due.iter().map(|it| it.id).collect();
        let open = open_of(rows, &tasks).await?;
        let (mut moves, mut made, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for task in due {
            let open = open.get(&task.id).map_or(&[][..], Vec::as_slice);
            let Firing { ahead, made: more, left_out: not_run, cancel } = match self.rules.of(&task.rules) {
                Ok(rules) => decide::fire(task, &rules, open, self.now),
                Err(error) => decide::failed(task, &error.message, self.now),
            };
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
