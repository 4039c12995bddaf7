//! Workers in processes of their own over one database are killed and stopped in the middle of everything, and must have
//! lost and doubled nothing.
//!
//! `KAGEOS_FAULT_ROUNDS` says how many faults, a quarter of them; `KAGEOS_FAULT_SEED` which ones. Both are printed when a
//! test fails. To see that it can fail, let `flow/end.rs` take ends from whoever tells them, or `flow/worker.rs` leave what
//! a fenced worker was at as it is.

mod check;
mod crew;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kageos_core::sql::testing::{TestDb, engines};
use kageos_core::sql::{Engine, params};
use kageos_core::{Env, ExecutionId, TaskId};
use kageos_scheduler::{Every, Missed, NewTask, Overlap, Policy, Retry, Schedule, Scheduler, Trigger};
use tokio::time::{Instant, sleep};

use crew::Crew;

/// How long a worker may say nothing.
const LEASE: Duration = Duration::from_secs(1);
/// Faults for each of `KAGEOS_FAULT_ROUNDS`.
const EACH: u32 = 4;
const ROUNDS: u32 = 4;
const SEED: u64 = 2026;

/// What executors did, without anything that would hide that they did it twice.
const EFFECTS: &str =
    "CREATE TABLE effect (execution VARCHAR(26) NOT NULL, attempt BIGINT NOT NULL, done BIGINT NOT NULL)";

#[expect(clippy::disallowed_methods, reason = "whoever runs the campaign says how long")]
fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// What the driver knows, outside the database.
pub(crate) struct Campaign {
    db: TestDb,
    scheduler: Scheduler,
    tasks: Vec<TaskId>,
    promised: Vec<ExecutionId>,
}

#[test]
fn on_sqlite() {
    run(Engine::Sqlite);
}

#[test]
fn on_postgres() {
    run(Engine::Postgres);
}

#[test]
fn on_mysql() {
    run(Engine::MySql);
}

/// What a worker's process runs; as a test of its own it has nothing to do.
#[test]
fn worker_of_this_program() {
    crew::work();
}

fn run(engine: Engine) {
    let (faults, seed) = (EACH * number("KAGEOS_FAULT_ROUNDS", ROUNDS), number("KAGEOS_FAULT_SEED", SEED));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let Some(db) = engines().await.unwrap().into_iter().find(|it| it.engine() == engine) else { return };
        println!("{engine}: {faults} faults, seed {seed}");
        let mut campaign = Campaign::new(db).await;
        campaign.storm(faults, seed).await;
        campaign.peace().await;
        campaign.check().await;
        campaign.scheduler.stop().await;
    });
}

impl Campaign {
    async fn new(db: TestDb) -> Self {
        db.execute(EFFECTS, &[]).await.unwrap();
        let driver = Scheduler::builder(db.db(), Env::system()).name("driver").lease(LEASE);
        let scheduler = driver.start().await.unwrap();
        let mut tasks = Vec::new();
        for (overlap, missed) in [
            (Overlap::Skip, Missed::Once),
            (Overlap::Queue(3), Missed::Last(2)),
            (Overlap::Allow(4), Missed::All),
            (Overlap::CancelPrevious, Missed::Skip),
        ] {
            let retry = Retry { max_attempts: 3, first_s: 0, cap_s: 1, after_loss: true };
            let policy = Policy { overlap, missed, retry, timeout_s: 2, ..Policy::default() };
            let schedule = Schedule::new(vec![Trigger::Every(Every { seconds: 1, from: None })]);
            let new = NewTask::new("work", &()).unwrap().schedule(schedule).policy(policy);
            tasks.push(scheduler.create(new).await.unwrap().id);
        }
        Self { db, scheduler, tasks, promised: Vec::new() }
    }

    /// Faults, while somebody asks for runs all the time and keeps in mind what was promised.
    async fn storm(&mut self, faults: u32, seed: u64) {
        let over = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(ask(self.scheduler.clone(), self.tasks[2], Arc::clone(&over)));
        let mut crew = Crew::new(self.db.url(), seed).await;
        for _ in 0..faults {
            crew.fault().await;
        }
        over.store(true, Ordering::Release);
        self.promised = asking.await.unwrap();
        assert!(self.promised.len() > 10, "only {} were promised", self.promised.len());
        crew.calm().await;
        // What is left is done by those that live.
        self.quiet().await;
        crew.end().await;
    }

    /// Pauses all schedules and waits until nothing is open.
    async fn quiet(&self) {
        sleep(LEASE * 3).await;
        for task in &self.tasks {
            self.scheduler.pause(*task, "the end").await.unwrap();
        }
        let end = Instant::now() + Duration::from_secs(60);
        for task in &self.tasks {
            loop {
                let open = self.scheduler.open(*task).await.unwrap();
                if open.is_empty() {
                    break;
                }
                assert!(Instant::now() < end, "{open:?} do not end");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn peace(&self) {
        if self.db.engine() == Engine::Sqlite {
            let row =
                self.db.fetch_one("SELECT integrity_check AS said FROM pragma_integrity_check", params![]);
            assert_eq!(row.await.unwrap().text("said").unwrap(), "ok");
        }
    }
}

async fn ask(scheduler: Scheduler, task: TaskId, over: Arc<AtomicBool>) -> Vec<ExecutionId> {
    let mut promised = Vec::new();
    while !over.load(Ordering::Acquire) {
        if let Ok(id) = scheduler.run(task, None, None).await {
            promised.push(id);
        }
        sleep(Duration::from_millis(30)).await;
    }
    promised
}
