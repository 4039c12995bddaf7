//! What happens in one unit: written once, for every kind of store.

mod claim;
mod end;
mod fire;
mod people;
mod read;
mod run;
mod worker;

pub(crate) use claim::{Adopt, Claim};
pub(crate) use end::EndAll;
pub(crate) use fire::Fire;
pub(crate) use people::{Change, Create, Delete, Pause, Resume};
pub(crate) use read::{Attempts, Find, History, ListTasks, Look, OpenOf, Peek};
pub(crate) use run::{Cancel, Cancelled, RunNow};
pub(crate) use worker::{Beat, Fence, Join};

use std::collections::BTreeMap;

use kageos_core::{TaskId, Timestamp};

use crate::decide::{self, Ahead, Open, ahead};
use crate::rules::RulesCache;
use crate::store::{DueTask, Failure, Rows};
use crate::{Ended as EndedRow, Execution, Reason, State, TaskState};

/// An execution that was given to a worker, with what it takes to run.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) execution: Execution,
    pub(crate) body: crate::store::Body,
}

/// The executions with what they take to run. One whose task is gone has nothing, and is left out.
async fn with_bodies<R: Rows>(rows: &mut R, executions: Vec<Execution>) -> Result<Vec<Started>, Failure> {
    let mut tasks: Vec<TaskId> = executions.iter().map(|it| it.task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let bodies: BTreeMap<_, _> = rows.bodies(&tasks).await?.into_iter().map(|it| (it.task, it)).collect();
    let started = |execution: Execution| {
        let body = bodies.get(&execution.task)?.clone();
        Some(Started { execution, body })
    };
    Ok(executions.into_iter().filter_map(started).collect())
}

/// The open executions of each of these tasks.
async fn open_of<R: Rows>(rows: &mut R, tasks: &[TaskId]) -> Result<BTreeMap<TaskId, Vec<Open>>, Failure> {
    let mut open: BTreeMap<TaskId, Vec<Open>> = BTreeMap::new();
    for (task, execution) in rows.open_of(tasks).await? {
        open.entry(task).or_default().push(execution);
    }
    Ok(open)
}

/// Ends executions: those that nobody is at at once, the others are told to.
async fn end_open<R: Rows>(
    rows: &mut R,
    open: &[Open],
    reason: Reason,
    now: Timestamp,
) -> Result<(), Failure> {
    let of = |running| {
        let ids = open.iter().filter(move |it| (it.state == State::Running) == running).map(|it| it.id);
        ids.collect::<Vec<_>>()
    };
    let (idle, running) = (of(false), of(true));
    if !idle.is_empty() {
        let ended: Vec<EndedRow> = rows
            .open(&idle)
            .await?
            .iter()
            .map(|it| decide::ended(it, State::Cancelled, Some(reason), now))
            .collect();
        rows.remove(&idle).await?;
        rows.add_ended(&ended).await?;
    }
    if !running.is_empty() {
        rows.ask_to_end(&running, reason).await?;
    }
    Ok(())
}

/// Decides what else of these tasks may run, now that runs of theirs have ended.
async fn settle<R: Rows>(
    rows: &mut R,
    tasks: &[TaskId],
    cache: &RulesCache,
    now: Timestamp,
) -> Result<(), Failure> {
    if tasks.is_empty() {
        return Ok(());
    }
    // First, so that nobody else decides on them meanwhile.
    let decidable = rows.decidable(tasks).await?;
    let open = open_of(rows, tasks).await?;
    let mut release = Vec::new();
    let mut moves = Vec::new();
    for task in decidable {
        let open = open.get(&task.id).map_or(&[][..], Vec::as_slice);
        if open.iter().all(|it| it.state == State::Waiting) {
            release.extend(open.first().map(|it| it.id));
        }
        if let Some(ahead) = settled(&task, cache, open, now)? {
            moves.push((task, ahead));
        }
    }
    if !release.is_empty() {
        rows.release(&release).await?;
    }
    rows.advance(&moves).await?;
    Ok(())
}

/// Where a task stands one of whose runs has ended; nothing when that changes nothing.
fn settled(
    task: &DueTask,
    cache: &RulesCache,
    open: &[Open],
    now: Timestamp,
) -> Result<Option<Ahead>, Failure> {
    if task.state != TaskState::Active {
        return Ok(None);
    }
    // Rules that cannot be read are noted when the task is due.
    let Ok(rules) = cache.of(&task.rules) else { return Ok(None) };
    let rests = rules.plan.as_ref().is_some_and(crate::Plan::has_delay);
    let last_end = if rests && open.is_empty() { Some(now) } else { task.last_end };
    if last_end == task.last_end && task.next_run.is_some() {
        return Ok(None);
    }
    match ahead(task.id, &rules, task.cursor, last_end, task.runs) {
        Ok(ahead) => Ok(Some(ahead)),
        // It is met again when the task is due, and noted then.
        Err(_) => Ok(Some(Ahead { next_run: Some(now), last_end, ..Ahead::standing(task) })),
    }
}
