//! What becomes of an execution whose attempt has ended.

use std::sync::Arc;

use kageos_core::{ExecutionId, TaskId, Timestamp};

use crate::rules::Rules;
use crate::{Attempt, Ended, Execution, Reason, State};

/// How many attempts of one execution may be lost with their workers: it may be what ends them.
const MAX_LOSSES: u32 = 4;
/// Most bytes that are kept of what an executor says of its failure.
const MAX_ERROR: usize = 4096;

/// How an attempt ended, as its worker tells it.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// With this answer.
    Done(Option<Arc<str>>),
    /// It failed; `last` when there is no use in another attempt.
    Failed { reason: Reason, error: String, last: bool },
    /// Its worker ends, and gives it back.
    Released,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) id: ExecutionId,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    /// Those that its task had when it began.
    pub(crate) rules: Arc<Rules>,
}

/// What becomes of the execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Over(Ended),
    /// It is made again, not before `ready`.
    Again {
        attempt: Attempt,
        ready: Timestamp,
        failures: u32,
        losses: u32,
    },
}

/// What becomes of an execution that its worker tells the end of.
pub(crate) fn end(execution: &Execution, end: &End, now: Timestamp) -> Ending {
    match &end.outcome {
        Outcome::Done(output) => {
            let ended = ended(execution, State::Succeeded, None, now);
            Ending::Over(Ended { output: output.clone(), ..ended })
        }
        Outcome::Released => released(execution, now),
        Outcome::Failed { reason, error, last } => {
            failed(execution, &end.rules, (*reason, error, *last), now)
        }
    }
}

/// What becomes of an execution that its worker gives back: another begins it, and it counts as no failure.
pub(crate) fn released(execution: &Execution, now: Timestamp) -> Ending {
    if execution.cancel.is_some() {
        return Ending::Over(ended(execution, State::Cancelled, execution.cancel, now));
    }
    again(execution, Reason::Released, None, now, (execution.failures, execution.losses), now)
}

fn failed(
    execution: &Execution,
    rules: &Rules,
    (reason, error, last): (Reason, &str, bool),
    now: Timestamp,
) -> Ending {
    let error: Option<Arc<str>> = Some(cut(error)).filter(|it| !it.is_empty()).map(Arc::from);
    if execution.cancel.is_some() {
        let ended = ended(execution, State::Cancelled, execution.cancel, now);
        return Ending::Over(Ended { error, ..ended });
    }
    let (retry, failures) = (&rules.policy().retry, execution.failures + 1);
    if !last && failures < retry.max_attempts {
        let ready = now.plus(retry.pause(failures, seed(execution, failures)));
        return again(execution, reason, error, ready, (failures, execution.losses), now);
    }
    let state = match reason {
        _ if failures > 1 => State::Dead,
        Reason::TimedOut => State::TimedOut,
        _ => State::Failed,
    };
    let ended = ended(execution, state, Some(reason), now);
    Ending::Over(Ended { error, ..ended })
}

/// What becomes of an execution whose worker is gone. Without rules its task is gone too.
pub(crate) fn lost(execution: &Execution, rules: Option<&Rules>, now: Timestamp) -> Ending {
    let losses = execution.losses + 1;
    let over = |state, reason| Ending::Over(ended(execution, state, Some(reason), now));
    match (execution.cancel, rules) {
        (Some(reason), _) => over(State::Cancelled, reason),
        (None, None) => over(State::Cancelled, Reason::Deleted),
        (None, Some(rules)) if !rules.policy().retry.after_loss || losses > MAX_LOSSES => {
            over(State::Dead, Reason::Lost)
        }
        (None, Some(_)) => again(execution, Reason::Lost, None, now, (execution.failures, losses), now),
    }
}

fn again(
    execution: &Execution,
    reason: Reason,
    error: Option<Arc<str>>,
    ready: Timestamp,
    (failures, losses): (u32, u32),
    now: Timestamp,
) -> Ending {
    let attempt = Attempt {
        execution: execution.id,
        number: execution.attempt,
        worker: execution.worker,
        started: execution.started.unwrap_or(now),
        ended: now,
        reason,
        error,
    };
    Ending::Again { attempt, ready, failures, losses }
}

/// An execution that has ended, as it stands among those that have.
pub(crate) fn ended(execution: &Execution, state: State, reason: Option<Reason>, now: Timestamp) -> Ended {
    Ended {
        id: execution.id,
        task: execution.task,
        source: execution.source,
        nominal: execution.nominal,
        planned: execution.planned,
        state,
        reason,
        error: None,
        output: None,
        attempts: execution.attempt,
        worker: execution.worker,
        created: execution.created,
        started: execution.started,
        ended: now,
        until: None,
        count: None,
    }
}

/// Spreads the pauses of an execution, always in the same way.
fn seed(execution: &Execution, failures: u32) -> u64 {
    let text = execution.id.to_string();
    text.bytes()
        .fold(u64::from(failures), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ERROR)]
}
