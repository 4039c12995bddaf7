//! Everybody does everything at once, and in the end nothing is left over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kageos_core::{Code, TaskId, WorkerId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tokio::sync::Mutex;

use super::{Bench, at, each, every, failure, names};
use crate::decide::{End, Outcome};
use crate::flow::{Cancel, Change, Claim, Delete, EndAll, Fence, Fire, Join, OpenOf, Pause, Resume, RunNow};
use crate::rules::{Rules, RulesCache};
use crate::store::{Failure, Flow, Store};
use crate::{Execution, Overlap, Policy, Retry, State, TaskChange};

/// Who does it, and how often each.
const ACTORS: u64 = 4;
const STEPS: u32 = 120;

/// What all actors share.
#[derive(Clone)]
struct Stage {
    store: Store,
    rules: Arc<RulesCache>,
    tasks: Arc<Mutex<Vec<TaskId>>>,
    workers: Arc<Mutex<Vec<WorkerId>>>,
    second: Arc<AtomicU64>,
    env: kageos_core::Env,
}

struct Actor {
    stage: Stage,
    random: ChaCha8Rng,
    worker: WorkerId,
    held: Vec<Execution>,
}

impl Actor {
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.random.next_u64() % most as u64).unwrap()
    }

    /// What a flow answers, when nobody was in its way.
    async fn apply<F: Flow>(&mut self, flow: F) -> Option<F::Output> {
        match self.stage.store.apply(flow).await {
            Ok(done) => Some(done),
            Err(Failure::Fenced) => {
                self.rejoin().await;
                None
            }
            Err(Failure::Refused(error)) => {
                let expected = [Code::NotFound, Code::VersionConflict, Code::Conflict];
                assert!(expected.contains(&error.code), "{error:?}");
                None
            }
            Err(Failure::Sql(error)) => {
                assert!(error.retryable(), "{error:?}");
                None
            }
        }
    }

    async fn rejoin(&mut self) {
        let (worker, now) = (WorkerId::new(&self.stage.env), at(0));
        let join = Join { worker, name: "actor".to_owned(), now };
        self.stage.store.apply(join).await.unwrap();
        let mut workers = self.stage.workers.lock().await;
        workers.retain(|it| *it != self.worker);
        workers.push(worker);
        drop(workers);
        (self.worker, self.held) = (worker, Vec::new());
    }

    async fn task(&mut self) -> TaskId {
        let tasks = self.stage.tasks.lock().await.clone();
        let at = self.below(tasks.len());
        tasks[at]
    }

    async fn step(&mut self) {
        let now = at(self.stage.second.fetch_add(1, Ordering::Relaxed));
        let (id, rules) = (self.task().await, Arc::clone(&self.stage.rules));
        let (worker, executors) = (self.worker, names());
        match self.below(20) {
            0..5 => {
                let free = self.below(4);
                let fire = Fire { worker, executors, rules, now, limit: 10, free };
                if let Some(fired) = self.apply(fire).await {
                    self.held.extend(fired.started.into_iter().map(|it| it.execution));
                }
            }
            5..9 => {
                if let Some((started, _)) = self.apply(Claim { worker, executors, rules, now, free: 3 }).await
                {
                    self.held.extend(started.into_iter().map(|it| it.execution));
                }
            }
            9..14 => self.end(now).await,
            14 => {
                let open = self.stage.store.look(OpenOf { task: id, limit: 10 }).await.unwrap();
                if let Some(first) = open.first() {
                    self.apply(Cancel { id: first.id, rules, now }).await;
                }
            }
            15 => {
                let run = RunNow {
                    id: kageos_core::ExecutionId::new(&self.stage.env),
                    task: id,
                    payload: None,
                    key: None,
                    rules,
                    now,
                    worker: None,
                };
                self.apply(run).await;
            }
            16 => {
                let policy = policy(self.below(4));
                let change = TaskChange { policy: Some(policy), ..TaskChange::default() };
                self.apply(Change { id, change, revision: None, rules, now }).await;
            }
            17 => {
                self.apply(Pause { id, note: String::new(), now }).await;
                self.apply(Resume { id, rules, now }).await;
            }
            18 => {
                let victims = self.stage.workers.lock().await.clone();
                let victim = victims[self.below(victims.len())];
                self.apply(Fence { victim, beat: None, in_order: false, rules, now }).await;
            }
            _ => {
                let mut tasks = self.stage.tasks.lock().await;
                if tasks.len() > 3 {
                    tasks.retain(|it| *it != id);
                    drop(tasks);
                    self.apply(Delete { id, now }).await;
                }
            }
        }
    }

    async fn end(&mut self, now: kageos_core::Timestamp) {
        let some = self.below(3).min(self.held.len());
        let ends: Vec<_> = self.held.drain(..some).collect();
        let mut told = Vec::new();
        for run in ends {
            let outcome = match self.below(4) {
                0 => failure("no"),
                1 => Outcome::Released,
                _ => Outcome::Done(None),
            };
            told.push(End {
                id: run.id,
                task: run.task,
                attempt: run.attempt,
                outcome,
                rules: Arc::new(Rules::none()),
            });
        }
        let (worker, rules) = (self.worker, Arc::clone(&self.stage.rules));
        self.apply(EndAll { worker, rules, ends: told, now }).await;
    }
}

fn policy(which: usize) -> Policy {
    let overlap = [Overlap::Skip, Overlap::Queue(3), Overlap::Allow(2), Overlap::CancelPrevious][which % 4];
    Policy { overlap, ..Policy::default() }
}

#[test]
fn whoever_comes_between_nothing_is_left_over() {
    each(|bench| Box::pin(everything_at_once(bench)));
}

