//! Notes the ends of attempts: at once when idle, all that wait while a commit is under way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::life::Life;
use crate::Reason;
use crate::decide::{End, Outcome};
use crate::flow::EndAll;
use crate::store::Failure;

/// Most ends in one unit.
const ENDS: usize = 512;
/// The pause before a unit that failed is tried again, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

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
                // One of them is not taken: each by itself, and that one without what it says.
                Err(Failure::Sql(error)) if is_refusal(&error) && batch.len() > 1 => {
                    for end in batch {
                        Box::pin(self.note(vec![end])).await;
                    }
                    return;
                }
                Err(Failure::Sql(error)) if is_refusal(&error) && !is_bare(&batch) => {
                    tracing::error!(%error, "the end of an attempt was not taken as it was told");
                    return Box::pin(self.note(bare(batch))).await;
                }
                Err(failure) => {
                    tracing::warn!(%failure, "the ends of attempts could not be noted yet");
                    sleep(pause).await;
                    (pause, repeated) = ((pause * 2).min(LONGEST), true);
                }
            }
        }
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

/// Whether the database does not take what is said, however often.
fn is_refusal(error: &kageos_core::sql::SqlError) -> bool {
    use kageos_core::sql::SqlError;
    matches!(error, SqlError::ConstraintViolation { .. } | SqlError::NulInText | SqlError::Statement { .. })
}

fn is_bare(batch: &[End]) -> bool {
    batch.iter().all(|it| matches!(&it.outcome, Outcome::Done(None) | Outcome::Released))
        || batch.iter().all(|it| matches!(&it.outcome, Outcome::Failed { error, .. } if error.is_empty()))
}

/// The same ends, without what the executor says.
fn bare(batch: Vec<End>) -> Vec<End> {
    let without = |outcome| match outcome {
        Outcome::Done(_) => Outcome::Done(None),
        Outcome::Failed { reason, last, .. } => Outcome::Failed { reason, error: String::new(), last },
        Outcome::Released => Outcome::Failed { reason: Reason::Released, error: String::new(), last: false },
    };
    batch.into_iter().map(|end| End { outcome: without(end.outcome), ..end }).collect()
}
