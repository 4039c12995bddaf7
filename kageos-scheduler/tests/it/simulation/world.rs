//! Workers, their lines to the store, the people, and what goes wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kageos_core::{Clock, Entropy, Env, ExecutionId, TaskId, Timestamp};
use kageos_scheduler::{
    Builder, Delay, Every, Memory, Missed, NewTask, Output, Overlap, Policy, Retry, Run, RunError, Schedule,
    Scheduler, TaskChange, TaskState, Trigger, Weather,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use super::journal::Journal;

pub(super) const LEASE: Duration = Duration::from_secs(10);
/// Spring, a day before the clocks of Berlin jump.
const START: i64 = 1_774_600_000_000_000;

/// Seeded randomness.
#[derive(Debug, Clone)]
pub(super) struct Dice(Arc<Mutex<ChaCha8Rng>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))))
    }

    pub(super) fn below(&self, most: u64) -> u64 {
        self.0.lock().unwrap().next_u64() % most
    }

    fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }

    fn pick<T: Clone>(&self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()].clone()
    }
}

impl Entropy for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

/// Virtual time; the time of day may be wrong.
#[derive(Debug)]
struct SimClock {
    began: Instant,
    wrong: AtomicI64,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START + self.wrong.load(Ordering::Relaxed)).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A worker's line to the store.
#[derive(Debug)]
struct Line {
    dice: Dice,
    /// Units that do not get there, and answers that do not come back, of a hundred.
    loss: AtomicI64,
    cut_until: Mutex<Instant>,
}

impl Line {
    fn way(&self) -> (Duration, bool) {
        let cut = self.cut_until.lock().unwrap().saturating_duration_since(Instant::now());
        let lost = self.dice.percent(u64::try_from(self.loss.load(Ordering::Relaxed)).unwrap());
        (cut + self.dice.millis(8), lost)
    }
}

impl Weather for Line {
    fn there(&self) -> (Duration, bool) {
        self.way()
    }

    fn back(&self) -> (Duration, bool) {
        self.way()
    }
}

struct Worker {
    name: String,
    scheduler: Scheduler,
    line: Arc<Line>,
    clock: Arc<SimClock>,
}

/// All of it.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) journal: Journal,
    pub(super) began: Instant,
    memory: Memory,
    workers: Vec<Worker>,
    /// The tasks, with what `check` needs to know of them.
    pub(super) tasks: BTreeMap<TaskId, Known>,
    /// Runs that somebody was told of.
    pub(super) promised: Vec<ExecutionId>,
}

