//! Executions that wait for a worker.

use std::sync::Arc;

use kageos_core::{Timestamp, WorkerId};

use super::{Started, end_idle, settle, with_bodies};
use crate::decide::{End, Outcome};
use crate::rules::{Rules, RulesCache};
use crate::store::{Coming, Failure, Flow, Rows};
use crate::{Execution, Reason, State};

/// Most executions that one worker is asked about after it lost an answer.
const MOST: usize = 10_000;

/// Takes executions that are ready, as many as the worker has free slots.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) worker: WorkerId,
    pub(crate) executors: Arc<[Arc<str>]>,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
    pub(crate) free: usize,
}

impl Flow for Claim {
    type Output = (Vec<Started>, Coming);

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        if !rows.beat(self.worker).await? {
            return Err(Failure::Fenced);
        }
        rows.wake(self.now).await?;
        let ready = rows.ready(&self.executors, self.free).await?;
        let (ready, orphans) = with_bodies(rows, ready).await?;
        end_idle(rows, &orphans, (State::Cancelled, Reason::Deleted), self.now).await?;
        let (mut started, mut late) = (Vec::new(), Vec::new());
        for it in ready {
            // With rules that cannot be read it is begun, and fails with the reason.
            let policy =
                self.rules.of(&it.body.rules).map(|rules| rules.policy().clone()).unwrap_or_default();
            if it.execution.attempt == 0 && policy.is_too_late(it.execution.planned, self.now) {
                late.push(it.execution);
            } else {
                started.push(it);
            }
        }
        self.begin(rows, &mut started).await?;
        self.leave_out(rows, &late).await?;
        let coming = rows.coming(&self.executors).await?;
        Ok((started, coming))
    }
}

impl Claim {
    async fn begin<R: Rows>(&self, rows: &mut R, started: &mut [Started]) -> Result<(), Failure> {
        let ids: Vec<_> = started.iter().map(|it| it.execution.id).collect();
        rows.start(&ids, self.worker, self.now).await?;
        for it in started {
            let execution = &mut it.execution;
            execution.state = State::Running;
            execution.attempt += 1;
            execution.worker = Some(self.worker);
            execution.started = Some(self.now);
        }
        Ok(())
    }

    async fn leave_out<R: Rows>(&self, rows: &mut R, late: &[Execution]) -> Result<(), Failure> {
        end_idle(rows, late, (State::Skipped, Reason::TooLate), self.now).await?;
        let tasks: Vec<_> = late.iter().filter(|it| it.settles).map(|it| it.task).collect();
        settle(rows, &tasks, &self.rules, self.now).await
    }
}

/// What a worker is at, as far as the rows know: for when an answer to it was lost.
#[derive(Debug)]
pub(crate) struct Adopt {
    pub(crate) worker: WorkerId,
}

impl Flow for Adopt {
    /// What is to be begun, and the ends of those whose task is gone.
    type Output = (Vec<Started>, Vec<End>);

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        let held = rows.held_by(self.worker, MOST).await?;
        let (started, orphans) = with_bodies(rows, held).await?;
        let end = |it: Execution| End {
            id: it.id,
            task: it.task,
            attempt: it.attempt,
            outcome: Outcome::Failed { reason: Reason::Deleted, error: String::new(), last: true },
            rules: Arc::new(Rules::none()),
        };
        Ok((started, orphans.into_iter().map(end).collect()))
    }
}
