//! What holds of every store: memory, SQLite, and the database servers that this machine offers.

mod ends;
mod firing;
mod people;
mod stress;
mod workers;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kageos_core::sql::testing::engines;
use kageos_core::{Clock, Env, ExecutionId, TaskId, Timestamp, WorkerId};

use super::{Failure, Flow, Memory, Store, Weather};
use crate::decide::{End, Outcome};
use crate::flow::{Claim, Create, EndAll, Fire, History, Join, Started};
use crate::rules::RulesCache;
use crate::{Ended, Every, Execution, NewTask, Policy, Reason, Schedule, Trigger};

#[derive(Debug)]
struct Calm;

impl Weather for Calm {
    fn there(&self) -> (Duration, bool) {
        (Duration::ZERO, false)
    }

    fn back(&self) -> (Duration, bool) {
        (Duration::ZERO, false)
    }
}

/// A store with what the flows of a test take.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) rules: Arc<RulesCache>,
    pub(super) env: Env,
    pub(super) worker: WorkerId,
    name: String,
}

/// A quarter past noon on a Monday.
pub(super) fn noon() -> Timestamp {
    "2026-03-02T12:15:00Z".parse().unwrap()
}

pub(super) fn at(seconds: u64) -> Timestamp {
    noon().plus(Duration::from_secs(seconds))
}

pub(super) fn names() -> Arc<[Arc<str>]> {
    Arc::from(vec![Arc::from("work")])
}

pub(super) fn every(seconds: u32) -> Schedule {
    Schedule::new(vec![Trigger::Every(Every { seconds, from: Some(noon()) })])
}

/// Runs a test on each store.
pub(super) fn each(test: impl for<'b> Fn(&'b Bench) -> Pin<Box<dyn Future<Output = ()> + 'b>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let env = Env::system();
        let memory = Memory::new(Arc::clone(&env.clock) as Arc<dyn Clock>, Arc::new(Calm));
        let databases = engines().await.unwrap();
        let mut all = vec![("memory".to_owned(), Store::memory(memory))];
        for database in &databases {
            let store = Store::open(database.db(), noon()).await.unwrap();
            all.push((database.engine().to_string(), store));
        }
        for (name, store) in all {
            let worker = WorkerId::new(&env);
            let bench = Bench { store, rules: Arc::default(), env: env.clone(), worker, name };
            bench.join(worker, "a").await;
            println!("on {}", bench.name);
            test(&bench).await;
        }
    });
}

impl Bench {
    pub(super) async fn apply<F: Flow>(&self, flow: F) -> F::Output {
        self.store.apply(flow).await.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.name))
    }

    pub(super) async fn join(&self, worker: WorkerId, name: &str) {
        self.apply(Join { worker, name: name.to_owned(), now: noon() }).await;
    }

    pub(super) async fn create(&self, schedule: Option<Schedule>, policy: Policy) -> TaskId {
        let mut new = NewTask::new("work", &1).unwrap().policy(policy);
        new.schedule = schedule;
        new.check(noon()).unwrap();
        let flow = Create::new(TaskId::new(&self.env), new, noon()).unwrap();
        self.apply(flow).await.due.id
    }

    pub(super) fn fire_flow(&self, now: Timestamp, free: usize) -> Fire {
        let rules = Arc::clone(&self.rules);
        Fire { worker: self.worker, executors: names(), rules, now, limit: 100, free }
    }

    /// Fires, and answers what was begun.
    pub(super) async fn fire(&self, now: Timestamp, free: usize) -> Vec<Execution> {
        let fired = self.apply(self.fire_flow(now, free)).await;
        fired.started.into_iter().map(|it| it.execution).collect()
    }

    pub(super) fn claim_flow(&self, worker: WorkerId, now: Timestamp, free: usize) -> Claim {
        Claim { worker, executors: names(), rules: Arc::clone(&self.rules), now, free }
    }

    pub(super) async fn claim(&self, now: Timestamp, free: usize) -> Vec<Execution> {
        let (started, _) = self.apply(self.claim_flow(self.worker, now, free)).await;
        started.into_iter().map(|Started { execution, .. }| execution).collect()
    }

    /// The end of an attempt; answers whether it was taken.
    pub(super) async fn end(
        &self,
        worker: WorkerId,
        run: &Execution,
        outcome: Outcome,
        now: Timestamp,
    ) -> bool {
        let row = self.apply(crate::flow::Look(run.task)).await;
        let rules = row.map_or_else(
            || Arc::new(crate::rules::Rules::none()),
            |row| self.rules.of(&row.due.rules).unwrap(),
        );
        let ends = vec![End { id: run.id, task: run.task, attempt: run.attempt, outcome, rules }];
        let done = self.apply(EndAll { worker, rules: Arc::clone(&self.rules), ends, now }).await;
        done.refused.is_empty()
    }

    pub(super) async fn succeed(&self, run: &Execution, now: Timestamp) {
        assert!(self.end(self.worker, run, Outcome::Done(None), now).await);
    }

    /// What has ended of a task, the oldest first.
    pub(super) async fn history(&self, task: TaskId) -> VecDeque<Ended> {
        let mut all: Vec<_> = self.apply(History { task, before: None, limit: 1000 }).await;
        all.reverse();
        all.into()
    }

    pub(super) async fn open(&self, task: TaskId) -> Vec<Execution> {
        self.apply(crate::flow::OpenOf { task, limit: 1000 }).await
    }

    pub(super) async fn refused<F: Flow>(&self, flow: F) -> Failure
    where
        F::Output: std::fmt::Debug,
    {
        self.store.apply(flow).await.unwrap_err()
    }
}

pub(super) fn failure(error: &str) -> Outcome {
    Outcome::Failed { reason: Reason::Failed, error: error.to_owned(), last: false }
}

pub(super) fn ids(all: &[Execution]) -> Vec<ExecutionId> {
    all.iter().map(|it| it.id).collect()
}
