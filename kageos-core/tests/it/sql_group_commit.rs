//! SQLite's writer: groups what waits, and lets only the guilty fail.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kageos_core::sql::testing::{TestDb, sqlite};
use kageos_core::sql::{Db, DbOptions, Migration, SqlError, migrate, params};
use tokio::task::JoinHandle;

const TABLE: Migration = Migration::new(
    1,
    "rows",
    "CREATE TABLE sample (id {int} PRIMARY KEY, body {long_text}) {table_options};",
);
const INSERT: &str = "INSERT INTO sample (id, body) VALUES (?, ?)";

async fn database() -> TestDb {
    let db = sqlite().await.unwrap();
    migrate(&db, "test", &[TABLE], 1).await.unwrap();
    db
}

/// Holds the writer inside a unit until told to go on, so that what comes meanwhile waits in the queue.
async fn hold(db: &Db) -> (SyncSender<()>, JoinHandle<Result<(), SqlError>>) {
    let (go, wait): (SyncSender<()>, Receiver<()>) = sync_channel(1);
    let (entered, inside) = tokio::sync::oneshot::channel();
    let (wait, entered) = (Arc::new(Mutex::new(wait)), Mutex::new(Some(entered)));
    let db = db.clone();
    let task = tokio::spawn(async move {
        db.write(move |_| {
            if let Some(entered) = entered.lock().unwrap().take() {
                entered.send(()).unwrap();
                wait.lock().unwrap().recv().unwrap();
            }
            Box::pin(async { Ok(()) })
        })
        .await
    });
    inside.await.unwrap();
    (go, task)
}

/// Queues one unit for each body; `None` is a unit that panics.
async fn queue(db: &Db, bodies: Vec<Option<String>>) -> Vec<JoinHandle<Result<(), SqlError>>> {
    let mut tasks = Vec::new();
    for (id, body) in (1_i64..).zip(bodies) {
        let db = db.clone();
        tasks.push(tokio::spawn(async move {
            db.write_with((id, body), |(id, body), tx| {
                Box::pin(async move {
                    let body = body.as_ref().expect("a panic on purpose");
                    tx.execute(INSERT, params![*id, body]).await.map(drop)
                })
            })
            .await
        }));
        // The tasks queue their units in order when each is polled once before the next.
        tokio::task::yield_now().await;
    }
    tasks
}

/// Writes a row and refuses to keep it.
async fn undone(db: Db) -> Result<(), SqlError> {
    db.write(|tx| {
        Box::pin(async move {
            tx.execute(INSERT, params![9, "dry"]).await?;
            Err(SqlError::NotFound)
        })
    })
    .await
}

async fn outcomes(tasks: Vec<JoinHandle<Result<(), SqlError>>>) -> Vec<Result<(), SqlError>> {
    let mut out = Vec::new();
    for task in tasks {
        out.push(task.await.unwrap());
    }
    out
}

