//! The workers' processes, and what happens to them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kageos_core::sql::{Db, DbOptions, params};
use kageos_core::{Env, ExecutionId};
use kageos_scheduler::{Output, Run, RunError, Scheduler};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::LEASE;

const URL: &str = "KAGEOS_TEST_WORKER_URL";
const NAME: &str = "KAGEOS_TEST_WORKER_NAME";

/// Most workers at a time.
const WORKERS: usize = 3;

struct Worker {
    name: String,
    process: Child,
    stopped_until: Option<Instant>,
}

pub(super) struct Crew {
    url: String,
    random: ChaCha8Rng,
    workers: Vec<Worker>,
    started: u32,
}

impl Crew {
    pub(super) async fn new(url: &str, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut crew = Self { url: url.to_owned(), random, workers: Vec::new(), started: 0 };
        for _ in 0..WORKERS {
            crew.start(None).await;
        }
        crew
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random.next_u64() % most
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }

    /// Starts a worker, in the place of one that had this name.
    async fn start(&mut self, name: Option<String>) {
        self.started += 1;
        let name = name.unwrap_or_else(|| format!("worker-{}", self.started));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "faults::worker_of_this_program", "--nocapture"]);
        command.env(URL, &self.url).env(NAME, &name).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let ready = tokio::task::spawn_blocking(move || {
            let mut lines = out.lines().map_while(Result::ok);
            let ready = lines.any(|line| line.contains("ready"));
            std::thread::spawn(move || lines.for_each(drop));
            ready
        });
        assert!(ready.await.unwrap(), "a worker does not start");
        self.workers.push(Worker { name, process, stopped_until: None });
    }

    /// One fault, a moment later.
    pub(super) async fn fault(&mut self) {
        let wait = self.millis(20..300);
        sleep(wait).await;
        self.go_on(false);
        let at = usize::try_from(self.below(WORKERS as u64)).unwrap();
        if self.below(100) < 70 {
            let mut worker = self.workers.remove(at);
            worker.process.kill().unwrap();
            worker.process.wait().unwrap();
            // With the same name it takes its place at once; else the lease has to run out.
            let same = (self.below(2) == 0).then_some(worker.name);
            self.start(same).await;
        } else if self.workers[at].stopped_until.is_none() {
            let pause = self.millis(1_500..3_000);
            let worker = &mut self.workers[at];
            signal(&worker.process, Signal::STOP);
            worker.stopped_until = Some(Instant::now() + pause);
        }
    }

    /// Lets those go on whose pause is over, or all.
    fn go_on(&mut self, all: bool) {
        for worker in &mut self.workers {
            if worker.stopped_until.is_some_and(|until| all || until <= Instant::now()) {
                signal(&worker.process, Signal::CONT);
                worker.stopped_until = None;
            }
        }
    }

    /// No more faults.
    pub(super) async fn calm(&mut self) {
        self.go_on(true);
    }

    pub(super) async fn end(mut self) {
        for worker in &mut self.workers {
            worker.process.kill().unwrap();
            worker.process.wait().unwrap();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // It may have ended.
            let _ = worker.process.kill();
            let _ = worker.process.wait();
        }
    }
}

fn signal(process: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a worker's process does until it is killed.
#[expect(clippy::disallowed_methods, reason = "who starts the process says what it works on")]
pub(super) fn work() {
    let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(NAME)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(&DbOptions::new(url)).await.unwrap();
        let effects = db.clone();
        let scheduler = Scheduler::builder(db, Env::system()).name(name).lease(LEASE).slots(8);
        let scheduler = scheduler.executor("work", move |run: Run| effect(effects.clone(), run));
        let _scheduler = scheduler.start().await.unwrap();
        println!("ready");
        std::future::pending::<()>().await;
    });
}

/// Writes that it begins, takes a while, sometimes fails, and writes that it is done.
async fn effect(db: Db, run: Run) -> Result<Output, RunError> {
    note(&db, run.execution, run.attempt, false).await?;
    let mix = run.nominal.as_micros().unsigned_abs() % 10;
    sleep(Duration::from_millis(mix * 25)).await;
    if mix == 7 {
        return Err(RunError::new("it does not work"));
    }
    note(&db, run.execution, run.attempt, true).await?;
    Ok(Output::none())
}

async fn note(db: &Db, id: ExecutionId, attempt: u32, done: bool) -> Result<(), RunError> {
    let sql = "INSERT INTO effect (execution, attempt, done) VALUES (?, ?, ?)";
    db.execute(sql, params![id.to_string(), attempt, done]).await?;
    Ok(())
}
