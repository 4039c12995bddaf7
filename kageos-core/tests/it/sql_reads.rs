//! SQLite's readers: a read that nobody waits for gives its connection back at once, and harms no other.

use std::sync::Mutex;
use std::time::Duration;

use kageos_core::sql::testing::{TestDb, sqlite};
use kageos_core::sql::{Db, SqlError};
use tokio::sync::oneshot;

/// Counts for ever.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";
/// Counts for a moment.
const SHORT: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) SELECT COUNT(*) AS it FROM n";
/// Far above what any step here takes.
const SOON: Duration = Duration::from_secs(20);

/// A database with one reader, so that a read that holds it is felt by the next.
async fn narrow() -> (TestDb, Db) {
    let test = sqlite().await.unwrap();
    let options = test.options().clone().read_connections(1);
    let db = Db::open(&options).await.unwrap();
    (test, db)
}

/// Starts an endless read and drops it inside its statement.
async fn abandon(db: &Db) {
    let (entered, inside) = oneshot::channel();
    let (entered, db) = (Mutex::new(Some(entered)), db.clone());
    let read = tokio::spawn(async move {
        let unit = db.read(move |tx| {
            if let Some(entered) = entered.lock().unwrap().take() {
                entered.send(()).unwrap();
            }
            Box::pin(tx.fetch_one(ENDLESS, &[]))
        });
        unit.await
    });
    inside.await.unwrap();
    read.abort();
    assert!(read.await.unwrap_err().is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_read_gives_its_reader_back() {
    let (_test, db) = narrow().await;
    for _ in 0..3 {
        abandon(&db).await;
        assert_eq!(db.fetch_one("SELECT 7 AS it", &[]).await.unwrap().int("it").unwrap(), 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_does_not_wait_for_abandoned_reads() {
    let (_test, db) = narrow().await;
    abandon(&db).await;
    tokio::time::timeout(SOON, db.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_past_its_deadline_harms_no_other() {
    let (_test, db) = narrow().await;
    let late: Result<_, SqlError> =
        db.read_within(Duration::from_millis(1), |tx| Box::pin(tx.fetch_one(ENDLESS, &[]))).await;
    assert!(matches!(late, Err(SqlError::Timeout)), "{late:?}");
    for round in 0..300 {
        let deadline = Duration::from_micros(round * 5);
        let _: Result<_, SqlError> = db.read_within(deadline, |tx| Box::pin(tx.fetch_one(SHORT, &[]))).await;
        assert_eq!(db.fetch_one(SHORT, &[]).await.unwrap().int("it").unwrap(), 2000);
    }
}
