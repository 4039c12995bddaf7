//! Migrations run once, in order, on every engine, whoever starts them.

use kageos_core::sql::testing::engines;
use kageos_core::sql::{Db, Engine, Migration, SqlError, migrate};
use tokio::task::JoinSet;

const FIRST: Migration = Migration::new(
    1,
    "people",
    "-- Who there is; and what they are called.
     CREATE TABLE person (
         id {id} NOT NULL PRIMARY KEY, -- a comment; with a semicolon
         name {text} NOT NULL
     ) {table_options};
     CREATE UNIQUE INDEX person_name ON person (name);
     INSERT INTO person (id, name) VALUES ('1', 'a;b');
    ",
);
const SECOND: Migration = Migration {
    mysql: Some("ALTER TABLE person ADD COLUMN born BIGINT, ADD COLUMN mysql_only BIGINT"),
    ..Migration::new(2, "birthdays", "ALTER TABLE person ADD COLUMN born {int}")
};
const WRONG: Migration =
    Migration::new(2, "wrong", "CREATE TABLE other (id {int});\nCREATE TABLE other (id {int});");

async fn applied(db: &Db) -> Vec<(i64, i64)> {
    let sql = "SELECT version, applied_at FROM schema_migration WHERE component = 'test' ORDER BY version";
    let rows = db.fetch_all(sql, &[]).await.unwrap();
    rows.iter().map(|it| (it.int("version").unwrap(), it.int("applied_at").unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_empty_to_latest_and_twice_is_nothing() {
    for db in engines().await.unwrap() {
        migrate(&db, "test", &[FIRST], 10).await.unwrap();
        migrate(&db, "test", &[FIRST, SECOND], 20).await.unwrap();
        migrate(&db, "test", &[FIRST, SECOND], 30).await.unwrap();
        migrate(&db, "other", &[], 40).await.unwrap();
        assert_eq!(applied(&db).await, [(1, 10), (2, 20)], "{:?}", db.engine());
        let rows = db.fetch_all("SELECT * FROM person", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text("name").unwrap(), "a;b");
        assert_eq!(rows[0].opt_int("born").unwrap(), None);
        assert_eq!(rows[0].value("mysql_only").is_ok(), db.engine() == Engine::MySql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_apply_once() {
    for db in engines().await.unwrap() {
        let mut tasks = JoinSet::new();
        for at in 0..6 {
            let options = db.options().clone();
            tasks.spawn(async move {
                let own = Db::open(&options).await.unwrap();
                let done = migrate(&own, "test", &[FIRST, SECOND], at).await;
                own.close().await;
                done
            });
        }
        for done in tasks.join_all().await {
            done.unwrap();
        }
        let applied = applied(&db).await;
        assert_eq!(applied.len(), 2, "{:?}", db.engine());
        assert_eq!(applied[0].1, applied[1].1, "one of them applied both");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_is_refused() {
    for db in engines().await.unwrap() {
        migrate(&db, "test", &[FIRST], 1).await.unwrap();
        let changed = Migration::new(1, "people", "SELECT 1");
        let refused = migrate(&db, "test", &[changed, SECOND], 2).await.unwrap_err();
        assert!(matches!(refused, SqlError::MigrationChanged { version: 1, .. }), "{refused:?}");
        assert_eq!(applied(&db).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_refused() {
    for db in engines().await.unwrap() {
        migrate(&db, "test", &[FIRST, SECOND], 1).await.unwrap();
        let refused = migrate(&db, "test", &[FIRST], 2).await.unwrap_err();
        assert!(matches!(refused, SqlError::MigrationUnknown { version: 2, .. }), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_undone_or_known() {
    for db in engines().await.unwrap() {
        migrate(&db, "test", &[FIRST], 1).await.unwrap();
        migrate(&db, "test", &[FIRST, WRONG], 2).await.unwrap_err();
        let again = migrate(&db, "test", &[FIRST, SECOND], 3).await;
        if db.engine() == Engine::MySql {
            assert!(matches!(again, Err(SqlError::MigrationInterrupted { version: 2, .. })), "{again:?}");
        } else {
            again.unwrap();
            assert_eq!(applied(&db).await, [(1, 1), (2, 3)]);
        }
    }
}
