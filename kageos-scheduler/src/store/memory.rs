//! The rows in memory: for the simulation, where a database's threads would not be the same twice.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use kageos_core::sql::SqlError;
use kageos_core::{Clock, ExecutionId, TaskId, Timestamp, WorkerId};
use tokio::sync::Mutex;

use super::rows::{Body, Coming, Done, DueTask, Requeue, Rows, TaskRow, WorkerRow};
use super::{Failure, Flow};
use crate::decide::{Ahead, Open};
use crate::{Attempt, Ended, Execution, Reason, Source, State};

/// What happens on the way to the rows and back.
pub trait Weather: Send + Sync + Debug {
    /// How long a unit takes to get there, and whether it is lost on its way.
    fn there(&self) -> (Duration, bool);
    /// How long its answer takes, and whether that is lost although the unit was kept.
    fn back(&self) -> (Duration, bool);
}

/// Rows in memory, shared by whoever has a handle.
#[derive(Debug, Clone)]
pub struct Memory {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<dyn Clock>,
    weather: Arc<dyn Weather>,
}

#[derive(Debug, Default)]
struct Tables {
    rows: Hot,
    ended: BTreeMap<ExecutionId, Ended>,
    attempts: BTreeMap<(ExecutionId, u32), Attempt>,
}

/// What is copied for each unit, to be taken back when it fails.
#[derive(Debug, Default, Clone)]
struct Hot {
    tasks: BTreeMap<TaskId, TaskRow>,
    open: BTreeMap<ExecutionId, Execution>,
    keys: BTreeMap<(TaskId, String), ExecutionId>,
    workers: BTreeMap<WorkerId, WorkerRow>,
}

/// One unit.
struct Unit<'t> {
    tables: &'t mut Tables,
    clock: &'t dyn Clock,
    ended: Vec<ExecutionId>,
    attempts: Vec<(ExecutionId, u32)>,
}

impl Memory {
    /// No rows.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, weather: Arc<dyn Weather>) -> Self {
        Self { tables: Arc::default(), clock, weather }
    }

    /// The same rows, on another way.
    #[must_use]
    pub fn over(&self, weather: Arc<dyn Weather>) -> Self {
        Self { weather, ..self.clone() }
    }

    pub(crate) async fn apply<F: Flow>(&self, flow: F) -> Result<F::Output, Failure> {
        pass(self.weather.there()).await?;
        let outcome = self.unit(&flow).await;
        if outcome.is_ok() {
            pass(self.weather.back()).await?;
        }
        outcome
    }

    async fn unit<F: Flow>(&self, flow: &F) -> Result<F::Output, Failure> {
        let mut tables = self.tables.lock().await;
        let before = tables.rows.clone();
        let mut unit =
            Unit { tables: &mut tables, clock: &*self.clock, ended: Vec::new(), attempts: Vec::new() };
        let outcome = flow.run(&mut unit).await;
        if outcome.is_err() {
            let Unit { ended, attempts, .. } = unit;
            tables.rows = before;
            tables.ended.retain(|id, _| !ended.contains(id));
            tables.attempts.retain(|id, _| !attempts.contains(id));
        }
        outcome
    }
}

async fn pass((wait, lost): (Duration, bool)) -> Result<(), Failure> {
    tokio::time::sleep(wait).await;
    if !lost {
        return Ok(());
    }
    Err(SqlError::ConnectionLost { source: Arc::new(std::io::Error::other("the weather")) }.into())
}

/// As many rows as were meant.
fn all(expected: usize, actual: usize) -> Done<()> {
    let (expected, actual) = (expected as u64, actual as u64);
    if actual == expected { Ok(()) } else { Err(SqlError::RowsAffected { expected, actual }) }
}

fn known_already() -> SqlError {
    SqlError::UniqueViolation { constraint: None, source: Arc::new(std::io::Error::other("known already")) }
}

impl Unit<'_> {
    fn rows(&mut self) -> &mut Hot {
        &mut self.tables.rows
    }

    /// Changes those of the executions that are in a state, and answers how many.
    fn change(&mut self, ids: &[ExecutionId], state: State, change: impl Fn(&mut Execution)) -> usize {
        let open = &mut self.rows().open;
        let mut count = 0;
        for id in ids {
            if let Some(it) = open.get_mut(id).filter(|it| it.state == state) {
                change(it);
                count += 1;
            }
        }
        count
    }

    fn claimable(&mut self, executors: &[Arc<str>]) -> Vec<Execution> {
        let ready = |it: &&Execution| {
            it.state == State::Queued && it.ready.is_none() && executors.contains(&it.executor)
        };
        let mut all: Vec<_> = self.rows().open.values().filter(ready).cloned().collect();
        all.sort_by_key(|it| it.rank);
        all
    }
}

