//! The rows in a database.

mod executions;
mod tasks;
mod text;
mod workers;

use std::sync::Arc;

use kageos_core::sql::{Engine, Migration, Row, SqlError, Tx, params};
use kageos_core::{ExecutionId, TaskId, Timestamp, WorkerId};

use super::rows::{Body, Coming, Done, DueTask, Requeue, Rows, TaskRow, WorkerRow};
use crate::decide::{Ahead, Open};
use crate::{Attempt, Ended, Execution, Reason};

/// The tables of tasks and executions: the component `scheduler`.
pub const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "tables", include_str!("../../../migrations/scheduler_0001.sql")),
    Migration {
        mysql: Some(include_str!("../../../migrations/scheduler_0002_mysql.sql")),
        ..Migration::new(2, "indexes", include_str!("../../../migrations/scheduler_0002.sql"))
    },
];

/// The rows of a database, inside one unit.
#[derive(Debug)]
pub(crate) struct SqlRows<'t> {
    tx: &'t mut Tx,
    /// Whether what is read is going to be changed.
    locks: bool,
}

impl<'t> SqlRows<'t> {
    pub(super) fn new(tx: &'t mut Tx, locks: bool) -> Self {
        Self { tx, locks }
    }

    /// What a query ends with that locks what it finds: on SQLite nothing, for there is one writer.
    fn lock(&self, with: &'static str) -> &'static str {
        if self.locks && self.tx.engine() != Engine::Sqlite { with } else { "" }
    }
}

/// Locks rows; waits for whoever has them.
const WAIT: &str = " FOR UPDATE";
/// Locks rows that nobody else has.
const SKIP: &str = " FOR UPDATE SKIP LOCKED";

fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

fn moment(row: &Row, column: &str) -> Result<Timestamp, SqlError> {
    row.int(column).map(Timestamp::from_micros)
}

fn opt_moment(row: &Row, column: &str) -> Result<Option<Timestamp>, SqlError> {
    Ok(row.opt_int(column)?.map(Timestamp::from_micros))
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T, SqlError> {
    text.parse().map_err(|_| SqlError::OutOfRange)
}

fn natural<T: TryFrom<i64>>(number: i64) -> Result<T, SqlError> {
    T::try_from(number).map_err(|_| SqlError::OutOfRange)
}

fn whole(number: u64) -> Result<i64, SqlError> {
    i64::try_from(number).map_err(|_| SqlError::OutOfRange)
}

fn word<T>(found: Option<T>) -> Result<T, SqlError> {
    found.ok_or(SqlError::OutOfRange)
}

impl Rows for SqlRows<'_> {
    async fn now(&mut self) -> Done<Option<Timestamp>> {
        workers::now(self).await
    }

    async fn coming(&mut self, executors: &[Arc<str>]) -> Done<Coming> {
        executions::coming(self, executors).await
    }

    async fn add_task(&mut self, task: &TaskRow) -> Done<Option<TaskId>> {
        tasks::add(self, task).await
    }

    async fn task(&mut self, id: TaskId) -> Done<Option<TaskRow>> {
        tasks::one(self, id).await
    }

    async fn tasks(
        &mut self,
        subject: Option<&str>,
        after: Option<TaskId>,
        limit: usize,
    ) -> Done<Vec<TaskRow>> {
        tasks::list(self, subject, after, limit).await
    }

    async fn put_task(&mut self, task: &TaskRow, revision: u64) -> Done<bool> {
        tasks::put(self, task, revision).await
    }

    async fn remove_task(&mut self, id: TaskId) -> Done<bool> {
        let sql = "DELETE FROM schedule_task WHERE id = ?";
        let gone = self.tx.execute(sql, params![id.to_string()]).await? == 1;
        self.tx.execute("DELETE FROM schedule_key WHERE task_id = ?", params![id.to_string()]).await?;
        Ok(gone)
    }

    async fn due(&mut self, now: Timestamp, limit: usize) -> Done<Vec<DueTask>> {
        tasks::due(self, now, limit).await
    }

    async fn decidable(&mut self, ids: &[TaskId]) -> Done<Vec<DueTask>> {
        tasks::decidable(self, ids).await
    }

    async fn advance(&mut self, moves: &[(DueTask, Ahead)]) -> Done<()> {
        tasks::advance(self, moves).await
    }

    async fn bodies(&mut self, ids: &[TaskId]) -> Done<Vec<Body>> {
        tasks::bodies(self, ids).await
    }

    async fn scheduled(&mut self, tasks: &[TaskId], lock: bool) -> Done<Vec<(TaskId, Open)>> {
        executions::scheduled(self, tasks, lock).await
    }

    async fn open_of(&mut self, task: TaskId, limit: usize) -> Done<Vec<ExecutionId>> {
        executions::open_of(self, task, limit).await
    }

    async fn make_settle(&mut self, task: TaskId) -> Done<()> {
        let sql = "UPDATE schedule_execution SET settles = 1 WHERE task_id = ?";
        self.tx.execute(sql, params![task.to_string()]).await.map(drop)
    }

    async fn open(&mut self, ids: &[ExecutionId]) -> Done<Vec<Execution>> {
        executions::open(self, ids).await
    }

    async fn settling(&mut self, id: ExecutionId) -> Done<Option<TaskId>> {
        let sql = "SELECT task_id FROM schedule_execution WHERE settles = 1 AND id = ?";
        let row = self.tx.fetch_optional(sql, params![id.to_string()]).await?;
        row.map(|row| self::id(row.text("task_id")?)).transpose()
    }

    async fn held_by(&mut self, worker: WorkerId, limit: usize) -> Done<Vec<Execution>> {
        executions::held_by(self, worker, limit).await
    }

    async fn ready(&mut self, executors: &[Arc<str>], limit: usize) -> Done<Vec<Execution>> {
        executions::ready(self, executors, limit).await
    }

    async fn wake(&mut self, now: Timestamp) -> Done<()> {
        executions::wake(self, now).await
    }

    async fn add(&mut self, executions: &[Execution]) -> Done<()> {
        executions::add(self, executions).await
    }

    async fn start(&mut self, ids: &[ExecutionId], worker: WorkerId, now: Timestamp) -> Done<()> {
        executions::start(self, ids, worker, now).await
    }

    async fn requeue(&mut self, all: &[Requeue]) -> Done<()> {
        executions::requeue(self, all).await
    }

    async fn release(&mut self, ids: &[ExecutionId]) -> Done<()> {
        executions::release(self, ids).await
    }

    async fn ask_to_end(&mut self, ids: &[ExecutionId], reason: Reason) -> Done<()> {
        executions::ask_to_end(self, ids, reason).await
    }

    async fn remove(&mut self, ids: &[ExecutionId]) -> Done<()> {
        executions::remove(self, ids).await
    }

    async fn add_ended(&mut self, ended: &[Ended]) -> Done<()> {
        executions::add_ended(self, ended).await
    }

    async fn ended(&mut self, ids: &[ExecutionId]) -> Done<Vec<Ended>> {
        executions::ended(self, ids).await
    }

    async fn ended_of(
        &mut self,
        task: TaskId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Done<Vec<Ended>> {
        executions::ended_of(self, task, before, limit).await
    }

    async fn add_attempts(&mut self, attempts: &[Attempt]) -> Done<()> {
        executions::add_attempts(self, attempts).await
    }

    async fn attempts(&mut self, id: ExecutionId) -> Done<Vec<Attempt>> {
        executions::attempts(self, id).await
    }

    async fn keyed(
        &mut self,
        task: TaskId,
        key: &str,
        execution: ExecutionId,
        now: Timestamp,
    ) -> Done<ExecutionId> {
        executions::keyed(self, task, key, execution, now).await
    }

    async fn add_worker(&mut self, id: WorkerId, name: &str, now: Timestamp) -> Done<()> {
        workers::add(self, id, name, now).await
    }

    async fn beat(&mut self, id: WorkerId) -> Done<bool> {
        let sql = "UPDATE schedule_worker SET beat = beat + 1 WHERE id = ? AND beat IS NOT NULL";
        Ok(self.tx.execute(sql, params![id.to_string()]).await? == 1)
    }

    async fn workers(&mut self) -> Done<(Vec<WorkerRow>, Option<Timestamp>)> {
        workers::all(self).await
    }

    async fn fence(&mut self, id: WorkerId, beat: Option<u64>) -> Done<bool> {
        workers::fence(self, id, beat).await
    }

    async fn remove_worker(&mut self, id: WorkerId) -> Done<()> {
        let sql = "DELETE FROM schedule_worker WHERE id = ?";
        self.tx.execute(sql, params![id.to_string()]).await.map(drop)
    }

    async fn to_end(&mut self, worker: WorkerId) -> Done<Vec<ExecutionId>> {
        let sql = "SELECT id FROM schedule_execution WHERE worker_id = ? AND cancel IS NOT NULL";
        let rows = self.tx.fetch_all(sql, params![worker.to_string()]).await?;
        rows.iter().map(|row| id(row.text("id")?)).collect()
    }
}
