//! What people do to tasks.

use std::sync::Arc;

use kageos_core::{Code, Error, TaskId, Timestamp};

use super::{end_open, scheduled};
use crate::decide::{ahead, passed_over};
use crate::rules::{Rules, RulesCache, Written};
use crate::store::{DueTask, Failure, Flow, Rows, TaskRow};
use crate::{NewTask, Reason, TaskChange, TaskState, zone_data_version};

/// Makes a task.
#[derive(Debug)]
pub(crate) struct Create(pub(crate) TaskRow);

impl Create {
    /// The row of a task that was checked.
    pub(crate) fn new(id: TaskId, new: NewTask, now: Timestamp) -> Result<Self, Failure> {
        let written = new.written();
        let text: Arc<str> = serde_json::to_string(&written).map_err(Error::internal)?.into();
        let rules = Rules::new(written)?;
        let mut row = TaskRow {
            due: DueTask {
                id,
                executor: new.executor.into(),
                rules: text,
                revision: 1,
                cursor: now,
                last_end: Some(now),
                next_run: None,
                runs: 0,
                state: TaskState::Active,
            },
            owner: new.owner,
            title: new.title,
            subject: new.subject,
            payload: new.payload.into(),
            note: None,
            problem: None,
            next: None,
            zone_data: zone_data_version().to_owned(),
            key: new.key,
            created: now,
            changed: now,
        };
        go_on(&mut row, &rules)?;
        Ok(Self(row))
    }
}

/// Sets what comes next after the cursor of a task.
fn go_on(row: &mut TaskRow, rules: &Rules) -> Result<(), Failure> {
    let due = &mut row.due;
    let ahead = ahead(due.id, rules, due.cursor, due.last_end, due.runs).map_err(Error::internal)?;
    (row.next, due.next_run, due.state, row.problem) = (ahead.next, ahead.next_run, ahead.state, None);
    zone_data_version().clone_into(&mut row.zone_data);
    Ok(())
}

impl Flow for Create {
    type Output = TaskRow;

    /// Answers the task that is there, which an earlier call under the same key may have made.
    async fn run<R: Rows>(&self, rows: &mut R) -> Result<TaskRow, Failure> {
        match rows.add_task(&self.0).await? {
            None => Ok(self.0.clone()),
            Some(id) => task(rows, id).await,
        }
    }
}

async fn task<R: Rows>(rows: &mut R, id: TaskId) -> Result<TaskRow, Failure> {
    rows.task(id).await?.ok_or_else(|| Failure::Refused(Error::of(Code::NotFound)))
}

/// Writes a changed task, if it is still as it was read.
async fn put<R: Rows>(rows: &mut R, mut row: TaskRow, now: Timestamp) -> Result<TaskRow, Failure> {
    let before = row.due.revision;
    row.due.revision += 1;
    row.changed = now;
    if rows.put_task(&row, before).await? {
        return Ok(row);
    }
    Err(Error::of(Code::VersionConflict).into())
}

/// Changes a task.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: TaskId,
    pub(crate) change: TaskChange,
    /// The revision that the change was made for.
    pub(crate) revision: Option<u64>,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
}

impl Flow for Change {
    type Output = TaskRow;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<TaskRow, Failure> {
        let mut row = task(rows, self.id).await?;
        if self.revision.is_some_and(|revision| revision != row.due.revision) {
            return Err(Error::of(Code::VersionConflict).into());
        }
        let before = self.rules.of(&row.due.rules)?;
        let Written { schedule, policy } = before.written.clone();
        self.change.check(&policy, self.now)?;
        let other_times = self.change.schedule.is_some();
        let written = Written {
            schedule: self.change.schedule.clone().or(schedule),
            policy: self.change.policy.clone().unwrap_or(policy),
        };
        row.due.rules = serde_json::to_string(&written).map_err(Error::internal)?.into();
        if let Some(title) = &self.change.title {
            row.title.clone_from(title);
        }
        if let Some(payload) = &self.change.payload {
            row.payload = Arc::from(payload.clone());
        }
        let rules = Rules::new(written)?;
        if rules.settles() {
            rows.make_settle(self.id).await?;
        }
        if other_times {
            let reason = if row.due.state == TaskState::Paused { Reason::Paused } else { Reason::Changed };
            // What the old times did not come to is told; a search that fails tells nothing, and stops no change.
            let passed = passed_over(&row.due, &before, reason, self.now).unwrap_or_default();
            rows.add_ended(passed.as_slice()).await?;
            row.due.cursor = row.due.cursor.max(self.now);
        }
        row.due.last_end = self.last_end(rows, row.due.last_end).await?;
        if row.due.state != TaskState::Paused {
            go_on(&mut row, &rules)?;
        }
        put(rows, row, self.now).await
    }
}

impl Change {
    /// From when a delay counts. One that waits for the end of a run learns of an end that nobody told it of.
    async fn last_end<R: Rows>(
        &self,
        rows: &mut R,
        last: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Failure> {
        if self.change.schedule.is_none() && last.is_some() {
            return Ok(last);
        }
        let idle = scheduled(rows, &[self.id], false).await?.is_empty();
        Ok(idle.then_some(self.now))
    }
}

/// Makes the schedule of a task stand still.
#[derive(Debug)]
pub(crate) struct Pause {
    pub(crate) id: TaskId,
    pub(crate) note: String,
    pub(crate) now: Timestamp,
}

impl Flow for Pause {
    type Output = TaskRow;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<TaskRow, Failure> {
        let mut row = task(rows, self.id).await?;
        if row.due.state == TaskState::Over {
            return Err(Error::new(Code::Conflict, "The schedule of the task is over.").into());
        }
        (row.due.state, row.next, row.due.next_run) = (TaskState::Paused, None, None);
        row.note = Some(self.note.clone()).filter(|it| !it.is_empty());
        put(rows, row, self.now).await
    }
}

/// Lets the schedule of a task go on, from now.
#[derive(Debug)]
pub(crate) struct Resume {
    pub(crate) id: TaskId,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) now: Timestamp,
}

impl Flow for Resume {
    type Output = TaskRow;

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<TaskRow, Failure> {
        let mut row = task(rows, self.id).await?;
        if row.due.state != TaskState::Paused {
            return Ok(row);
        }
        let rules = self.rules.of(&row.due.rules)?;
        let missed = passed_over(&row.due, &rules, Reason::Paused, self.now).map_err(Error::internal)?;
        // A run may have ended meanwhile.
        let idle = scheduled(rows, &[self.id], false).await?.is_empty();
        (row.due.cursor, row.due.last_end) = (row.due.cursor.max(self.now), idle.then_some(self.now));
        go_on(&mut row, &rules)?;
        row.note = None;
        rows.add_ended(missed.as_slice()).await?;
        put(rows, row, self.now).await
    }
}

/// Takes a task away. What runs is told to end, what waits ends; what has ended stays.
#[derive(Debug)]
pub(crate) struct Delete {
    pub(crate) id: TaskId,
    pub(crate) now: Timestamp,
}

impl Flow for Delete {
    type Output = ();

    async fn run<R: Rows>(&self, rows: &mut R) -> Result<(), Failure> {
        if !rows.remove_task(self.id).await? {
            return Err(Error::of(Code::NotFound).into());
        }
        let open = rows.open_of(self.id, usize::MAX).await?;
        end_open(rows, &open, Reason::Deleted, self.now).await
    }
}
