//! What a task that is due does.

use std::sync::Arc;
use std::time::Duration;

use kageos_core::{ExecutionId, TaskId, Timestamp, WorkerId};

use super::due::{Due, LeftOut, Run, leave_out};
use crate::execution::occurrence_id;
use crate::rules::Rules;
use crate::store::DueTask;
use crate::{Ended, Execution, Missed, Next, Overlap, Reason, SearchError, Source, State, TaskState};

/// Most runs that one task makes in one unit; further ones come in the next.
const MOST: usize = 100;
/// When a search that failed is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// An execution of the task that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) id: ExecutionId,
    pub(crate) state: State,
}

/// Where a task stands after it was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) cursor: Timestamp,
    pub(crate) last_end: Option<Timestamp>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) next_run: Option<Timestamp>,
    pub(crate) runs: u64,
    pub(crate) state: TaskState,
    pub(crate) problem: Option<String>,
}

/// What a task that is due does.
#[derive(Debug)]
pub(crate) struct Firing {
    pub(crate) ahead: Ahead,
    pub(crate) made: Vec<Execution>,
    pub(crate) left_out: Vec<Ended>,
    /// Those of the task that are to end, because a newer one takes their place.
    pub(crate) cancel: Vec<Open>,
}

/// Decides on all of a task that is due.
pub(crate) fn fire(task: &DueTask, rules: &Rules, open: &[Open], now: Timestamp) -> Firing {
    let decided = match &rules.plan {
        Some(plan) => {
            let due = Due { rules, plan, task: &task.id.to_string(), now };
            runs(task, rules, &due, open)
        }
        None => Ok(Firing::nothing(task)),
    };
    decided.unwrap_or_else(|error| failed(task, &error.to_string(), now))
}

/// A search that failed stops nothing for good: it is noted, and tried again.
pub(crate) fn failed(task: &DueTask, error: &str, now: Timestamp) -> Firing {
    let mut firing = Firing::nothing(task);
    firing.ahead.problem = Some(error.to_owned());
    firing.ahead.next = None;
    firing.ahead.next_run = Some(now.plus(RETRY));
    firing
}

fn runs(task: &DueTask, rules: &Rules, due: &Due<'_>, open: &[Open]) -> Result<Firing, SearchError> {
    let mut room = Room::of(rules, open);
    let holds = rules.policy().missed == Missed::All;
    let most = rules.runs_left(task.runs).min(MOST);
    let found = due.runs(task.cursor, task.last_end, if holds { most.min(room.left()) } else { most })?;
    let (mut made, mut left_out) = (Vec::new(), found.left_out);
    let runs_before = found.runs.len();
    for run in found.runs {
        let reason = if made.len() == most { Some(Reason::Spent) } else { None };
        match reason.map_or_else(|| room.take(), Err) {
            Ok(state) => {
                let mut it = execution(task, rules, run, state, due.now);
                // One that waits may be from other rules.
                it.settles |= open.iter().any(|it| it.state == State::Waiting);
                made.push(it);
            }
            Err(reason) => leave_out(&mut left_out, run, reason),
        }
    }
    let runs = task.runs + made.len() as u64;
    let last_end = match (made.is_empty(), runs_before + left_out.len() > 0) {
        (false, _) => None,
        // What did not run counts as a run that ended when that was decided.
        (true, true) if task.last_end.is_some() => Some(due.now),
        (true, _) => task.last_end,
    };
    // What was found runs, also when the search for what comes after it fails.
    let mut ahead = ahead(task.id, rules, found.cursor, last_end, runs).unwrap_or_else(|error| Ahead {
        next_run: Some(due.now.plus(RETRY)),
        problem: Some(error.to_string()),
        cursor: found.cursor,
        last_end,
        runs,
        ..Ahead::standing(task)
    });
    if holds && room.left() == 0 && ahead.next_run.is_some_and(|next| next <= due.now) {
        // What is due waits for the end of a run, which looks again.
        ahead.next_run = None;
    }
    let left_out = left_out.into_iter().map(|it| not_run(task.id, it, due.now)).collect();
    Ok(Firing { ahead, made, left_out, cancel: room.cancel })
}

/// Where a task stands whose occurrences are decided up to `cursor`.
pub(crate) fn ahead(
    task: TaskId,
    rules: &Rules,
    cursor: Timestamp,
    last_end: Option<Timestamp>,
    runs: u64,
) -> Result<Ahead, SearchError> {
    let mut ahead =
        Ahead { cursor, last_end, next: None, next_run: None, runs, state: TaskState::Active, problem: None };
    let next = match &rules.plan {
        Some(plan) if !rules.is_spent(runs) => plan.next(cursor, last_end)?,
        _ => Next::Over,
    };
    match next {
        Next::Run(occurrence) => {
            let planned = rules.plan.as_ref().map(|it| it.planned(&task.to_string(), occurrence.nominal));
            (ahead.next, ahead.next_run) = (Some(occurrence.nominal), planned);
        }
        Next::Waits => {}
        // A task without a schedule is ready for whoever asks for it.
        Next::Over if rules.plan.is_some() => ahead.state = TaskState::Over,
        Next::Over => {}
    }
    Ok(ahead)
}

