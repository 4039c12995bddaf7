//! What flows ask of the rows, whether they lie in a database or in memory.

use std::future::Future;
use std::sync::Arc;

use kageos_core::sql::SqlError;
use kageos_core::{ExecutionId, TaskId, Timestamp, WorkerId};
use serde_json::value::RawValue;

use crate::decide::{Ahead, Open};
use crate::{Attempt, Ended, Execution, Reason, TaskState};

/// The answer of rows.
pub(crate) type Done<T> = Result<T, SqlError>;

/// A task that is due, as far as it takes to decide on it.
#[derive(Debug, Clone)]
pub(crate) struct DueTask {
    pub(crate) id: TaskId,
    pub(crate) executor: Arc<str>,
    pub(crate) rules: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) cursor: Timestamp,
    /// Nothing while a run goes on that a delay counts from.
    pub(crate) last_end: Option<Timestamp>,
    pub(crate) next_run: Option<Timestamp>,
    pub(crate) runs: u64,
    pub(crate) state: TaskState,
}

/// A task as it lies in its row.
#[derive(Debug, Clone)]
pub(crate) struct TaskRow {
    pub(crate) due: DueTask,
    pub(crate) owner: String,
    pub(crate) title: String,
    pub(crate) subject: Option<String>,
    pub(crate) payload: Arc<RawValue>,
    pub(crate) note: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) zone_data: String,
    pub(crate) key: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
}

/// What an execution of a task takes to run.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) task: TaskId,
    pub(crate) owner: Arc<str>,
    pub(crate) rules: Arc<str>,
    pub(crate) payload: Arc<RawValue>,
}

/// A worker, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    /// Nothing when it was fenced.
    pub(crate) beat: Option<u64>,
}

/// What comes when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coming {
    /// When the next task is due.
    pub(crate) due: Option<Timestamp>,
    /// When the next pause between attempts is over.
    pub(crate) ready: Option<Timestamp>,
    /// Whether executions wait for a worker.
    pub(crate) queued: bool,
}

/// An execution that goes back into the queue.
#[derive(Debug, Clone)]
pub(crate) struct Requeue {
    pub(crate) id: ExecutionId,
    pub(crate) ready: Timestamp,
    pub(crate) failures: u32,
    pub(crate) losses: u32,
}

/// The rows, inside one unit. Tasks and executions that are read are locked until the unit ends, where others could change
/// them, unless it is said otherwise.
pub(crate) trait Rows: Send {
    /// The database's time, if it has a clock of its own.
    fn now(&mut self) -> impl Future<Output = Done<Option<Timestamp>>> + Send;
    /// What comes when.
    fn coming(&mut self, executors: &[Arc<str>]) -> impl Future<Output = Done<Coming>> + Send;

    /// Adds a task; answers the one that is there already under the same owner and key.
    fn add_task(&mut self, task: &TaskRow) -> impl Future<Output = Done<Option<TaskId>>> + Send;
    /// A task.
    fn task(&mut self, id: TaskId) -> impl Future<Output = Done<Option<TaskRow>>> + Send;
    /// Tasks after an id, of a subject or of all.
    fn tasks(
        &mut self,
        subject: Option<&str>,
        after: Option<TaskId>,
        limit: usize,
    ) -> impl Future<Output = Done<Vec<TaskRow>>> + Send;
    /// Writes what people change, unless somebody else did since `revision`. Answers whether it did.
    fn put_task(&mut self, task: &TaskRow, revision: u64) -> impl Future<Output = Done<bool>> + Send;
    /// Takes a task away.
    fn remove_task(&mut self, id: TaskId) -> impl Future<Output = Done<bool>> + Send;
    /// Tasks whose next run has come, the oldest first. Those that another worker looks at are left out.
    fn due(&mut self, now: Timestamp, limit: usize) -> impl Future<Output = Done<Vec<DueTask>>> + Send;
    /// These tasks, to be decided on.
    fn decidable(&mut self, ids: &[TaskId]) -> impl Future<Output = Done<Vec<DueTask>>> + Send;
    /// Moves tasks on from the state that they were read in.
    ///
    /// Fails when one of them is in another state.
    fn advance(&mut self, moves: &[(DueTask, Ahead)]) -> impl Future<Output = Done<()>> + Send;
    /// What executions of these tasks take to run.
    fn bodies(&mut self, ids: &[TaskId]) -> impl Future<Output = Done<Vec<Body>>> + Send;

