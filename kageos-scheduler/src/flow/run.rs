//! Executions that somebody asks for, and such that somebody ends.

use std::sync::Arc;

use kageos_core::{Code, Error, ExecutionId, TaskId, Timestamp, WorkerId};
use serde_json::value::RawValue;

use super::{Started, end_open, settle, with_bodies};
use crate::rules::RulesCache;
use crate::store::{Failure, Flow, Rows};
use crate::{Execution, Reason, Source, State};

/// Makes a task run now, whatever its schedule says.
#[derive(Debug)]
pub(crate) struct RunNow {
    pub(crate) id: ExecutionId,
    pub(crate) task: TaskId,
    pub(crate) payload: Option<Arc<RawValue>>,
    pub(crate) key: Option<String>,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
    /// Who begins it at once, if it is one of its executors.
    pub(crate) worker: Option<(WorkerId, Arc<[Arc<str>]>)>,
}

impl Flow for RunNow {
    /// The execution, and what the worker is to begin.
    type Output = (ExecutionId, Option<Started>);

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        let task = rows.decidable(&[self.task]).await?.pop();
        let Some(task) = task else { return Err(Error::of(Code::NotFound).into()) };
        if let Some(key) = &self.key {
            let known = rows.keyed(self.task, key, self.id, self.now).await?;
            if known != self.id {
                return Ok((known, None));
            }
        }
        let rules = self.rules.of(&task.rules)?;
        let here = match &self.worker {
            Some((worker, executors)) if executors.contains(&task.executor) => {
                rows.beat(*worker).await?.then_some(*worker)
            }
            _ => None,
        };
        let execution = Execution {
            id: self.id,
            task: self.task,
            executor: task.executor,
            source: Source::Manual,
            nominal: self.now,
            planned: self.now,
            state: if here.is_some() { State::Running } else { State::Queued },
            attempt: u32::from(here.is_some()),
            failures: 0,
            losses: 0,
            ready: None,
            worker: here,
            started: here.map(|_| self.now),
            cancel: None,
            payload: self.payload.clone(),
            created: self.now,
            rank: rules.policy().rank(self.now),
            settles: rules.settles(),
        };
        rows.add(std::slice::from_ref(&execution)).await?;
        let started = if here.is_some() { with_bodies(rows, vec![execution]).await?.0.pop() } else { None };
        Ok((self.id, started))
    }
}

/// Ends an execution: one that waits at once, one that runs when its worker has ended it.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) id: ExecutionId,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// It has ended.
    Now,
    /// Its worker is told.
    Asked(Option<WorkerId>),
}

impl Flow for Cancel {
    type Output = Cancelled;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Cancelled, Failure> {
        // Its task first, as whoever fires locks them.
        if let Some(task) = rows.settling(self.id).await? {
            rows.decidable(&[task]).await?;
        }
        let Some(execution) = rows.open(&[self.id]).await?.pop() else {
            let known = !rows.ended(&[self.id]).await?.is_empty();
            return if known { Ok(Cancelled::Now) } else { Err(Error::of(Code::NotFound).into()) };
        };
        end_open(rows, &[execution.id], Reason::Requested, self.now).await?;
        if execution.state == State::Running {
            return Ok(Cancelled::Asked(execution.worker));
        }
        if execution.settles {
            settle(rows, &[execution.task], &self.rules, self.now).await?;
        }
        Ok(Cancelled::Now)
    }
}