/// What the schedule of a task does not come to any more, from its cursor until now, as one entry.
pub(crate) fn passed_over(
    task: &DueTask,
    rules: &Rules,
    reason: Reason,
    now: Timestamp,
) -> Result<Option<Ended>, SearchError> {
    let Some(plan) = &rules.plan else { return Ok(None) };
    let (first, last) = (plan.next(task.cursor, None)?.occurrence(), plan.last(task.cursor, now)?);
    let Some((first, last)) = first.zip(last).filter(|(first, _)| first.nominal <= now) else {
        return Ok(None);
    };
    let planned = plan.planned(&task.id.to_string(), first.nominal);
    let count = (first.nominal == last.nominal).then_some(1);
    let first = Run { nominal: first.nominal, planned };
    Ok(Some(not_run(task.id, LeftOut { first, until: last.nominal, count, reason }, now)))
}

impl Ahead {
    /// A task as it stands, with nothing to come.
    pub(crate) fn standing(task: &DueTask) -> Self {
        Self {
            cursor: task.cursor,
            last_end: task.last_end,
            next: None,
            next_run: None,
            runs: task.runs,
            state: task.state,
            problem: None,
        }
    }
}

impl Firing {
    fn nothing(task: &DueTask) -> Self {
        let ahead = Ahead::standing(task);
        Self { ahead, made: Vec::new(), left_out: Vec::new(), cancel: Vec::new() }
    }
}

/// What the rule for runs that overlap has room for.
struct Room {
    overlap: Overlap,
    /// Go on, or are about to.
    going: usize,
    waiting: usize,
    /// Whom a newer run takes the place of.
    old: Vec<Open>,
    cancel: Vec<Open>,
}

impl Room {
    fn of(rules: &Rules, open: &[Open]) -> Self {
        let waiting = open.iter().filter(|it| it.state == State::Waiting).count();
        let overlap = rules.policy().overlap;
        // Those that are only queued end at once when a newer one takes their place.
        let going = match overlap {
            Overlap::CancelPrevious => open.iter().filter(|it| it.state == State::Running).count(),
            _ => open.len() - waiting,
        };
        Self { overlap, going, waiting, old: open.to_vec(), cancel: Vec::new() }
    }

    fn left(&self) -> usize {
        let up_to =
            |most: u32, taken: usize| usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(taken);
        match self.overlap {
            Overlap::Skip => 1_usize.saturating_sub(self.going + self.waiting),
            Overlap::Queue(most) => 1_usize.saturating_sub(self.going) + up_to(most, self.waiting),
            Overlap::Allow(most) => up_to(most, self.going + self.waiting),
            Overlap::CancelPrevious => 1,
        }
    }

    /// A place for one more run, or why there is none.
    fn take(&mut self) -> Result<State, Reason> {
        if self.left() == 0 {
            return Err(Reason::Overlap);
        }
        if self.overlap == Overlap::CancelPrevious {
            self.cancel.append(&mut self.old);
        }
        let waits = self.going > 0 && matches!(self.overlap, Overlap::Queue(_) | Overlap::CancelPrevious);
        if waits {
            self.waiting += 1;
            return Ok(State::Waiting);
        }
        self.going += 1;
        Ok(State::Queued)
    }
}

fn execution(task: &DueTask, rules: &Rules, run: Run, state: State, now: Timestamp) -> Execution {
    Execution {
        id: occurrence_id(task.id, run.nominal),
        task: task.id,
        executor: Arc::clone(&task.executor),
        source: Source::Schedule,
        nominal: run.nominal,
        planned: run.planned,
        state,
        attempt: 0,
        failures: 0,
        losses: 0,
        ready: None,
        worker: None::<WorkerId>,
        started: None,
        cancel: None,
        payload: None,
        created: now,
        rank: rules.policy().rank(run.planned),
        settles: rules.settles(),
    }
}

fn not_run(task: TaskId, it: LeftOut, now: Timestamp) -> Ended {
    Ended {
        id: occurrence_id(task, it.first.nominal),
        task,
        source: Source::Schedule,
        nominal: it.first.nominal,
        planned: it.first.planned,
        state: State::Skipped,
        reason: Some(it.reason),
        error: None,
        output: None,
        attempts: 0,
        worker: None,
        created: now,
        started: None,
        ended: now,
        until: Some(it.until).filter(|until| *until > it.first.nominal),
        count: it.count,
    }
}
