//! The scheduler: fires what is due, runs what is ready, and answers what people ask.

mod attempt;
mod builder;
mod dispatch;
mod executor;
mod finish;
mod held;
mod keep;
mod life;
mod tasks;
mod time;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kageos_core::{Env, WorkerId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use builder::Builder;
pub use executor::{Executor, MAX_OUTPUT_BYTES, Output, Run, RunError};
use held::Held;
pub use tasks::MAX_PAGE;
use time::Time;

use crate::decide::End;
use crate::flow::Started;
use crate::rules::RulesCache;
use crate::store::Store;

/// Most ends of attempts that wait to be noted.
const ENDS: usize = 4096;

/// Runs tasks: fires what is due, gives it to executors, and keeps what became of it.
///
/// Several may run over one database, in one process or many; each task still runs once for each of its times. Dropped
/// without [`stop`](Self::stop), it goes on in the background.
#[derive(Debug, Clone)]
pub struct Scheduler {
    core: Arc<Core>,
    /// Taken once it has ended.
    serving: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests let it crash"))]
    abort: AbortHandle,
}

/// How a scheduler works.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) slots: usize,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
}

/// What the parts of a scheduler share.
pub(crate) struct Core {
    store: Store,
    env: Env,
    options: Options,
    executors: BTreeMap<Arc<str>, Arc<dyn Executor>>,
    names: Arc<[Arc<str>]>,
    rules: Arc<RulesCache>,
    time: Time,
    slots: Arc<Semaphore>,
    held: Held,
    ends: mpsc::Sender<End>,
    tasks: Mutex<JoinSet<()>>,
    worker: Mutex<Option<WorkerId>>,
    /// Wakes the dispatcher.
    wake: Notify,
    /// There is something new in the rows.
    stirred: AtomicBool,
    /// An answer was lost: the rows may hold what this worker does not know of.
    uncertain: AtomicBool,
    /// Held while ends are noted, and while the rows are asked what this worker is at.
    gate: tokio::sync::Mutex<()>,
    /// Nothing new is begun.
    stopping: CancellationToken,
    /// What runs is given back.
    leaving: CancellationToken,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Core {
    /// Says that there is something new in the rows.
    fn stir(&self) {
        self.stirred.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worker(&self) -> Option<WorkerId> {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins what was given to this worker, if it still is one. Whoever abandons what runs first says that it is none.
    fn begin_as(self: &Arc<Self>, worker: WorkerId, started: Started, permit: Option<OwnedSemaphorePermit>) {
        let current = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == Some(worker) {
            self.begin(started, permit);
        }
    }

    fn set_worker(&self, worker: Option<WorkerId>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = worker;
    }

    /// Lets go of all that runs, and of what it said.
    async fn abandon(&self, ends: &mut mpsc::Receiver<End>) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.abort_all();
        while !tasks.is_empty() {
            tokio::select! {
                biased;
                // One may be waiting for room.
                _ = ends.recv() => {}
                _ = tasks.join_next() => {}
            }
        }
        while ends.try_recv().is_ok() {}
        self.held.clear();
    }
}

impl Scheduler {
    /// Stops: nothing new is begun, what runs has the [grace](Builder::grace) to end, and what does not goes back into the
    /// queue for others.
    pub async fn stop(&self) {
        self.core.stopping.cancel();
        // Whoever else stops it waits here too; one who goes away leaves it to the next.
        let mut serving = self.serving.lock().await;
        if let Some(handle) = serving.as_mut() {
            // It was aborted, or has panicked and said so.
            let _ = handle.await;
            *serving = None;
            self.core.tasks().abort_all();
        }
    }

    /// How many attempts are under way here.
    #[must_use]
    pub fn running(&self) -> usize {
        self.core.held.len()
    }

    /// Ends at once and says nothing to anybody, as a process does that is killed.
    #[cfg(feature = "testing")]
    pub fn crash(&self) {
        self.abort.abort();
        self.core.tasks().abort_all();
    }
}
