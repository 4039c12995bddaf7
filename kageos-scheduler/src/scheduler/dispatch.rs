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
/// The pause after a round that found something and could do nothing about it.
const SPIN: Duration = Duration::from_millis(20);
/// The pause after a store that did not answer.
const PAUSE: Duration = Duration::from_millis(100);

impl Life {
    /// Goes on until the worker was fenced, or is to stop.
    pub(super) async fn dispatch(&self) {
        // Whatever an earlier start of the same worker is at is not known here, so the first look is at everything.
        let mut coming = Coming { due: Some(self.core.time.now()), ..Coming::default() };
        let mut look = self.core.time.monotonic();
        while !self.core.stopping.is_cancelled() {
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
            match self.rest(coming, &mut look).await {
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
            let is_free = self.core.slots.available_permits() > 0;
            let is_waited_for = coming.queued && is_free;
            if !(is_due || is_waited_for) || self.core.stopping.is_cancelled() {
                return Ok(coming);
            }
            let mut done = 0;
            if is_due {
                (coming, done) = self.fire().await?;
            }
            if coming.queued && is_free {
                let claimed;
                (coming, claimed) = self.claim(coming).await?;
                done += claimed;
            }
            if done == 0 {
                // What is there is in the hands of others, who may have been stopped with it.
                sleep(SPIN).await;
            }
        }
    }

    /// Answers how many tasks were decided on.
    async fn fire(&self) -> Result<(Coming, usize), Failure> {
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
        Ok((fired.coming, fired.decided))
    }

    /// Answers how many executions were begun.
    async fn claim(&self, coming: Coming) -> Result<(Coming, usize), Failure> {
        let core = &self.core;
        let Some(permits) = self.permits(CLAIMS) else { return Ok((coming, 0)) };
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
        let begun = started.len();
        self.begin(started, Some(permits));
        Ok((coming, begun))
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
        let (started, orphans) = self.core.store.look(Adopt { worker: self.id }).await?;
        for it in started {
            // Whoever asks for it begins it; when that fails, everything is looked at again.
            if !self.core.held.is_expected(it.execution.id) {
                self.core.begin(it, None);
            }
        }
        for end in orphans.into_iter().filter(|it| !self.core.held.has(it.id)) {
            // When there is no room, it is found again.
            if self.core.ends.try_send(end).is_err() {
                self.core.uncertain.store(true, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Waits for what comes, or for a word that there is something. At `look` the rows are looked at, whatever came
    /// meanwhile: others may have put something there.
    async fn rest(&self, coming: Coming, look: &mut Duration) -> Result<Coming, Failure> {
        let core = &self.core;
        let next = [coming.due, coming.ready].into_iter().flatten().min();
        let idle = look.saturating_sub(core.time.monotonic());
        let wait = next.map_or(idle, |next| next.since(core.time.now())).min(idle);
        tokio::select! {
            biased;
            () = core.stopping.cancelled() => {}
            () = core.wake.notified() => {}
            () = sleep(wait) => {}
        }
        if core.stirred.swap(false, Ordering::AcqRel) {
            return Ok(Coming { due: Some(core.time.now()), ..coming });
        }
        if core.time.monotonic() < *look {
            return Ok(coming);
        }
        *look = core.time.monotonic() + IDLE;
        core.store.look(Peek(Arc::clone(&core.names))).await
    }
}
