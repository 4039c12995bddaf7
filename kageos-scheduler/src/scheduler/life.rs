//! One life of a worker: from its row to its fence or its orderly end.

use std::sync::Arc;
use std::time::Duration;

use kageos_core::WorkerId;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::Core;
use crate::decide::End;
use crate::flow::{Fence, Join};
use crate::store::Failure;

/// The pause before a worker that could not join tries again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long what is still to be noted at the end may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How often it is looked whether all is noted.
const TICK: Duration = Duration::from_millis(5);

/// One life of a worker.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) core: Arc<Core>,
    pub(super) id: WorkerId,
    /// When it began to join, by the monotonic clock.
    pub(super) began: Duration,
}

/// Who was there before, and has ended.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Whoever had the same name.
    Name,
    /// The last life of this one.
    Life(WorkerId),
}

/// Runs workers, one after the other, until it is told to stop.
pub(super) async fn serve(core: Arc<Core>, mut ends: mpsc::Receiver<End>) {
    let mut before = Before::Name;
    while !core.stopping.is_cancelled() {
        let began = core.time.monotonic();
        let life = Life { core: Arc::clone(&core), id: WorkerId::new(&core.env), began };
        if let Err(failure) = life.join(before).await {
            tracing::warn!(%failure, "the store of tasks cannot be joined yet");
            tokio::select! {
                biased;
                () = sleep(PAUSE) => {}
                () = core.stopping.cancelled() => {}
            }
            continue;
        }
        before = Before::Life(life.id);
        core.set_worker(Some(life.id));
        if life.live(&mut ends).await {
            life.leave().await;
            return;
        }
        // Fenced: what ran is somebody else's.
        core.set_worker(None);
        core.abandon(&mut ends).await;
    }
}

impl Life {
    /// Adds the row, and takes the place of who was there before.
    async fn join(&self, before: Before) -> Result<(), Failure> {
        let core = &self.core;
        let (worker, name, now) = (self.id, core.options.name.clone(), core.time.now());
        let (same_name, store) = core.store.apply(Join { worker, name, now }).await?;
        core.time.sample(store, self.began);
        let gone = match before {
            Before::Name => same_name.into_iter().map(|it| it.id).collect(),
            Before::Life(last) => vec![last],
        };
        for victim in gone {
            let rules = Arc::clone(&core.rules);
            core.store.apply(Fence { victim, beat: None, in_order: false, rules, now }).await?;
        }
        core.stir();
        Ok(())
    }

    /// Works until it is told to stop (true) or was fenced (false).
    async fn live(&self, ends: &mut mpsc::Receiver<End>) -> bool {
        let core = &self.core;
        let (seen, others) = mpsc::channel(1);
        let rest = async {
            // It ends between two units, so that nothing is given to it that it does not know of.
            let late = async {
                core.stopping.cancelled().await;
                sleep(LAST_WORDS).await;
            };
            tokio::select! {
                biased;
                () = self.dispatch() => {}
                () = late => {}
            }
            if !core.stopping.is_cancelled() {
                return false;
            }
            // Nothing new is begun; what runs has a while to end.
            core.set_worker(None);
            self.empty(core.options.grace).await;
            core.leaving.cancel();
            self.empty(LAST_WORDS).await;
            true
        };
        tokio::select! {
            biased;
            () = self.keep(seen) => false,
            () = self.watch(others) => false,
            () = self.finish(ends) => false,
            stopped = rest => stopped,
        }
    }

    /// Waits until nothing is held any more, at most so long.
    async fn empty(&self, most: Duration) {
        let empty = async {
            while !self.core.held.is_empty() {
                sleep(TICK).await;
            }
        };
        // What is left goes back into the queue.
        let _ = timeout(most, empty).await;
    }

    /// Takes the row away; what is still held goes back into the queue.
    async fn leave(&self) {
        let core = &self.core;
        let (rules, now) = (Arc::clone(&core.rules), core.time.now());
        let flow = Fence { victim: self.id, beat: None, in_order: true, rules, now };
        if let Err(failure) = core.store.apply(flow).await {
            tracing::warn!(%failure, "a worker could not leave; others will notice");
        }
    }
}
