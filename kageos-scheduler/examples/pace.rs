//! `pace URL [EXECUTIONS]`: how fast a scheduler works on an empty database, as one JSON line for each figure.
//!
//! - `drain`: executions of a task that does nothing, queued before, worked to their durable ends; beside `raw`, the
//!   same rows moved by bare statements in batches of a hundred, without anything decided.
//! - `start`: from asking for a run of an idle scheduler to the first line of the executor.
//! - `late`: from the planned moment to the first line of the executor, of one task and of a thousand at one moment.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program prints, reads the clock and its arguments"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use kageos_core::sql::{Db, DbOptions, SqlError, Value};
use kageos_core::{Env, TaskId, Timestamp};
use kageos_scheduler::{At, NewTask, Output, Overlap, Policy, Run, RunError, Schedule, Scheduler, Trigger};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Begun = mpsc::UnboundedReceiver<(Timestamp, Timestamp)>;

const PAYLOAD: &str = "Two hundred bytes or so: what a task says to its executor, as a form with a handful of fields \
                       would have it, neither empty nor large, the same for all of them, so that only the rest is measured.";
/// Callers that ask for runs side by side.
const CALLERS: usize = 256;
/// Rows in a batch of the bare loop.
const BATCH: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("pace URL [EXECUTIONS]")?;
    let count = arguments.next().map_or(Ok(50_000), |it| it.parse())?;
    let db = Db::open(&DbOptions::new(url)).await?;
    drain(&db, count).await?;
    raw(&db, count).await?;
    start(&db).await?;
    for tasks in [1, 1_000] {
        late(&db, tasks).await?;
    }
    Ok(())
}

fn nothing() -> (impl Fn(Run) -> std::future::Ready<Result<Output, RunError>> + Send + Sync, Begun) {
    let (begun, heard) = mpsc::unbounded_channel();
    let env = Env::system();
    let work = move |run: Run| {
        // Whoever listens has gone when all is measured.
        let _ = begun.send((run.planned, env.now()));
        std::future::ready(Ok(Output::none()))
    };
    (work, heard)
}

async fn task(scheduler: &Scheduler, schedule: Option<Schedule>) -> Result<TaskId, Failure> {
    let policy = Policy { overlap: Overlap::Allow(1000), ..Policy::default() };
    let mut new = NewTask::new("work", &PAYLOAD)?.policy(policy);
    new.schedule = schedule;
    Ok(scheduler.create(new).await?.id)
}

/// Queues executions by a scheduler that has no executor.
async fn queue(scheduler: &Scheduler, task: TaskId, count: usize) -> Result<(), Failure> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let scheduler = scheduler.clone();
        callers.spawn(async move {
            for _ in (caller..count).step_by(CALLERS) {
                scheduler.run(task, None, None).await?;
            }
            Ok::<_, kageos_core::Error>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(())
}

async fn drain(db: &Db, count: usize) -> Result<(), Failure> {
    let driver = Scheduler::builder(db.clone(), Env::system()).name("driver").start().await?;
    let task = task(&driver, None).await?;
    let queued = Instant::now();
    queue(&driver, task, count).await?;
    say("enqueue", count, queued.elapsed());
    let (work, _heard) = nothing();
    let before = db.stats();
    let begun = Instant::now();
    let worker =
        Scheduler::builder(db.clone(), Env::system()).name("worker").slots(1000).executor("work", work);
    let worker = worker.start().await?;
    loop {
        let sql = "SELECT COUNT(*) AS open FROM schedule_execution";
        if db.fetch_one(sql, &[]).await?.int("open")? == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    say("drain", count, begun.elapsed());
    let commits = db.stats().commits - before.commits;
    println!("{{\"what\":\"drain_commits\",\"count\":{count},\"commits\":{commits}}}");
    worker.stop().await;
    driver.stop().await;
    Ok(())
}

/// The rows of as many executions, moved by bare statements: claimed, taken away, noted as ended.
async fn raw(db: &Db, count: usize) -> Result<(), Failure> {
    let driver = Scheduler::builder(db.clone(), Env::system()).name("driver").start().await?;
    let task = task(&driver, None).await?;
    queue(&driver, task, count).await?;
    driver.stop().await;
    let begun = Instant::now();
    while batch(db).await? > 0 {}
    say("raw", count, begun.elapsed());
    Ok(())
}

async fn batch(db: &Db) -> Result<usize, SqlError> {
    db.write(|tx| {
        Box::pin(async move {
            let sql = format!("SELECT id FROM schedule_execution WHERE place_at IS NOT NULL ORDER BY place_at LIMIT {BATCH}");
            let found = tx.fetch_all(sql, &[]).await?;
            let ids = found.iter().map(|row| Ok(Value::from(row.text("id")?)));
            let ids = ids.collect::<Result<Vec<_>, SqlError>>()?;
            if ids.is_empty() {
                return Ok(0);
            }
            let marks = vec!["?"; ids.len()].join(", ");
            let claim = "UPDATE schedule_execution SET state = 'running', attempt = 1, place_at = NULL WHERE id IN";
            tx.execute(format!("{claim} ({marks})"), &ids).await?;
            tx.execute(format!("DELETE FROM schedule_execution WHERE id IN ({marks})"), &ids).await?;
            let sql = "INSERT INTO schedule_ended (id, task_id, source, nominal_at, planned_at, state, attempts, created_at, \
                       ended_at) VALUES (?, ?, 'manual', 0, 0, 'succeeded', 1, 0, 0)";
            let rows: Vec<_> = ids.iter().map(|id| vec![id.clone(), id.clone()]).collect();
            tx.execute_many(sql, &rows).await?;
            Ok(rows.len())
        })
    })
    .await
}

async fn start(db: &Db) -> Result<(), Failure> {
    let (work, mut heard) = nothing();
    let worker = Scheduler::builder(db.clone(), Env::system()).executor("work", work).start().await?;
    let task = task(&worker, None).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let env = Env::system();
    let mut took = Vec::new();
    for _ in 0..500 {
        let asked = env.now();
        worker.run(task, None, None).await?;
        let (_, begun) = heard.recv().await.ok_or("the executor is gone")?;
        took.push(begun.since(asked));
        // Idle again.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    quantiles("start", 1, took);
    worker.stop().await;
    Ok(())
}

async fn late(db: &Db, tasks: usize) -> Result<(), Failure> {
    let (work, mut heard) = nothing();
    let worker =
        Scheduler::builder(db.clone(), Env::system()).slots(1000).executor("work", work).start().await?;
    let mut took = Vec::new();
    let rounds = if tasks == 1 { 20 } else { 5 };
    for _ in 0..rounds {
        let wait = Duration::from_millis(if tasks == 1 { 200 } else { 3_000 });
        let moment = Env::system().now().plus(wait);
        let worker = Arc::new(worker.clone());
        for _ in 0..tasks {
            let schedule = Schedule::new(vec![Trigger::At(At::Instant(moment))]);
            let worker = Arc::clone(&worker);
            task(&worker, Some(schedule)).await?;
        }
        for _ in 0..tasks {
            let (planned, begun) = heard.recv().await.ok_or("the executor is gone")?;
            took.push(begun.since(planned));
        }
    }
    quantiles("late", tasks, took);
    worker.stop().await;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn say(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("{{\"what\":\"{what}\",\"count\":{count},\"per_second\":{rate:.0}}}");
}

fn quantiles(what: &str, tasks: usize, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_micros();
    println!(
        "{{\"what\":\"{what}\",\"tasks\":{tasks},\"p50_us\":{},\"p99_us\":{},\"max_us\":{}}}",
        at(50),
        at(99),
        at(100)
    );
}
