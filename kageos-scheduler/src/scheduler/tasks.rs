//! What people ask of a scheduler.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kageos_core::{Error, ExecutionId, Result, TaskId};
use serde_json::value::RawValue;

use super::{Core, Scheduler};
use crate::flow::{
    Attempts, Cancel, Cancelled, Change, Create, Delete, Find, History, ListTasks, Look, OpenOf, Pause,
    Resume, RunNow,
};
use crate::rules::Rules;
use crate::store::{Failure, TaskRow};
use crate::task::{self, MAX_NOTE};
use crate::{Attempt, Ended, Execution, NewTask, Record, Task, TaskChange};

/// An execution that is being asked for, until it is begun: nobody else takes it meanwhile for one whose answer was lost.
struct Asked<'c> {
    core: &'c Core,
    id: ExecutionId,
    is_answered: bool,
}

impl<'c> Asked<'c> {
    fn new(core: &'c Core, id: ExecutionId) -> Self {
        core.held.expect(id);
        Self { core, id, is_answered: false }
    }
}

impl Drop for Asked<'_> {
    /// Whoever asked may have gone away before there was an answer.
    fn drop(&mut self) {
        self.core.held.expected(self.id);
        if !self.is_answered {
            self.core.uncertain.store(true, Ordering::Release);
            self.core.stir();
        }
    }
}

/// Most entries of a list.
pub const MAX_PAGE: usize = 500;

impl Scheduler {
    /// Makes a task. The same owner and key make one, and answer it as it stands.
    ///
    /// # Errors
    /// [`Code::InvalidInput`](kageos_core::Code::InvalidInput) with all that is wrong, else what the database answers.
    pub async fn create(&self, new: NewTask) -> Result<Task> {
        let now = self.core.time.now();
        new.check(now)?;
        let flow = Create::new(TaskId::new(&self.core.env), new, now)?;
        let row = self.core.store.apply(flow).await?;
        self.core.stir();
        Ok(self.read(row))
    }