async fn ids(db: &Db) -> Vec<i64> {
    let rows = db.fetch_all("SELECT id FROM sample ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|it| it.int("id").unwrap()).collect()
}

#[tokio::test]
async fn what_waits_shares_one_commit() {
    let db = database().await;
    let (go, held) = hold(&db).await;
    let before = db.stats();
    let tasks = queue(&db, vec![Some(String::new()); 100]).await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    assert!(outcomes(tasks).await.iter().all(Result::is_ok));
    assert_eq!(db.stats().units - before.units, 101);
    let commits = db.stats().commits - before.commits;
    assert!(commits <= 2, "{commits}: the one that ran, and what came meanwhile with it or after it");
    assert_eq!(ids(&db).await.len(), 100);
}

#[tokio::test]
async fn one_that_comes_while_another_runs_and_is_undone_takes_nothing_with_it() {
    let db = database().await;
    for _ in 0..3 {
        let (go, held) = hold(&db).await;
        let refused = tokio::spawn(undone(db.db()));
        tokio::task::yield_now().await;
        let tasks = queue(&db, vec![Some(String::new()); 2]).await;
        go.send(()).unwrap();
        held.await.unwrap().unwrap();
        assert!(matches!(refused.await.unwrap(), Err(SqlError::NotFound)));
        assert!(outcomes(tasks).await.iter().all(Result::is_ok));
        assert_eq!(ids(&db).await, [1, 2]);
        db.execute("DELETE FROM sample", params![]).await.unwrap();
        // Alone, with and without savepoints.
        assert!(matches!(undone(db.db()).await, Err(SqlError::NotFound)));
        assert!(ids(&db).await.is_empty());
    }
}

#[tokio::test]
async fn one_that_fails_leaves_the_others() {
    let db = database().await;
    db.execute(INSERT, params![3, "taken"]).await.unwrap();
    let (go, held) = hold(&db).await;
    let mut bodies = vec![Some(String::new()); 5];
    bodies[1] = None;
    let tasks = queue(&db, bodies).await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let outcomes = outcomes(tasks).await;
    assert!(matches!(outcomes[1], Err(SqlError::UnitPanicked { .. })), "{outcomes:?}");
    assert!(matches!(outcomes[2], Err(SqlError::UniqueViolation { .. })), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 3);
    assert_eq!(ids(&db).await, [1, 3, 4, 5]);
}

#[tokio::test]
async fn one_that_wrote_and_refused_is_undone() {
    let db = database().await;
    let (go, held) = hold(&db).await;
    let mut tasks = queue(&db, vec![Some(String::new()); 2]).await;
    for id in [7, 8] {
        let db = db.db();
        tasks.push(tokio::spawn(async move {
            db.write(move |tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![id, "dry"]).await?;
                    Err(SqlError::NotFound)
                })
            })
            .await
        }));
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let outcomes = outcomes(tasks).await;
    assert!(matches!(outcomes[..], [Ok(()), Ok(()), Err(SqlError::NotFound), Err(SqlError::NotFound)]));
    assert_eq!(ids(&db).await, [1, 2]);
    assert_eq!(db.execute(INSERT, params![7, "again"]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_disk_fails_only_who_needs_room() {
    let db = database().await;
    db.execute(INSERT, params![100, "acknowledged"]).await.unwrap();
    let pages = db.fetch_one("PRAGMA page_count", &[]).await.unwrap().int(0).unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 10);
    let limited: Result<i64, SqlError> = db
        .write_with(limit, |limit, tx| {
            Box::pin(async move { tx.fetch_one(limit.clone(), &[]).await?.int(0) })
        })
        .await;
    assert_eq!(limited.unwrap(), pages + 10);
    let (go, held) = hold(&db).await;
    let mut bodies = vec![Some(String::new()); 5];
    bodies[2] = Some("x".repeat(1 << 20));
    let tasks = queue(&db, bodies).await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let outcomes = outcomes(tasks).await;
    assert!(matches!(outcomes[2], Err(SqlError::DiskFull { .. })), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 4, "{outcomes:?}");
    assert_eq!(ids(&db).await, [1, 2, 4, 5, 100]);
    let again = Db::open(db.options()).await.unwrap();
    assert_eq!(ids(&again).await, [1, 2, 4, 5, 100]);
}

#[tokio::test]
async fn a_commit_that_fails_is_redone_one_by_one() {
    let db = database().await;
    let table = "CREATE TABLE child (id INTEGER PRIMARY KEY, of INTEGER REFERENCES sample (id) \
                 DEFERRABLE INITIALLY DEFERRED)";
    db.execute(table, &[]).await.unwrap();
    let (go, held) = hold(&db).await;
    let orphan = {
        let db = db.db();
        let insert = "INSERT INTO child (id, of) VALUES (1, 77)";
        tokio::spawn(async move { db.execute(insert, &[]).await })
    };
    tokio::task::yield_now().await;
    let tasks = queue(&db, vec![Some(String::new()); 3]).await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let orphan = orphan.await.unwrap();
    assert!(matches!(orphan, Err(SqlError::ForeignKeyViolation { .. })), "{orphan:?}");
    assert!(outcomes(tasks).await.iter().all(Result::is_ok));
    assert_eq!(ids(&db).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_unit_nobody_waits_for_does_not_start() {
    let db = database().await;
    let (go, held) = hold(&db).await;
    let tasks = queue(&db, vec![Some(String::new()); 3]).await;
    tasks[1].abort();
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    for (at, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.is_ok(), at != 1);
    }
    assert_eq!(ids(&db).await, [1, 3]);
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let db = database().await;
    let (go, held) = hold(&db).await;
    let tasks = queue(&db, vec![Some(String::new()); 50]).await;
    let closing = {
        let db = db.db();
        tokio::spawn(async move { db.close().await })
    };
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    closing.await.unwrap();
    assert!(outcomes(tasks).await.iter().all(Result::is_ok));
    let again = Db::open(db.options()).await.unwrap();
    assert_eq!(ids(&again).await.len(), 50);
}

#[tokio::test]
async fn a_lock_held_by_another_process_is_busy_not_a_hang() {
    let db = database().await;
    let other = Db::open(&db.options().clone().wait(Duration::from_millis(20))).await.unwrap();
    let (go, held) = hold(&db).await;
    let busy = other.execute(INSERT, params![1, "b"]).await;
    assert!(matches!(&busy, Err(error @ SqlError::Busy { .. }) if error.retryable()), "{busy:?}");
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    other.execute(INSERT, params![1, "b"]).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_answers_in_time() {
    let db = database().await;
    let db = Db::open(&DbOptions::clone(db.options()).wait(Duration::from_millis(20))).await.unwrap();
    let (go, held) = hold(&db).await;
    let tasks = queue(&db, vec![Some(String::new()); 4096 + 10]).await;
    let late: Result<(), SqlError> = db.write(|_| Box::pin(async { Ok(()) })).await;
    assert!(matches!(late, Err(SqlError::QueueFull)), "{late:?}");
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let kept = outcomes(tasks).await.iter().filter(|it| it.is_ok()).count();
    assert_eq!(ids(&db).await.len(), kept);
    assert!(kept >= 4096, "{kept}");
}