async fn everything_at_once(bench: &Bench) {
    let mut tasks = Vec::new();
    for which in 0..12 {
        tasks.push(bench.create(Some(every(2)), policy(which)).await);
    }
    let stage = Stage {
        store: bench.store.clone(),
        rules: Arc::clone(&bench.rules),
        tasks: Arc::new(Mutex::new(tasks.clone())),
        workers: Arc::new(Mutex::new(vec![bench.worker])),
        second: Arc::default(),
        env: bench.env.clone(),
    };
    let mut actors = tokio::task::JoinSet::new();
    for seed in 0..ACTORS {
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut actor = Actor { stage: stage.clone(), random, worker: WorkerId::NIL, held: Vec::new() };
        actors.spawn(async move {
            actor.rejoin().await;
            for _ in 0..STEPS {
                actor.step().await;
            }
        });
    }
    while let Some(done) = actors.join_next().await {
        done.unwrap();
    }
    let now = at(10_000);
    for victim in stage.workers.lock().await.clone() {
        let rules = Arc::clone(&bench.rules);
        bench.apply(Fence { victim, beat: None, in_order: false, rules, now }).await;
    }
    let left = stage.tasks.lock().await.clone();
    for id in left {
        bench.apply(Pause { id, note: String::new(), now }).await;
    }
    let last = WorkerId::new(&bench.env);
    bench.join(last, "last").await;
    for _ in 0..1000 {
        let (started, _) = bench.apply(bench.claim_flow(last, now, 100)).await;
        if started.is_empty() {
            break;
        }
        for it in started {
            assert!(bench.end(last, &it.execution, Outcome::Done(None), now).await);
        }
    }
    for task in tasks {
        let open = bench.open(task).await;
        assert!(open.is_empty(), "{open:?}");
    }
}

/// How often two flows meet.
const MEETINGS: u64 = 60;

#[test]
fn the_end_of_a_run_and_the_next_one_never_miss_each_other() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(10)), policy(1)).await;
            let rules =
                bench.rules.of(&bench.apply(crate::flow::Look(task)).await.unwrap().due.rules).unwrap();
            let mut run = bench.fire(at(10), 1).await.remove(0);
            for time in (2..MEETINGS).map(|it| at(it * 10)) {
                let rules = Arc::clone(&rules);
                let ends = vec![End { id: run.id, task, attempt: 1, outcome: Outcome::Done(None), rules }];
                let end = EndAll { worker: bench.worker, rules: Arc::clone(&bench.rules), ends, now: time };
                let (ended, fired) =
                    tokio::join!(bench.store.apply(end), bench.store.apply(bench.fire_flow(time, 1)));
                assert!(ended.unwrap().refused.is_empty());
                let begun = fired.unwrap().started.into_iter().map(|it| it.execution).next();
                run = match begun {
                    Some(run) => run,
                    // It came while the one before went on, whose end has let it go.
                    None => match bench.claim(time, 1).await.pop() {
                        Some(run) => run,
                        // Its task was in other hands when it was due, so it is still.
                        None => {
                            let run = bench.fire(time, 1).await.pop();
                            run.unwrap_or_else(|| panic!("nothing comes of {task}"))
                        }
                    },
                };
            }
        })
    });
}

#[test]
fn a_run_that_is_begun_while_a_newer_one_comes_is_told_to_end() {
    each(|bench| {
        Box::pin(async {
            let task = bench.create(Some(every(10)), policy(3)).await;
            bench.fire(at(10), 0).await;
            for time in (2..MEETINGS).map(|it| at(it * 10)) {
                let (claimed, fired) = tokio::join!(
                    bench.store.apply(bench.claim_flow(bench.worker, time, 1)),
                    bench.store.apply(bench.fire_flow(time, 0))
                );
                fired.unwrap();
                let open = bench.open(task).await;
                let going =
                    open.iter().filter(|it| it.state == State::Running && it.cancel.is_none()).count();
                let coming = open.iter().filter(|it| it.state != State::Running).count();
                assert!(going + coming <= 1, "{open:?}");
                for it in claimed.unwrap().0 {
                    assert!(bench.end(bench.worker, &it.execution, failure("told to"), time).await);
                }
                for it in bench.claim(time, 5).await {
                    bench.succeed(&it, time).await;
                }
                bench.fire(time.plus(Duration::from_secs(5)), 0).await;
            }
        })
    });
}

#[test]
fn what_goes_back_while_its_task_is_deleted_ends_too() {
    each(|bench| {
        Box::pin(async {
            for _ in 0..MEETINGS {
                let retry = Retry { max_attempts: 5, ..Retry::default() };
                let task = bench.create(None, Policy { retry, ..Policy::default() }).await;
                bench.ask(task, None).await;
                let run = bench.claim(at(1), 1).await.remove(0);
                let rules =
                    bench.rules.of(&bench.apply(crate::flow::Look(task)).await.unwrap().due.rules).unwrap();
                let ends =
                    vec![End { id: run.id, task: run.task, attempt: 1, outcome: failure("no"), rules }];
                let end = EndAll { worker: bench.worker, rules: Arc::clone(&bench.rules), ends, now: at(2) };
                let (ended, deleted) =
                    tokio::join!(bench.store.apply(end), bench.store.apply(Delete { id: task, now: at(2) }));
                deleted.unwrap();
                assert!(ended.unwrap().refused.is_empty());
                // Whichever came first: what is still in the queue ends when somebody claims it.
                bench.claim(at(100), 5).await;
                assert!(bench.open(task).await.is_empty());
            }
        })
    });
}
