//! What people look at.

use std::sync::Arc;

use kageos_core::{ExecutionId, TaskId, Timestamp};

use crate::store::{Coming, Failure, Flow, Rows, TaskRow};
use crate::{Attempt, Ended, Execution, Record};

/// The time of the database, if it has a clock of its own.
#[derive(Debug)]
pub(crate) struct Now;

impl Flow for Now {
    type Output = Option<Timestamp>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        Ok(rows.now().await?)
    }
}

/// What comes when.
#[derive(Debug)]
pub(crate) struct Peek(pub(crate) Arc<[Arc<str>]>);

impl Flow for Peek {
    type Output = Coming;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Coming, Failure> {
        Ok(rows.coming(&self.0).await?)
    }
}

/// One task.
#[derive(Debug)]
pub(crate) struct Look(pub(crate) TaskId);

impl Flow for Look {
    type Output = Option<TaskRow>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        Ok(rows.task(self.0).await?)
    }
}

/// Tasks after an id, of a subject or of all.
#[derive(Debug)]
pub(crate) struct ListTasks {
    pub(crate) subject: Option<String>,
    pub(crate) after: Option<TaskId>,
    pub(crate) limit: usize,
}

impl Flow for ListTasks {
    type Output = Vec<TaskRow>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        Ok(rows.tasks(self.subject.as_deref(), self.after, self.limit).await?)
    }
}

/// One execution.
#[derive(Debug)]
pub(crate) struct Find(pub(crate) ExecutionId);

impl Flow for Find {
    type Output = Option<Record>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        if let Some(open) = rows.open(&[self.0]).await?.pop() {
            return Ok(Some(Record::Open(open)));
        }
        Ok(rows.ended(&[self.0]).await?.pop().map(Record::Ended))
    }
}

/// Open executions of a task, the oldest first.
#[derive(Debug)]
pub(crate) struct OpenOf {
    pub(crate) task: TaskId,
    pub(crate) limit: usize,
}

impl Flow for OpenOf {
    type Output = Vec<Execution>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        let ids = rows.open_of(self.task, self.limit).await?;
        Ok(rows.open(&ids).await?)
    }
}

/// What has ended of a task, or was not run, the newest first.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) task: TaskId,
    pub(crate) before: Option<ExecutionId>,
    pub(crate) limit: usize,
}

impl Flow for History {
    type Output = Vec<Ended>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        Ok(rows.ended_of(self.task, self.before, self.limit).await?)
    }
}

/// The attempts of an execution that were not the last.
#[derive(Debug)]
pub(crate) struct Attempts(pub(crate) ExecutionId);

impl Flow for Attempts {
    type Output = Vec<Attempt>;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<Self::Output, Failure> {
        Ok(rows.attempts(self.0).await?)
    }
}
