//! Fires what is due and claims what is ready, as many as there are free slots.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::life::Life;
use crate::flow::{Adopt, Claim, Fire, Peek, Started};
use crate::store::{Coming, Failure};

/// Most tasks that are decided on in one unit.
const TASKS: usize = 500;
/// Most executions that are claimed in one unit.
const CLAIMS: usize = 512;
/// How often the rows are looked at when nothing says that there is anything: a net, for words that were lost.
const IDLE: Duration = Duration::from_secs(3);
/// The pause after a store that did not answer.
const PAUSE: Duration = Duration::from_millis(100);

impl Life {
    /// Goes on until it is dropped; ends when the worker was fenced.
    pub(super) async fn dispatch(&self) {
        // Whatever an earlier start of the same worker is at is not known here, so the first look is at everything.
        let mut coming = Coming { due: Some(self.core.time.now()), ..Coming::default() };
        loop {
            match self.step(coming).await {
                Ok(next) => coming = next,
                Err(Failure::Fenced) => return,
                Err(failure) => {
                    tracing::warn!(%failure, "the store of tasks does not answer");
                    // It may have done what was asked.
                    self.core.uncertain.store(true, Ordering::Release);
                    sleep(PAUSE).await;
                    coming = Coming { due: Some(self.core.time.now()), ..coming };
                    continue;
                }
            }
            match self.rest(coming).await {
                Ok(next) => coming = next,
                Err(failure) => tracing::warn!(%failure, "the store of tasks does not answer"),
            }
        }
    }

    /// One round: what the lost answers hid, what is due, what is ready.
    async fn step(&self, mut coming: Coming) -> Result<Coming, Failure> {
        if self.core.uncertain.swap(false, Ordering::AcqRel) {
            self.adopt().await.inspect_err(|_| self.core.uncertain.store(true, Ordering::Release))?;
        }
        loop {
            let now = self.core.time.now();
            let is_due = [coming.due, coming.ready].into_iter().flatten().any(|at| at <= now);
            if is_due {
                coming = self.fire().await?;
            }
            if coming.queued && self.core.slots.available_permits() > 0 {
                coming = self.claim().await?;
            } else if !is_due {
                return Ok(coming);
            }
        }
    }

    async fn fire(&self) -> Result<Coming, Failure> {
        let core = &self.core;
        let permits = self.permits(TASKS);
        let fired = core.store.apply(Fire {
            worker: self.id,
            executors: Arc::clone(&core.names),
            rules: Arc::clone(&core.rules),
            now: core.time.now(),
            limit: TASKS,
            free: permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits),
        });
        let fired = fired.await?;
        self.begin(fired.started, permits);
        Ok(fired.coming)
    }

    async fn claim(&self) -> Result<Coming, Failure> {
        let core = &self.core;
        let Some(permits) = self.permits(CLAIMS) else { return Ok(Coming::default()) };
        let (started, coming) = core
            .store
            .apply(Claim {
                worker: self.id,
                executors: Arc::clone(&core.names),
                rules: Arc::clone(&core.rules),
                now: core.time.now(),
                free: permits.num_permits(),
            })
            .await?;
        self.begin(started, Some(permits));
        Ok(coming)
    }

    /// As many free slots as there are, at most `most`.
    fn permits(&self, most: usize) -> Option<OwnedSemaphorePermit> {
        let free = self.core.slots.available_permits().min(most);
        let free = u32::try_from(free).ok().filter(|free| *free > 0)?;
        Arc::clone(&self.core.slots).try_acquire_many_owned(free).ok()
    }

    fn begin(&self, started: Vec<Started>, mut permits: Option<OwnedSemaphorePermit>) {
        for it in started {
            let permit = permits.as_mut().and_then(|it| it.split(1));
            self.core.begin(it, permit);
        }
    }

    /// Begins what was given to this worker by an answer that was lost.
    async fn adopt(&self) -> Result<(), Failure> {
        // No end is noted meanwhile, so what the rows say is still so.
        let _still = self.core.gate.lock().await;
        for it in self.core.store.look(Adopt { worker: self.id }).await? {
            // Whoever asks for it begins it; when that fails, everything is looked at again.
            if !self.core.held.is_expected(it.execution.id) {
                self.core.begin(it, None);
            }
        }
        Ok(())
    }

    /// Waits for what comes, or for a word that there is something.
    async fn rest(&self, coming: Coming) -> Result<Coming, Failure> {
        let core = &self.core;
        let next = [coming.due, coming.ready].into_iter().flatten().min();
        let wait = next.map_or(IDLE, |next| next.since(core.time.now())).min(IDLE);
        let slept = tokio::select! {
            biased;
            () = core.wake.notified() => false,
            () = sleep(wait) => true,
        };
        if core.stirred.swap(false, Ordering::AcqRel) {
            return Ok(Coming { due: Some(core.time.now()), ..coming });
        }
        if slept && wait == IDLE {
            return core.store.look(Peek(Arc::clone(&core.names))).await;
        }
        Ok(coming)
    }
}