/// What is known of a task.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The period, where each of its times can be told without the scheduler.
    pub(super) period_s: Option<u32>,
    pub(super) created: Timestamp,
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        let (dice, began) = (Dice::new(seed), Instant::now());
        let clock = Arc::new(SimClock { began, wrong: AtomicI64::default() });
        let line = Arc::new(Line { dice: dice.clone(), loss: 0.into(), cut_until: Mutex::new(began) });
        let memory = Memory::new(clock, line);
        let journal = Journal::default();
        let mut world = Self {
            dice,
            journal,
            began,
            memory,
            workers: Vec::new(),
            tasks: BTreeMap::new(),
            promised: Vec::new(),
        };
        for name in ["a", "b", "c"].into_iter().take(1 + usize::try_from(world.dice.below(3)).unwrap()) {
            world.start(name.to_owned()).await;
        }
        for _ in 0..3 + world.dice.below(5) {
            world.create().await;
        }
        world
    }

    pub(super) fn scheduler(&self) -> Scheduler {
        let all: Vec<_> = self.workers.iter().map(|it| it.scheduler.clone()).collect();
        self.dice.pick(&all)
    }

    async fn start(&mut self, name: String) {
        let wrong = self.dice.pick(&[0, 0, -3_600_000_000, 3_600_000_000]);
        let clock = Arc::new(SimClock { began: self.began, wrong: wrong.into() });
        let line =
            Arc::new(Line { dice: self.dice.clone(), loss: 0.into(), cut_until: Mutex::new(Instant::now()) });
        let env = Env { clock: clock.clone(), entropy: Arc::new(self.dice.clone()) };
        let builder = Scheduler::in_memory(self.memory.over(line.clone()), env).name(&name).lease(LEASE);
        let scheduler = self.executors(builder.slots(4).grace(Duration::from_secs(5))).start().await.unwrap();
        line.loss.store(1, Ordering::Relaxed);
        self.workers.push(Worker { name, scheduler, line, clock });
    }

    fn executors(&self, builder: Builder) -> Builder {
        let (dice, journal, began) = (self.dice.clone(), self.journal.clone(), self.began);
        builder.executor("work", move |run: Run| {
            let (dice, journal) = (dice.clone(), journal.clone());
            async move {
                let now = Timestamp::from_micros(START).plus(began.elapsed());
                let going = journal.begin(&run, now);
                let long = if dice.percent(10) { 25_000 } else { 3_000 };
                match dice.below(100) {
                    0..75 => sleep(dice.millis(long)).await,
                    75..85 => {
                        sleep(dice.millis(long)).await;
                        return Err(RunError::new("it does not work"));
                    }
                    85..88 => panic!("it panics"),
                    88..91 => run.cancelled.cancelled().await,
                    91..93 => std::future::pending().await,
                    _ => {}
                }
                going.done();
                Ok(Output::none())
            }
        })
    }

    fn policy(&self) -> Policy {
        let overlap = self.dice.pick(&[
            Overlap::Skip,
            Overlap::Skip,
            Overlap::Queue(2),
            Overlap::Allow(3),
            Overlap::CancelPrevious,
        ]);
        let missed = match overlap {
            Overlap::Queue(_) | Overlap::Allow(_) => {
                self.dice.pick(&[Missed::Once, Missed::Last(2), Missed::All, Missed::Skip])
            }
            _ => self.dice.pick(&[Missed::Once, Missed::Skip]),
        };
        let max_attempts = self.dice.pick(&[1, 1, 3]);
        Policy {
            missed,
            overlap,
            retry: Retry { max_attempts, first_s: 2, cap_s: 10, after_loss: true },
            timeout_s: 20,
            start_within_s: self.dice.pick(&[None, None, Some(30)]),
            priority: u8::try_from(self.dice.below(10)).unwrap(),
        }
    }

    async fn create(&mut self) {
        let period_s = self.dice.pick(&[2, 5, 7, 15, 60]);
        let (period, trigger) = match self.dice.below(4) {
            0 => (None, Trigger::Cron("*/20 * * * * *".to_owned())),
            1 => (None, Trigger::Delay(Delay { seconds: period_s })),
            _ => (Some(period_s), Trigger::Every(Every { seconds: period_s, from: None })),
        };
        let policy = self.policy();
        let schedule = Schedule::new(vec![trigger]);
        let key = self.dice.below(u64::MAX).to_string();
        let limit = match policy.overlap {
            Overlap::Allow(most) => usize::try_from(most).unwrap(),
            _ => 1,
        };
        let new = NewTask::new("work", &()).unwrap().schedule(schedule).policy(policy).key(key);
        // As a client does: again, until there is an answer.
        let task = loop {
            if let Ok(task) = self.scheduler().create(new.clone()).await {
                break task;
            }
        };
        self.journal.limit(task.id, limit);
        self.tasks.insert(task.id, Known { period_s: period, created: task.created });
    }

    /// Faults and people, for so long.
    pub(super) async fn storm(&mut self, long: Duration) {
        let end = Instant::now() + long;
        while Instant::now() < end {
            sleep(self.dice.millis(6_000)).await;
            match self.dice.below(100) {
                0..20 => self.crash().await,
                20..40 => self.cut(),
                40..50 => self.step_clock(),
                50..60 => self.worsen(),
                60..65 => self.replace().await,
                65..80 => self.ask().await,
                80..85 => self.hold().await,
                85..90 => self.cancel().await,
                90..95 => self.change().await,
                _ => {}
            }
        }
    }

    fn worker(&self) -> usize {
        usize::try_from(self.dice.below(self.workers.len() as u64)).unwrap()
    }

    async fn crash(&mut self) {
        let at = self.worker();
        let worker = self.workers.remove(at);
        worker.scheduler.crash();
        // With the same name it takes its place at once; with another one the lease runs out.
        let name = if self.dice.percent(50) { worker.name } else { self.dice.below(u64::MAX).to_string() };
        if self.dice.percent(50) || self.workers.is_empty() {
            sleep(self.dice.millis(15_000)).await;
        }
        self.start(name).await;
    }

    fn cut(&self) {
        let worker = &self.workers[self.worker()];
        *worker.line.cut_until.lock().unwrap() = Instant::now() + self.dice.millis(30_000);
    }

    fn step_clock(&self) {
        let hour = self.dice.pick(&[-3_600_000_000, 0, 3_600_000_000]);
        self.workers[self.worker()].clock.wrong.store(hour, Ordering::Relaxed);
    }

    fn worsen(&self) {
        self.workers[self.worker()].line.loss.store(self.dice.pick(&[0, 1, 10, 40]), Ordering::Relaxed);
    }

    /// One goes in order, another comes.
    async fn replace(&mut self) {
        let at = self.worker();
        let worker = self.workers.remove(at);
        let stop = async { worker.scheduler.stop().await };
        assert!(tokio::time::timeout(Duration::from_secs(120), stop).await.is_ok(), "a stop does not end");
        self.start(self.dice.below(u64::MAX).to_string()).await;
    }

    fn task(&self) -> TaskId {
        let all: Vec<_> = self.tasks.keys().copied().collect();
        self.dice.pick(&all)
    }

    /// Somebody wants a task to run now, and asks again until there is an answer.
    async fn ask(&mut self) {
        let (task, key) = (self.task(), self.dice.below(u64::MAX).to_string());
        for _ in 0..3 {
            if let Ok(id) = self.scheduler().run(task, Some(&key), None).await {
                assert!(!self.promised.contains(&id), "{id} was promised to somebody else");
                self.promised.push(id);
                break;
            }
        }
    }

    /// Somebody pauses a task for a while.
    async fn hold(&mut self) {
        let task = self.task();
        if self.scheduler().pause(task, "for a while").await.is_ok() {
            sleep(self.dice.millis(20_000)).await;
        }
        self.let_go(task).await;
    }

    async fn let_go(&self, task: TaskId) {
        while self.scheduler().resume(task).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Somebody wants a task to run at other times, or to be handled otherwise.
    async fn change(&mut self) {
        let task = self.task();
        let mut change = TaskChange { policy: Some(self.policy()), ..TaskChange::default() };
        if self.dice.percent(50) {
            let trigger = self.dice.pick(&[
                Trigger::Delay(Delay { seconds: 5 }),
                Trigger::Every(Every { seconds: 9, from: None }),
                Trigger::Cron("*/30 * * * * *".to_owned()),
            ]);
            change.schedule = Some(Schedule::new(vec![trigger]));
        }
        // What ran under the old rules may go on beside what the new ones begin.
        self.journal.unlimited(task);
        if let Some(known) = self.tasks.get_mut(&task) {
            known.period_s = None;
        }
        let _ = self.scheduler().change(task, None, change).await;
    }

    async fn cancel(&mut self) {
        let scheduler = self.scheduler();
        if let Ok(open) = scheduler.open(self.task()).await
            && let Some(first) = open.first()
        {
            let _ = scheduler.cancel(first.id).await;
        }
    }

    /// A schedule that is neither paused nor over has something to come, or a run that it waits for.
    async fn goes_on(&self, task: TaskId) {
        for _ in 0..20 {
            let row = self.scheduler().task(task).await.unwrap().unwrap();
            let open = self.scheduler().open(task).await.unwrap();
            if row.state != TaskState::Active || row.next_run.is_some() || !open.is_empty() {
                return;
            }
            // It may be between the two looks.
            sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing comes of {:?}", self.scheduler().task(task).await);
    }

    /// No more faults, and no more schedules: what is open must come to its end.
    pub(super) async fn peace(&mut self) {
        for worker in &self.workers {
            worker.line.loss.store(0, Ordering::Relaxed);
            *worker.line.cut_until.lock().unwrap() = Instant::now();
        }
        // First everything that is due has to be decided on.
        sleep(LEASE * 4).await;
        let tasks: Vec<_> = self.tasks.keys().copied().collect();
        for task in &tasks {
            self.goes_on(*task).await;
        }
        for task in &tasks {
            while self.scheduler().pause(*task, "the end").await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
        }
        let end = Instant::now() + Duration::from_secs(600);
        for task in tasks {
            while !self.scheduler().open(task).await.unwrap().is_empty() {
                assert!(Instant::now() < end, "{:?} do not end", self.scheduler().open(task).await);
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
