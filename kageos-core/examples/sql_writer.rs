//! `sql_writer FOLDER [UNITS]`: units a second of the group-commit writer beside a bare rusqlite loop that
//! does the same: 32 tasks, each unit one row and one log record.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program prints and reads the clock"
)]

use std::path::Path;
use std::time::Instant;
use std::{env, fs, thread};

use kageos_core::sql::{Db, DbOptions, SqlError, Synchronous, params};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TASKS: usize = 32;
const TABLES: &str =
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, amount REAL, stage TEXT, note TEXT);
     CREATE TABLE log (id INTEGER PRIMARY KEY, actor TEXT, path TEXT, at INTEGER, input TEXT, trace TEXT);
     CREATE INDEX log_path ON log (path, at);";
const ROW: &str = "INSERT INTO customer (name, amount, stage, note) VALUES (?, ?, ?, ?)";
const LOG: &str = "INSERT INTO log (actor, path, at, input, trace) VALUES (?, ?, ?, ?, ?)";
const NOTE: &str = "Met at the fair; wants the offer by Friday and a call next week.";
const INPUT: &str =
    r#"{"name":"Ada","amount":12.5,"stage":"lead","note":"Met at the fair; wants the offer"}"#;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("usage: sql_writer FOLDER [UNITS]")?;
    let units: usize = arguments.next().map_or(Ok(200_000), |it| it.parse())?;
    for (name, synchronous) in [("FULL", Synchronous::Full), ("NORMAL", Synchronous::Normal)] {
        for round in 0..3 {
            let bare = bare(&fresh(&folder, "bare")?, name, units).await?;
            let (seam, commits) = seam(&fresh(&folder, "seam")?, synchronous, units).await?;
            println!(
                "{name} {round}: bare {bare:.0}/s, seam {seam:.0}/s ({:.2}), {commits} commits",
                seam / bare
            );
        }
    }
    let one = units / 100;
    let db = Db::open(&DbOptions::new(fresh(&folder, "one")?)).await?;
    create(&db).await?;
    let start = Instant::now();
    for _ in 0..one {
        unit(&db, "Ada".to_owned()).await?;
    }
    println!("FULL, one task: {:.0} µs a unit", start.elapsed().as_secs_f64() * 1e6 / one as f64);
    reads(&db, units / 10).await
}

fn fresh(folder: &str, name: &str) -> Result<String, Failure> {
    let path = Path::new(folder).join(name);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    Ok(format!("sqlite:{}", path.display()))
}

async fn create(db: &Db) -> Result<(), Failure> {
    for statement in TABLES.split(';').filter(|it| !it.trim().is_empty()) {
        db.execute(statement.to_owned(), &[]).await?;
    }
    Ok(())
}

async fn unit(db: &Db, name: String) -> Result<(), SqlError> {
    db.write_with(name, |name, tx| {
        Box::pin(async move {
            tx.execute(ROW, params![name, 12.5, "lead", NOTE]).await?;
            tx.execute(LOG, params!["alice", "/demo/crm/customer.table", 1_i64, INPUT, TRACE]).await.map(drop)
        })
    })
    .await
}

async fn seam(url: &str, synchronous: Synchronous, units: usize) -> Result<(f64, u64), Failure> {
    let db = Db::open(&DbOptions::new(url).synchronous(synchronous)).await?;
    create(&db).await?;
    let before = db.stats().commits;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let db = db.clone();
        tasks.spawn(async move {
            for _ in 0..units / TASKS {
                unit(&db, "Ada".to_owned()).await?;
            }
            Ok::<(), SqlError>(())
        });
    }
    for done in tasks.join_all().await {
        done?;
    }
    let rate = units as f64 / start.elapsed().as_secs_f64();
    let commits = db.stats().commits - before;
    db.close().await;
    Ok((rate, commits))
}

type Job = (String, oneshot::Sender<i64>);

async fn bare(url: &str, synchronous: &'static str, units: usize) -> Result<f64, Failure> {
    let file = url.trim_start_matches("sqlite:").to_owned();
    let (jobs, queue) = mpsc::channel(4096);
    let writer = thread::spawn(move || bare_writer(&file, synchronous, queue));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let jobs = jobs.clone();
        tasks.spawn(async move {
            for _ in 0..units / TASKS {
                let (reply, done) = oneshot::channel();
                jobs.send(("Ada".to_owned(), reply)).await?;
                done.await?;
            }
            Ok::<(), Failure>(())
        });
    }
    drop(jobs);
    for done in tasks.join_all().await {
        done?;
    }
    let rate = units as f64 / start.elapsed().as_secs_f64();
    writer.join().map_err(|_| "the writer panicked")??;
    Ok(rate)
}

fn bare_writer(file: &str, synchronous: &str, mut jobs: mpsc::Receiver<Job>) -> rusqlite::Result<()> {
    let db = Connection::open(file)?;
    db.execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; {TABLES}"))?;
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < 512
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut ids = Vec::with_capacity(batch.len());
        {
            let (mut row, mut log) = (db.prepare_cached(ROW)?, db.prepare_cached(LOG)?);
            for (name, _) in &batch {
                ids.push(row.insert((name, 12.5, "lead", NOTE))?);
                log.insert(("alice", "/demo/crm/customer.table", 1_i64, INPUT, TRACE))?;
            }
        }
        db.execute_batch("COMMIT")?;
        for ((_, reply), id) in batch.into_iter().zip(ids) {
            let _ = reply.send(id);
        }
    }
    Ok(())
}

/// Point reads, one at a time and by 32 tasks.
async fn reads(db: &Db, count: usize) -> Result<(), Failure> {
    const SELECT: &str = "SELECT id, name, amount, stage, note FROM customer WHERE id = ?";
    for tasks in [1, TASKS] {
        let start = Instant::now();
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let db = db.clone();
            set.spawn(async move {
                for _ in 0..count / tasks {
                    db.fetch_one(SELECT, params![7]).await?;
                }
                Ok::<(), SqlError>(())
            });
        }
        for done in set.join_all().await {
            done?;
        }
        println!("point reads, {tasks} tasks: {:.0}/s", count as f64 / start.elapsed().as_secs_f64());
    }
    Ok(())
}
