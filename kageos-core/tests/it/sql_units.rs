//! Units commit as a whole on every engine, and end in typed errors when they misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kageos_core::sql::testing::{TestDb, engines};
use kageos_core::sql::{Db, Engine, Migration, SqlError, Value, migrate, params};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const TABLES: Migration = Migration::new(
    1,
    "accounts",
    "CREATE TABLE account (id {int} PRIMARY KEY, name {code} NOT NULL, amount {int} NOT NULL) {table_options};
     CREATE UNIQUE INDEX account_name ON account (name);",
);
const INSERT: &str = "INSERT INTO account (id, name, amount) VALUES (?, ?, ?)";

#[derive(Debug)]
enum Refusal {
    Dry(u64),
    Sql(SqlError),
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

async fn databases() -> Vec<TestDb> {
    let all = engines().await.unwrap();
    for db in &all {
        migrate(db, "test", &[TABLES], 1).await.unwrap();
    }
    all
}

async fn count(db: &Db) -> i64 {
    db.fetch_one("SELECT COUNT(*) AS it FROM account", &[]).await.unwrap().int("it").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_keeps_nothing() {
    for db in databases().await {
        let dry: Result<(), Refusal> = db
            .write(|tx| {
                Box::pin(async move {
                    let touched = tx.execute(INSERT, params![1, "a", 5]).await?;
                    let row = tx.fetch_one("SELECT name FROM account WHERE id = ?", params![1]).await?;
                    assert_eq!(row.text("name")?, "a");
                    Err(Refusal::Dry(touched))
                })
            })
            .await;
        match dry {
            Err(Refusal::Dry(touched)) => assert_eq!(touched, 1),
            Err(Refusal::Sql(error)) => panic!("{error}"),
            Ok(()) => panic!("kept"),
        }
        assert_eq!(count(&db).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_borrows_its_input() {
    for db in databases().await {
        let rows = vec![(1_i64, "a".to_owned()), (2, "b".to_owned())];
        let kept: Result<usize, SqlError> = db
            .write_with(rows, |rows, tx| {
                Box::pin(async move {
                    for (id, name) in rows {
                        tx.execute_expect(INSERT, params![*id, name, 0], 1).await?;
                    }
                    Ok(rows.len())
                })
            })
            .await;
        assert_eq!(kept.unwrap(), 2);
        assert_eq!(count(&db).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_rows_is_an_error() {
    for db in databases().await {
        let missed: Result<(), SqlError> = db
            .write(|tx| {
                Box::pin(tx.execute_expect("UPDATE account SET amount = 1 WHERE id = 9", params![], 1))
            })
            .await;
        assert!(matches!(missed, Err(SqlError::RowsAffected { expected: 1, actual: 0 })), "{missed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_violation_that_was_tried_does_not_end_the_unit() {
    for db in databases().await {
        let name: Result<String, SqlError> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![1, "a", 0]).await?;
                    let taken = tx.try_execute(INSERT, params![2, "a", 0]).await;
                    assert!(taken.as_ref().is_err_and(SqlError::is_unique_violation), "{taken:?}");
                    tx.execute(INSERT, params![2, "a2", 0]).await?;
                    Ok("a2".to_owned())
                })
            })
            .await;
        assert_eq!(name.unwrap(), "a2");
        assert_eq!(count(&db).await, 2, "{:?}", db.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_violation_that_was_swallowed_ends_the_unit() {
    for db in databases().await {
        let swallowed: Result<(), SqlError> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![1, "a", 0]).await?;
                    let _ = tx.execute(INSERT, params![2, "a", 0]).await;
                    let after = tx.execute(INSERT, params![3, "c", 0]).await;
                    assert!(matches!(after, Err(SqlError::Aborted)), "{after:?}");
                    Ok(())
                })
            })
            .await;
        assert!(matches!(swallowed, Err(SqlError::Aborted)), "{:?} {swallowed:?}", db.engine());
        assert_eq!(count(&db).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_undoes_its_part_only() {
    for db in databases().await {
        let kept: Result<(), SqlError> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![1, "a", 0]).await?;
                    let part: Result<(), SqlError> = tx
                        .savepoint(|tx| {
                            Box::pin(async move {
                                tx.execute(INSERT, params![2, "b", 0]).await?;
                                tx.execute(INSERT, params![3, "b", 0]).await.map(drop)
                            })
                        })
                        .await;
                    assert!(part.is_err_and(|it| it.is_unique_violation()));
                    let fine: Result<u64, SqlError> = tx
                        .savepoint(|tx| Box::pin(async move { tx.execute(INSERT, params![4, "d", 0]).await }))
                        .await;
                    assert_eq!(fine?, 1);
                    Ok(())
                })
            })
            .await;
        kept.unwrap();
        let rows = db.fetch_all("SELECT id FROM account ORDER BY id", &[]).await.unwrap();
        let ids: Vec<_> = rows.iter().map(|it| it.int("id").unwrap()).collect();
        assert_eq!(ids, [1, 4], "{:?}", db.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_with_one_text() {
    for db in databases().await {
        let names: Vec<String> = (0..1000).map(|it| format!("n{it}")).collect();
        let before = db.stats().commits;
        let touched: Result<u64, SqlError> = db
            .write_with(names, |names, tx| {
                Box::pin(async move {
                    let row = |(id, name): (i64, &String)| {
                        params![id, name, 1].to_vec().into_iter().map(Value::into_owned).collect()
                    };
                    let rows: Vec<Vec<Value<'_>>> = (0..).zip(names).map(row).collect();
                    let none = tx.execute_many(INSERT, &[]).await?;
                    assert_eq!(none, 0);
                    let inserted = tx.execute_many(INSERT, &rows).await?;
                    let ids: Vec<Vec<Value<'_>>> = (0..10_i64).map(|it| vec![it.into()]).collect();
                    let deleted = tx.execute_many("DELETE FROM account WHERE id = ?", &ids).await?;
                    Ok(inserted + deleted)
                })
            })
            .await;
        assert_eq!(touched.unwrap(), 1010, "{:?}", db.engine());
        assert_eq!(count(&db).await, 990);
        assert_eq!(db.stats().commits, before + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_units_lose_nothing() {
    for db in databases().await {
        let mut tasks = JoinSet::new();
        for task in 0..32_i64 {
            let db = db.db();
            tasks.spawn(async move {
                db.execute(INSERT, params![task * 1000, format!("sum{task}"), 0]).await.unwrap();
                for at in 1..=200_i64 {
                    let id = task * 1000 + at;
                    let unit: Result<(), SqlError> = db
                        .write(move |tx| {
                            Box::pin(async move {
                                tx.execute(INSERT, params![id, format!("n{id}"), 1]).await?;
                                let add = "UPDATE account SET amount = amount + 1 WHERE id = ?";
                                tx.execute_expect(add, params![task * 1000], 1).await
                            })
                        })
                        .await;
                    unit.unwrap();
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(count(&db).await, 32 * 201, "{:?}", db.engine());
        let sum = db.fetch_one("SELECT SUM(amount) AS it FROM account", &[]).await.unwrap();
        assert_eq!(sum.int("it").unwrap(), 2 * 6400, "{:?}", db.engine());
    }
}

/// Two units that lock two rows in opposite order meet at a barrier, each holding one; servers only, since
/// SQLite's writer runs one unit at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_run_again() {
    const ADD: &str = "UPDATE account SET amount = amount + 1 WHERE id = ?";
    for db in databases().await.into_iter().filter(|it| it.engine() != Engine::Sqlite) {
        db.execute(INSERT, params![1, "a", 0]).await.unwrap();
        db.execute(INSERT, params![2, "b", 0]).await.unwrap();
        let (barrier, runs) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
        let mut tasks = JoinSet::new();
        for order in [[1, 2], [2, 1]] {
            let (db, input) = (db.db(), (Arc::clone(&barrier), Arc::clone(&runs), order));
            tasks.spawn(async move {
                db.write_with(input, |(barrier, runs, [first, second]), tx| {
                    Box::pin(async move {
                        tx.execute_expect(ADD, params![*first], 1).await?;
                        if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                            barrier.wait().await;
                        }
                        tx.execute_expect(ADD, params![*second], 1).await
                    })
                })
                .await
            });
        }
        for moved in tasks.join_all().await {
            let moved: Result<(), SqlError> = moved;
            moved.unwrap();
        }
        assert_eq!(runs.load(Ordering::SeqCst), 3, "{:?}", db.engine());
        let sum = db.fetch_one("SELECT SUM(amount) AS it FROM account", &[]).await.unwrap();
        assert_eq!(sum.int("it").unwrap(), 4, "{:?}", db.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_and_the_next_unit_runs() {
    for db in databases().await {
        let panicked: Result<(), SqlError> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![1, "a", 0]).await?;
                    panic!("on purpose")
                })
            })
            .await;
        let message = "on purpose";
        assert!(
            matches!(&panicked, Err(SqlError::UnitPanicked { message: it }) if it == message),
            "{panicked:?}"
        );
        let read: Result<(), SqlError> = db.read(|_| panic!("before the first await")).await;
        assert!(matches!(read, Err(SqlError::UnitPanicked { .. })), "{read:?}");
        assert_eq!(count(&db).await, 0);
        db.execute(INSERT, params![1, "a", 0]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_waits_for_something_else_is_refused() {
    for db in databases().await.into_iter().filter(|it| it.engine() == Engine::Sqlite) {
        let suspended: Result<(), SqlError> = db
            .write(|tx| {
                Box::pin(async move {
                    tx.execute(INSERT, params![1, "a", 0]).await?;
                    tokio::task::yield_now().await;
                    Ok(())
                })
            })
            .await;
        assert!(matches!(suspended, Err(SqlError::UnitSuspended)), "{suspended:?}");
        assert_eq!(count(&db).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_one_state_and_cannot_write() {
    for db in databases().await {
        db.execute(INSERT, params![1, "a", 0]).await.unwrap();
        let seen = Arc::new(AtomicU32::new(0));
        let refused: Result<u64, SqlError> =
            db.read(|tx| Box::pin(async move { tx.execute(INSERT, params![2, "b", 0]).await })).await;
        assert!(matches!(refused, Err(SqlError::ReadOnly { .. })), "{:?} {refused:?}", db.engine());
        let both: Result<(i64, i64), SqlError> = db
            .read(move |tx| {
                let seen = Arc::clone(&seen);
                Box::pin(async move {
                    seen.fetch_add(1, Ordering::Relaxed);
                    let first = tx.fetch_one("SELECT COUNT(*) AS it FROM account", &[]).await?.int("it")?;
                    let second = tx.fetch_one("SELECT COUNT(*) AS it FROM account", &[]).await?.int("it")?;
                    Ok((first, second))
                })
            })
            .await;
        assert_eq!(both.unwrap(), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_says_so() {
    for db in databases().await {
        let late = db.db();
        db.close().await;
        let write = late.execute(INSERT, params![1, "a", 0]).await;
        assert!(matches!(write, Err(SqlError::Closed)), "{:?} {write:?}", db.engine());
        let read = late.fetch_all("SELECT 1 AS it", &[]).await;
        assert!(matches!(read, Err(SqlError::Closed)), "{:?} {read:?}", db.engine());
        late.close().await;
    }
}