    /// A task, if there is one.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        let row = self.core.store.look(Look(id)).await?;
        Ok(row.map(|row| self.read(row)))
    }

    /// Tasks by id, after one; of a subject or of all. At most [`MAX_PAGE`].
    ///
    /// # Errors
    /// What the database answers.
    pub async fn tasks(
        &self,
        subject: Option<&str>,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        let flow = ListTasks { subject: subject.map(str::to_owned), after, limit: limit.min(MAX_PAGE) };
        let rows = self.core.store.look(flow).await?;
        Ok(rows.into_iter().map(|row| self.read(row)).collect())
    }

    /// Changes a task, if it still has the `revision` that the change was made for.
    ///
    /// # Errors
    /// `not_found`, `invalid_input`, `version_conflict`, else what the database answers.
    pub async fn change(&self, id: TaskId, revision: Option<u64>, change: TaskChange) -> Result<Task> {
        let (rules, now) = (Arc::clone(&self.core.rules), self.core.time.now());
        let row = self.core.store.apply(Change { id, change, revision, rules, now }).await?;
        self.core.stir();
        Ok(self.read(row))
    }

    /// Makes the schedule of a task stand still; what runs goes on. `note` says why, with at most [`MAX_NOTE`] characters.
    ///
    /// # Errors
    /// `not_found`, `conflict` when the schedule is over, else what the database answers.
    pub async fn pause(&self, id: TaskId, note: &str) -> Result<Task> {
        if note.chars().count() > MAX_NOTE || note.contains('\0') {
            return Err(Error::field("/note", "maxLength", format!("It has at most {MAX_NOTE} characters.")));
        }
        let flow = Pause { id, note: note.to_owned(), now: self.core.time.now() };
        Ok(self.read(self.core.store.apply(flow).await?))
    }

    /// Lets the schedule of a task go on, from now. What it did not run meanwhile is noted as one entry.
    ///
    /// # Errors
    /// `not_found`, else what the database answers.
    pub async fn resume(&self, id: TaskId) -> Result<Task> {
        let (rules, now) = (Arc::clone(&self.core.rules), self.core.time.now());
        let row = self.core.store.apply(Resume { id, rules, now }).await?;
        self.core.stir();
        Ok(self.read(row))
    }

    /// Takes a task away. What waits ends, what runs is told to; what has ended stays.
    ///
    /// # Errors
    /// `not_found`, else what the database answers.
    pub async fn delete(&self, id: TaskId) -> Result<()> {
        let now = self.core.time.now();
        Ok(self.core.store.apply(Delete { id, now }).await?)
    }

    /// Makes a task run now, whatever its schedule says, and changes nothing about that. The same `key` is the same
    /// execution; a `payload` takes the place of the task's.
    ///
    /// # Errors
    /// `not_found`, `invalid_input`, else what the database answers.
    pub async fn run(
        &self,
        task: TaskId,
        key: Option<&str>,
        payload: Option<Box<RawValue>>,
    ) -> Result<ExecutionId> {
        let mut wrong = Vec::new();
        key.iter().for_each(|key| task::name("/key", key, &mut wrong));
        payload.iter().for_each(|json| task::payload("/payload", json, &mut wrong));
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        let core = &self.core;
        let id = ExecutionId::new(&core.env);
        let mut asked = Asked::new(core, id);
        let permit = Arc::clone(&core.slots).try_acquire_owned().ok();
        let worker = permit.as_ref().and(core.worker()).map(|it| (it, Arc::clone(&core.names)));
        let flow = RunNow {
            id,
            task,
            payload: payload.map(Arc::from),
            key: key.map(str::to_owned),
            rules: Arc::clone(&core.rules),
            now: core.time.now(),
            worker: worker.clone(),
        };
        let outcome = core.store.apply(flow).await;
        // A store that did not answer may have kept it.
        asked.is_answered = !matches!(outcome, Err(Failure::Sql(_)));
        let (id, started) = outcome?;
        match started.zip(worker) {
            // A worker that was fenced or stopped meanwhile begins nothing; others have it.
            Some((started, (worker, _))) => core.begin_as(worker, started, permit),
            None => core.stir(),
        }
        Ok(id)
    }

    /// Ends an execution. One that waits ends at once; one that runs is told to, and dropped a moment later.
    ///
    /// # Errors
    /// `not_found`, else what the database answers.
    pub async fn cancel(&self, id: ExecutionId) -> Result<()> {
        let core = &self.core;
        let flow = Cancel { id, rules: Arc::clone(&core.rules), now: core.time.now() };
        match core.store.apply(flow).await? {
            Cancelled::Now => core.stir(),
            // Another worker is told at its next beat.
            Cancelled::Asked(_) => core.held.cancel(id),
        }
        Ok(())
    }

    /// An execution, if there is one.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn execution(&self, id: ExecutionId) -> Result<Option<Record>> {
        Ok(self.core.store.look(Find(id)).await?)
    }

    /// Executions of a task that have not ended, the oldest first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(&self, task: TaskId) -> Result<Vec<Execution>> {
        Ok(self.core.store.look(OpenOf { task, limit: MAX_PAGE }).await?)
    }

    /// What has ended of a task, or was not run, before an execution; the newest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// What the database answers.
    pub async fn history(
        &self,
        task: TaskId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<Ended>> {
        Ok(self.core.store.look(History { task, before, limit: limit.min(MAX_PAGE) }).await?)
    }

    /// The attempts of an execution that were not its last.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn attempts(&self, id: ExecutionId) -> Result<Vec<Attempt>> {
        Ok(self.core.store.look(Attempts(id)).await?)
    }

    /// A task whose rules cannot be read is shown without them, and with what is wrong.
    fn read(&self, row: TaskRow) -> Task {
        let (written, problem) = match self.core.rules.of(&row.due.rules) {
            Ok(rules) => (rules.written.clone(), row.problem),
            Err(error) => (Rules::none().written, Some(error.message)),
        };
        let due = row.due;
        Task {
            id: due.id,
            owner: row.owner,
            title: row.title,
            subject: row.subject,
            executor: due.executor.to_string(),
            payload: row.payload,
            schedule: written.schedule,
            policy: written.policy,
            state: due.state,
            note: row.note,
            problem,
            revision: due.revision,
            cursor: due.cursor,
            next: row.next,
            next_run: due.next_run,
            runs: due.runs,
            zone_data: row.zone_data,
            created: row.created,
            changed: row.changed,
        }
    }
}
