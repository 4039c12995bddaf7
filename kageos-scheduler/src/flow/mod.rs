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
pub(crate) use read::{Attempts, Find, History, ListTasks, Look, Now, OpenOf, Peek};
pub(crate) use run::{Cancel, Cancelled, RunNow};
pub(crate) use worker::{Beat, Fence, Join};

use std::collections::BTreeMap;

use kageos_core::{ExecutionId, TaskId, Timestamp};

use crate::decide::{self, Ahead, Open, ahead};
use crate::rules::RulesCache;
use crate::store::{DueTask, Failure, Rows};
use crate::{Execution, Reason, State, TaskState};

/// An execution that was given to a worker, with what it takes to run.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) execution: Execution,
    pub(crate) body: crate::store::Body,
}

/// The executions with what they take to run, and those whose task is gone.
async fn with_bodies<R: Rows>(
    rows: &mut R,
    executions: Vec<Execution>,
) -> Result<(Vec<Started>, Vec<Execution>), Failure> {
    let mut tasks: Vec<TaskId> = executions.iter().map(|it| it.task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let bodies: BTreeMap<_, _> = rows.bodies(&tasks).await?.into_iter().map(|it| (it.task, it)).collect();
    let (mut started, mut orphans) = (Vec::new(), Vec::new());
    for execution in executions {
        match bodies.get(&execution.task) {
            Some(body) => started.push(Started { execution, body: body.clone() }),
            None => orphans.push(execution),
        }
    }
    Ok((started, orphans))
}

/// The open executions that the schedules of each of these tasks made.
async fn scheduled<R: Rows>(
    rows: &mut R,
    tasks: &[TaskId],
    lock: bool,
) -> Result<BTreeMap<TaskId, Vec<Open>>, Failure> {
    let mut open: BTreeMap<TaskId, Vec<Open>> = BTreeMap::new();
    for (task, execution) in rows.scheduled(tasks, lock).await? {
        open.entry(task).or_default().push(execution);
    }
    Ok(open)
}

/// Ends executions: those that nobody is at at once, the others are told to.
async fn end_open<R: Rows>(
    rows: &mut R,
    ids: &[ExecutionId],
    reason: Reason,
    now: Timestamp,
) -> Result<(), Failure> {
    // As they stand now: they may have moved since somebody looked without a lock.
    let (running, idle): (Vec<_>, Vec<_>) =
        rows.open(ids).await?.into_iter().partition(|it| it.state == State::Running);
    end_idle(rows, &idle, (State::Cancelled, reason), now).await?;
    let running: Vec<_> = running.into_iter().map(|it| it.id).collect();
    if !running.is_empty() {
        rows.ask_to_end(&running, reason).await?;
    }
    Ok(())
}

/// Ends executions that nobody is at.
async fn end_idle<R: Rows>(
    rows: &mut R,
    idle: &[Execution],
    (state, reason): (State, Reason),
    now: Timestamp,
) -> Result<(), Failure> {
    if idle.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = idle.iter().map(|it| it.id).collect();
    let ended: Vec<_> = idle.iter().map(|it| decide::ended(it, state, Some(reason), now)).collect();
    rows.remove(&ids).await?;
    rows.add_ended(&ended).await?;
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
    let open = scheduled(rows, tasks, false).await?;
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
    // The end of a run that somebody asked for moves no delay.
    let last_end = task.last_end.or_else(|| (rests && open.is_empty()).then_some(now));
    if last_end == task.last_end && task.next_run.is_some() {
        return Ok(None);
    }
    match ahead(task.id, &rules, task.cursor, last_end, task.runs) {
        Ok(ahead) => Ok(Some(ahead)),
        // It is met again when the task is due, and noted then.
        Err(_) => Ok(Some(Ahead { next_run: Some(now), last_end, ..Ahead::standing(task) })),
    }
}