impl Rows for Unit<'_> {
    async fn now(&mut self) -> Done<Option<Timestamp>> {
        Ok(Some(self.clock.now()))
    }

    async fn coming(&mut self, executors: &[Arc<str>]) -> Done<Coming> {
        let queued = !self.claimable(executors).is_empty();
        let rows = self.rows();
        let due = rows.tasks.values().filter_map(|it| it.due.next_run).min();
        Ok(Coming { due, ready: rows.open.values().filter_map(|it| it.ready).min(), queued })
    }

    async fn add_task(&mut self, task: &TaskRow) -> Done<Option<TaskId>> {
        let tasks = &mut self.rows().tasks;
        let same = |it: &&TaskRow| task.key.is_some() && it.owner == task.owner && it.key == task.key;
        if let Some(known) = tasks.values().find(same) {
            return Ok(Some(known.due.id));
        }
        tasks.insert(task.due.id, task.clone());
        Ok(None)
    }

    async fn task(&mut self, id: TaskId) -> Done<Option<TaskRow>> {
        Ok(self.rows().tasks.get(&id).cloned())
    }

    async fn tasks(
        &mut self,
        subject: Option<&str>,
        after: Option<TaskId>,
        limit: usize,
    ) -> Done<Vec<TaskRow>> {
        let of = |it: &&TaskRow| subject.is_none() || it.subject.as_deref() == subject;
        let tasks = self.rows().tasks.values().filter(|it| after.is_none_or(|after| it.due.id > after));
        Ok(tasks.filter(of).take(limit).cloned().collect())
    }

    async fn put_task(&mut self, task: &TaskRow, revision: u64) -> Done<bool> {
        let found = self.rows().tasks.get_mut(&task.due.id).filter(|it| it.due.revision == revision);
        Ok(found.map(|it| *it = task.clone()).is_some())
    }

    async fn remove_task(&mut self, id: TaskId) -> Done<bool> {
        self.rows().keys.retain(|(task, _), _| *task != id);
        Ok(self.rows().tasks.remove(&id).is_some())
    }

    async fn due(&mut self, now: Timestamp, limit: usize) -> Done<Vec<DueTask>> {
        let due = |it: &&TaskRow| it.due.next_run.is_some_and(|at| at <= now);
        let mut all: Vec<_> = self.rows().tasks.values().filter(due).map(|it| it.due.clone()).collect();
        all.sort_by_key(|it| it.next_run);
        all.truncate(limit);
        Ok(all)
    }

    async fn decidable(&mut self, ids: &[TaskId]) -> Done<Vec<DueTask>> {
        Ok(ids.iter().filter_map(|id| self.tables.rows.tasks.get(id).map(|it| it.due.clone())).collect())
    }

    async fn advance(&mut self, moves: &[(DueTask, Ahead)]) -> Done<()> {
        let mut count = 0;
        for (from, to) in moves {
            let same = |it: &&mut TaskRow| {
                let due = &it.due;
                (due.revision, due.cursor, due.runs) == (from.revision, from.cursor, from.runs)
            };
            if let Some(row) = self.rows().tasks.get_mut(&from.id).filter(same) {
                let due = &mut row.due;
                (due.cursor, due.last_end, due.next_run) = (to.cursor, to.last_end, to.next_run);
                (due.runs, due.state) = (to.runs, to.state);
                (row.next, row.problem) = (to.next, to.problem.clone());
                count += 1;
            }
        }
        all(moves.len(), count)
    }

    async fn bodies(&mut self, ids: &[TaskId]) -> Done<Vec<Body>> {
        let body = |it: &TaskRow| Body {
            task: it.due.id,
            owner: it.owner.as_str().into(),
            rules: Arc::clone(&it.due.rules),
            payload: Arc::clone(&it.payload),
        };
        Ok(ids.iter().filter_map(|id| self.tables.rows.tasks.get(id).map(body)).collect())
    }

    async fn scheduled(&mut self, tasks: &[TaskId], _: bool) -> Done<Vec<(TaskId, Open)>> {
        let of = |it: &&Execution| it.source == Source::Schedule && tasks.contains(&it.task);
        let open = self.rows().open.values().filter(of);
        Ok(open.map(|it| (it.task, Open { id: it.id, state: it.state })).collect())
    }

    async fn open_of(&mut self, task: TaskId, limit: usize) -> Done<Vec<ExecutionId>> {
        let open = self.rows().open.values().filter(|it| it.task == task);
        Ok(open.take(limit).map(|it| it.id).collect())
    }

    async fn make_settle(&mut self, task: TaskId) -> Done<()> {
        self.rows().open.values_mut().filter(|it| it.task == task).for_each(|it| it.settles = true);
        Ok(())
    }

    async fn open(&mut self, ids: &[ExecutionId]) -> Done<Vec<Execution>> {
        Ok(ids.iter().filter_map(|id| self.tables.rows.open.get(id).cloned()).collect())
    }

    async fn settling(&mut self, id: ExecutionId) -> Done<Option<TaskId>> {
        Ok(self.rows().open.get(&id).filter(|it| it.settles).map(|it| it.task))
    }

    async fn held_by(&mut self, worker: WorkerId, limit: usize) -> Done<Vec<Execution>> {
        let held = self.rows().open.values().filter(|it| it.worker == Some(worker));
        Ok(held.take(limit).cloned().collect())
    }

    async fn ready(&mut self, executors: &[Arc<str>], limit: usize) -> Done<Vec<Execution>> {
        let mut all = self.claimable(executors);
        all.truncate(limit);
        Ok(all)
    }

    async fn wake(&mut self, now: Timestamp) -> Done<()> {
        for it in self.rows().open.values_mut() {
            it.ready = it.ready.filter(|ready| *ready > now);
        }
        Ok(())
    }

    async fn add(&mut self, executions: &[Execution]) -> Done<()> {
        for it in executions {
            if self.rows().open.insert(it.id, it.clone()).is_some() {
                return Err(known_already());
            }
        }
        Ok(())
    }

    async fn start(&mut self, ids: &[ExecutionId], worker: WorkerId, now: Timestamp) -> Done<()> {
        let count = self.change(ids, State::Queued, |it| {
            it.state = State::Running;
            it.attempt += 1;
            it.worker = Some(worker);
            it.started = Some(now);
        });
        all(ids.len(), count)
    }

    async fn requeue(&mut self, executions: &[Requeue]) -> Done<()> {
        let mut count = 0;
        for to in executions {
            count += self.change(&[to.id], State::Running, |it| {
                it.state = State::Queued;
                it.ready = Some(to.ready);
                (it.failures, it.losses) = (to.failures, to.losses);
                it.worker = None;
            });
        }
        all(executions.len(), count)
    }

    async fn release(&mut self, ids: &[ExecutionId]) -> Done<()> {
        let count = self.change(ids, State::Waiting, |it| it.state = State::Queued);
        all(ids.len(), count)
    }

    async fn ask_to_end(&mut self, ids: &[ExecutionId], reason: Reason) -> Done<()> {
        for id in ids {
            if let Some(it) = self.rows().open.get_mut(id) {
                it.cancel.get_or_insert(reason);
            }
        }
        Ok(())
    }

    async fn remove(&mut self, ids: &[ExecutionId]) -> Done<()> {
        let count = ids.iter().filter(|id| self.tables.rows.open.remove(id).is_some()).count();
        all(ids.len(), count)
    }

    async fn add_ended(&mut self, ended: &[Ended]) -> Done<()> {
        for it in ended {
            if self.tables.ended.contains_key(&it.id) {
                return Err(known_already());
            }
            self.tables.ended.insert(it.id, it.clone());
            self.ended.push(it.id);
        }
        Ok(())
    }

    async fn ended(&mut self, ids: &[ExecutionId]) -> Done<Vec<Ended>> {
        Ok(ids.iter().filter_map(|id| self.tables.ended.get(id).cloned()).collect())
    }

    async fn ended_of(
        &mut self,
        task: TaskId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Done<Vec<Ended>> {
        let of = |it: &&Ended| it.task == task && before.is_none_or(|before| it.id < before);
        Ok(self.tables.ended.values().rev().filter(of).take(limit).cloned().collect())
    }

    async fn add_attempts(&mut self, attempts: &[Attempt]) -> Done<()> {
        for it in attempts {
            let id = (it.execution, it.number);
            if self.tables.attempts.contains_key(&id) {
                return Err(known_already());
            }
            self.tables.attempts.insert(id, it.clone());
            self.attempts.push(id);
        }
        Ok(())
    }

    async fn attempts(&mut self, id: ExecutionId) -> Done<Vec<Attempt>> {
        let of = self.tables.attempts.range((id, 0)..=(id, u32::MAX));
        Ok(of.map(|(_, it)| it.clone()).collect())
    }

    async fn keyed(
        &mut self,
        task: TaskId,
        key: &str,
        execution: ExecutionId,
        _: Timestamp,
    ) -> Done<ExecutionId> {
        Ok(*self.rows().keys.entry((task, key.to_owned())).or_insert(execution))
    }

    async fn add_worker(&mut self, id: WorkerId, name: &str, _: Timestamp) -> Done<()> {
        self.rows().workers.insert(id, WorkerRow { id, name: name.to_owned(), beat: Some(0) });
        Ok(())
    }

    async fn beat(&mut self, id: WorkerId) -> Done<bool> {
        let beat = self.rows().workers.get_mut(&id).and_then(|it| it.beat.as_mut());
        Ok(beat.map(|beat| *beat += 1).is_some())
    }

    async fn workers(&mut self) -> Done<(Vec<WorkerRow>, Option<Timestamp>)> {
        let now = self.clock.now();
        Ok((self.rows().workers.values().cloned().collect(), Some(now)))
    }

    async fn fence(&mut self, id: WorkerId, beat: Option<u64>) -> Done<bool> {
        let stands = |it: &&mut WorkerRow| beat.is_none() || it.beat.is_none() || it.beat == beat;
        Ok(self.rows().workers.get_mut(&id).filter(stands).map(|it| it.beat = None).is_some())
    }

    async fn remove_worker(&mut self, id: WorkerId) -> Done<()> {
        self.rows().workers.remove(&id);
        Ok(())
    }

    async fn to_end(&mut self, worker: WorkerId) -> Done<Vec<ExecutionId>> {
        let held = self.rows().open.values().filter(|it| it.worker == Some(worker) && it.cancel.is_some());
        Ok(held.map(|it| it.id).collect())
    }
}
