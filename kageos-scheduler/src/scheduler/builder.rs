//! How a scheduler is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kageos_core::sql::Db;
use kageos_core::{Env, Error, Result};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::time::Time;
use super::{Core, ENDS, Executor, Options, Scheduler, life};
use crate::flow::Now;
use crate::store::Store;
use crate::task;

/// Attempts side by side, when nothing else is said.
const SLOTS: usize = 64;
/// How long a worker may say nothing before others take its place.
const LEASE: Duration = Duration::from_secs(10);
/// How long what runs has to end when the scheduler stops.
const GRACE: Duration = Duration::from_secs(10);

/// Makes a [`Scheduler`].
pub struct Builder {
    store: Place,
    env: Env,
    options: Options,
    executors: BTreeMap<Arc<str>, Arc<dyn Executor>>,
}

enum Place {
    Db(Db),
    #[cfg(feature = "testing")]
    Memory(crate::store::Memory),
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// A scheduler whose tasks lie in this database.
    #[must_use]
    pub fn builder(db: Db, env: Env) -> Builder {
        Builder::new(Place::Db(db), env)
    }

    /// A scheduler whose tasks lie in memory, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn in_memory(memory: crate::store::Memory, env: Env) -> Builder {
        Builder::new(Place::Memory(memory), env)
    }
}

impl Builder {
    fn new(store: Place, env: Env) -> Self {
        let options = Options { name: "local".to_owned(), slots: SLOTS, lease: LEASE, grace: GRACE };
        Self { store, env, options, executors: BTreeMap::new() }
    }

    /// Who does the work of tasks that name it. Executions for executors that are not known here are left to others.
    #[must_use]
    pub fn executor(mut self, name: impl Into<Arc<str>>, executor: impl Executor) -> Self {
        self.executors.insert(name.into(), Arc::new(executor));
        self
    }

    /// What this worker is called; two that run at the same time over one database have different names. When one
    /// starts, whatever the last one with its name was at goes back into the queue at once, for that one has ended.
    /// `local` when not said.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// How many attempts run side by side; 64 when not said.
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.options.slots = slots.clamp(1, Semaphore::MAX_PERMITS >> 32);
        self
    }

    /// How long a worker may say nothing before others take its place, at least 300 ms; ten seconds when not said. All
    /// that share a database have the same.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease.max(Duration::from_millis(300));
        self
    }

    /// How long what runs has to end when the scheduler stops; ten seconds when not said.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Brings the tables to the latest version and begins to work.
    ///
    /// # Errors
    /// `invalid_input` when a name is none, else what the database answers.
    pub async fn start(self) -> Result<Scheduler> {
        let mut wrong = Vec::new();
        task::name("/name", &self.options.name, &mut wrong);
        for name in self.executors.keys() {
            task::name("/executor", name, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        let time = Time::new(Arc::clone(&self.env.clock));
        let store = match self.store {
            Place::Db(db) => Store::open(db, self.env.now()).await?,
            #[cfg(feature = "testing")]
            Place::Memory(memory) => Store::memory(memory),
        };
        // Before anybody is told of a time.
        let asked = time.monotonic();
        time.sample(store.look(Now).await?, asked);
        let (ends, waiting) = mpsc::channel(ENDS);
        let core = Arc::new(Core {
            store,
            env: self.env,
            names: self.executors.keys().cloned().collect(),
            executors: self.executors,
            rules: Arc::default(),
            time,
            slots: Arc::new(Semaphore::new(self.options.slots)),
            options: self.options,
            held: super::Held::default(),
            ends,
            tasks: Mutex::default(),
            worker: Mutex::default(),
            wake: Notify::new(),
            stirred: false.into(),
            uncertain: false.into(),
            gate: tokio::sync::Mutex::default(),
            stopping: CancellationToken::new(),
            leaving: CancellationToken::new(),
        });
        let serving = tokio::spawn(life::serve(Arc::clone(&core), waiting));
        let abort = serving.abort_handle();
        Ok(Scheduler { core, serving: Arc::new(tokio::sync::Mutex::new(Some(serving))), abort })
    }
}
