//! Notes the ends of attempts: at once when idle, all that wait while a commit is under way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kageos_core::sql::SqlError;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::life::Life;
use crate::decide::{End, Outcome};
use crate::flow::EndAll;
use crate::store::Failure;

/// Most ends in one unit.
const ENDS: usize = 512;
/// The pause before a unit that failed is tried again, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// When an end that is not taken, whatever is left out of it, is tried again.
const LATER: Duration = Duration::from_secs(60);

impl Life {
    /// Goes on until it is dropped.
    pub(super) async fn finish(&self, ends: &mut mpsc::Receiver<End>) {
        let mut batch = Vec::new();
        while ends.recv_many(&mut batch, ENDS).await > 0 {
            self.note(std::mem::take(&mut batch)).await;
        }
    }

    /// Notes ends, however often that takes.
    async fn note(&self, batch: Vec<End>) {
        let mut pause = PAUSE;
        let mut repeated = false;
        loop {
            match self.try_note(&batch, repeated).await {
                Ok(()) => return,
                Err(Failure::Sql(error)) if !is_passing(&error) => {
                    return self.one_by_one(batch, &error).await;
                }
                Err(failure) => {
                    tracing::warn!(%failure, "the ends of attempts could not be noted yet");
                    sleep(pause).await;
                    (pause, repeated) = ((pause * 2).min(LONGEST), true);
                }
            }
        }
    }

    /// One of them is not taken: each by itself, that one without what it says, and when that does not help, later.
    async fn one_by_one(&self, mut batch: Vec<End>, error: &SqlError) {
        if batch.len() > 1 {
            for end in batch {
                Box::pin(self.note(vec![end])).await;
            }
            return;
        }
        let Some(end) = batch.pop() else { return };
        tracing::error!(%error, execution = %end.id, "the end of an attempt is not taken");
        if !is_bare(&end) {
            return Box::pin(self.note(vec![bare(end)])).await;
        }
        let ends = self.core.ends.clone();
        self.core.tasks().spawn(async move {
            sleep(LATER).await;
            // Only fails when the worker is gone.
            let _ = ends.send(end).await;
        });
    }

    async fn try_note(&self, batch: &[End], repeated: bool) -> Result<(), Failure> {
        let core = &self.core;
        let _still = core.gate.lock().await;
        let done = core
            .store
            .apply(EndAll {
                worker: self.id,
                rules: Arc::clone(&core.rules),
                ends: batch.to_vec(),
                now: core.time.now(),
            })
            .await?;
        for end in batch {
            core.held.drop(end.id, end.attempt);
        }
        // An answer that was lost makes the same ends come twice.
        if !done.refused.is_empty() && !repeated {
            tracing::warn!(
                count = done.refused.len(),
                "ends came too late: their attempts are somebody else's"
            );
        }
        if done.stirred {
            core.stirred.store(true, Ordering::Release);
        }
        core.wake.notify_one();
        Ok(())
    }
}

/// Whether the same may be taken later. Everything else is about what is said, and splits the batch.
fn is_passing(error: &SqlError) -> bool {
    matches!(
        error,
        SqlError::Busy { .. }
            | SqlError::Deadlock { .. }
            | SqlError::QueueFull
            | SqlError::Timeout
            | SqlError::DiskFull { .. }
            | SqlError::ReadOnly { .. }
            | SqlError::Io { .. }
            | SqlError::ConnectionLost { .. }
            | SqlError::Aborted
            | SqlError::Closed
    )
}

fn is_bare(end: &End) -> bool {
    match &end.outcome {
        Outcome::Done(output) => output.is_none(),
        Outcome::Failed { error, .. } => error.is_empty(),
        Outcome::Released => true,
    }
}

/// The same end, without what the executor says.
fn bare(end: End) -> End {
    let outcome = match end.outcome {
        Outcome::Done(_) => Outcome::Done(None),
        Outcome::Failed { reason, last, .. } => Outcome::Failed { reason, error: String::new(), last },
        Outcome::Released => Outcome::Released,
    };
    End { outcome, ..end }
}
