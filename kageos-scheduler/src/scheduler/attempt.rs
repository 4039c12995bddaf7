//! One attempt, from its start to the word about its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Core;
use super::executor::{MAX_OUTPUT_BYTES, Output, Run, RunError};
use crate::Reason;
use crate::decide::{End, Outcome};
use crate::flow::Started;
use crate::rules::Rules;

/// How long an attempt that is told to end has for it.
const GRACE: Duration = Duration::from_secs(2);

impl Core {
    /// Begins an attempt that this worker was given; one that it is at already goes on as it is.
    pub(super) fn begin(self: &Arc<Self>, started: Started, permit: Option<OwnedSemaphorePermit>) {
        let (id, number) = (started.execution.id, started.execution.attempt);
        let Some(token) = self.held.take(id, number) else { return };
        if started.execution.cancel.is_some() {
            token.cancel();
        }
        let core = Arc::clone(self);
        let attempt = async move {
            let end = core.attempt(started, token).await;
            // Only fails when the worker is gone.
            let _ = core.ends.send(end).await;
            drop(permit);
            core.wake.notify_one();
        };
        let mut tasks = self.tasks();
        tasks.spawn(attempt);
        while tasks.try_join_next().is_some() {}
    }

    async fn attempt(&self, started: Started, token: CancellationToken) -> End {
        let Started { execution, body } = started;
        let end = |outcome, rules| End {
            id: execution.id,
            task: execution.task,
            attempt: execution.attempt,
            outcome,
            rules,
        };
        let rules = match self.rules.of(&body.rules) {
            Ok(rules) => rules,
            Err(error) => {
                let outcome = failed(Reason::Failed, error.message, true);
                return end(outcome, Arc::new(Rules::none()));
            }
        };
        let Some(executor) = self.executors.get(&*execution.executor) else {
            return end(failed(Reason::Failed, "This executor is not known here.".to_owned(), false), rules);
        };
        let run = Run {
            execution: execution.id,
            task: execution.task,
            owner: body.owner,
            attempt: execution.attempt,
            source: execution.source,
            nominal: execution.nominal,
            planned: execution.planned,
            payload: execution.payload.clone().unwrap_or(body.payload),
            cancelled: token.clone(),
        };
        let limit = Duration::from_secs(rules.policy().timeout_s.into());
        let work = AssertUnwindSafe(executor.execute(run)).catch_unwind();
        end(self.watched(work, token, limit).await, rules)
    }

    /// The outcome of the work, or of what ends it.
    async fn watched(
        &self,
        work: impl Future<Output = std::thread::Result<Result<Output, RunError>>>,
        token: CancellationToken,
        limit: Duration,
    ) -> Outcome {
        let mut work = std::pin::pin!(work);
        let stopped = tokio::select! {
            biased;
            done = &mut work => return outcome(done),
            () = token.cancelled() => Reason::Stopped,
            () = self.leaving.cancelled() => return Outcome::Released,
            () = sleep(limit) => Reason::TimedOut,
        };
        token.cancel();
        match timeout(GRACE, work).await {
            // It ended well after all.
            Ok(done @ Ok(Ok(_))) => outcome(done),
            _ => failed(stopped, String::new(), false),
        }
    }
}

fn failed(reason: Reason, error: String, last: bool) -> Outcome {
    // No database keeps a NUL.
    Outcome::Failed { reason, error: error.replace('\0', ""), last }
}

fn outcome(done: std::thread::Result<Result<Output, RunError>>) -> Outcome {
    match done {
        Ok(Ok(Output(text))) => Outcome::Done(text.filter(|it| it.len() <= MAX_OUTPUT_BYTES)),
        Ok(Err(error)) => failed(Reason::Failed, error.message, error.last),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            failed(Reason::Panicked, text.unwrap_or_default(), false)
        }
    }
}