    /// The open executions that the schedules of these tasks made, oldest first. They are locked when it is said.
    fn scheduled(
        &mut self,
        tasks: &[TaskId],
        lock: bool,
    ) -> impl Future<Output = Done<Vec<(TaskId, Open)>>> + Send;
    /// All open executions of a task, oldest first, not locked.
    fn open_of(&mut self, task: TaskId, limit: usize) -> impl Future<Output = Done<Vec<ExecutionId>>> + Send;
    /// Lets the ends of a task's open executions decide what else of it may run.
    fn make_settle(&mut self, task: TaskId) -> impl Future<Output = Done<()>> + Send;
    /// Open executions.
    fn open(&mut self, ids: &[ExecutionId]) -> impl Future<Output = Done<Vec<Execution>>> + Send;
    /// The task of an open execution whose end decides what else of it may run; not locked.
    fn settling(&mut self, id: ExecutionId) -> impl Future<Output = Done<Option<TaskId>>> + Send;
    /// Open executions that a worker is at.
    fn held_by(
        &mut self,
        worker: WorkerId,
        limit: usize,
    ) -> impl Future<Output = Done<Vec<Execution>>> + Send;
    /// Executions for one of the executors that are ready, those with the lowest rank first. Those that another worker
    /// looks at are left out.
    fn ready(
        &mut self,
        executors: &[Arc<str>],
        limit: usize,
    ) -> impl Future<Output = Done<Vec<Execution>>> + Send;
    /// Puts those whose pause is over among those that are ready.
    fn wake(&mut self, now: Timestamp) -> impl Future<Output = Done<()>> + Send;
    /// Adds open executions.
    fn add(&mut self, executions: &[Execution]) -> impl Future<Output = Done<()>> + Send;
    /// Gives executions to a worker, as their next attempt.
    fn start(
        &mut self,
        ids: &[ExecutionId],
        worker: WorkerId,
        now: Timestamp,
    ) -> impl Future<Output = Done<()>> + Send;
    /// Puts executions back into the queue.
    fn requeue(&mut self, executions: &[Requeue]) -> impl Future<Output = Done<()>> + Send;
    /// Puts those that waited for the end of another one into the queue.
    fn release(&mut self, ids: &[ExecutionId]) -> impl Future<Output = Done<()>> + Send;
    /// Notes that these are to end.
    fn ask_to_end(&mut self, ids: &[ExecutionId], reason: Reason) -> impl Future<Output = Done<()>> + Send;
    /// Takes open executions away.
    fn remove(&mut self, ids: &[ExecutionId]) -> impl Future<Output = Done<()>> + Send;
    /// Adds to those that have ended, or did not run.
    fn add_ended(&mut self, ended: &[Ended]) -> impl Future<Output = Done<()>> + Send;
    /// Those that have ended.
    fn ended(&mut self, ids: &[ExecutionId]) -> impl Future<Output = Done<Vec<Ended>>> + Send;
    /// Those of a task that have ended, before an id, the newest first.
    fn ended_of(
        &mut self,
        task: TaskId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> impl Future<Output = Done<Vec<Ended>>> + Send;
    /// Adds attempts that were not the last.
    fn add_attempts(&mut self, attempts: &[Attempt]) -> impl Future<Output = Done<()>> + Send;
    /// The attempts of an execution that were not the last.
    fn attempts(&mut self, id: ExecutionId) -> impl Future<Output = Done<Vec<Attempt>>> + Send;
    /// The execution that was asked for under this key, or notes that it is this one.
    fn keyed(
        &mut self,
        task: TaskId,
        key: &str,
        execution: ExecutionId,
        now: Timestamp,
    ) -> impl Future<Output = Done<ExecutionId>> + Send;

    /// Adds a worker.
    fn add_worker(
        &mut self,
        id: WorkerId,
        name: &str,
        now: Timestamp,
    ) -> impl Future<Output = Done<()>> + Send;
    /// Counts the beat of a worker on. Answers whether it still is one.
    fn beat(&mut self, id: WorkerId) -> impl Future<Output = Done<bool>> + Send;
    /// All workers, and with them the time of the database, if it has a clock of its own.
    fn workers(&mut self) -> impl Future<Output = Done<(Vec<WorkerRow>, Option<Timestamp>)>> + Send;
    /// Ends the beat of a worker that is still this one, or whatever it is. Answers whether it has ended.
    fn fence(&mut self, id: WorkerId, beat: Option<u64>) -> impl Future<Output = Done<bool>> + Send;
    /// Takes a worker away.
    fn remove_worker(&mut self, id: WorkerId) -> impl Future<Output = Done<()>> + Send;
    /// Those that a worker is at and that are to end.
    fn to_end(&mut self, worker: WorkerId) -> impl Future<Output = Done<Vec<ExecutionId>>> + Send;
}
