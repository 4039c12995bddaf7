//! One SQL text means the same on every engine.

use std::time::Duration;

use kageos_core::sql::testing::{TestDb, engines};
use kageos_core::sql::{Db, DbOptions, Migration, SqlError, Value, build, migrate, params};
use sea_query::{Alias, Expr, ExprTrait, Order, Query};

const TABLE: Migration = Migration::new(
    1,
    "one of each",
    "CREATE TABLE sample (
        id {id} NOT NULL PRIMARY KEY,
        whole {int},
        short {text},
        long_one {long_text},
        raw {bytes},
        ratio {real}
    ) {table_options};
    CREATE TABLE part (
        id {int} PRIMARY KEY,
        sample {id} NOT NULL,
        code {code} NOT NULL,
        CONSTRAINT part_sample FOREIGN KEY (sample) REFERENCES sample (id)
    ) {table_options};
    CREATE UNIQUE INDEX part_code ON part (sample, code);",
);

async fn databases() -> Vec<TestDb> {
    let all = engines().await.unwrap();
    for db in &all {
        migrate(db, "test", &[TABLE], 1).await.unwrap();
    }
    all
}

async fn insert(db: &Db, id: &str, whole: Option<i64>, short: Option<&str>) -> Result<u64, SqlError> {
    db.execute("INSERT INTO sample (id, whole, short) VALUES (?, ?, ?)", params![id, whole, short]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_as_they_went() {
    for db in databases().await {
        let texts = ["", " ", "a b ", "汉字 🦀 é", "'quoted' \"?\" \\ %_", "line\nline\ttab"];
        for (at, text) in texts.iter().enumerate() {
            let long = text.repeat(20_000);
            let raw: Vec<u8> = (0..=255).cycle().take(70_000).collect();
            let whole = [i64::MIN, -1, 0, 1, i64::MAX, 7][at];
            let ratio = [0.0, -1.5, 1e300, f64::MIN_POSITIVE, 0.1, 2.0][at];
            let id = format!("id{at}");
            let sql = "INSERT INTO sample (id, whole, short, long_one, raw, ratio) VALUES (?, ?, ?, ?, ?, ?)";
            db.execute(sql, params![&id, whole, *text, &long, &raw, ratio]).await.unwrap();
            let row = db.fetch_one("SELECT * FROM sample WHERE id = ?", params![&id]).await.unwrap();
            assert_eq!(row.text("id").unwrap(), id);
            assert_eq!(row.int("whole").unwrap(), whole);
            assert_eq!(row.text("short").unwrap(), *text);
            assert_eq!(row.text("long_one").unwrap(), long);
            assert_eq!(row.bytes("raw").unwrap(), raw);
            assert_eq!(row.real(5).unwrap(), ratio);
            assert_eq!(
                row.columns().collect::<Vec<_>>(),
                ["id", "whole", "short", "long_one", "raw", "ratio"]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_of_every_type_are_nulls() {
    for db in databases().await {
        let none = params!["n", None::<i64>, None::<&str>, None::<String>, None::<Vec<u8>>, None::<f64>];
        let sql = "INSERT INTO sample (id, whole, short, long_one, raw, ratio) VALUES (?, ?, ?, ?, ?, ?)";
        db.execute(sql, none).await.unwrap();
        let row = db.fetch_one("SELECT * FROM sample", &[]).await.unwrap();
        assert_eq!(row.opt_int("whole").unwrap(), None);
        assert_eq!(row.opt_bool("whole").unwrap(), None);
        assert_eq!(row.opt_text("short").unwrap(), None);
        assert_eq!(row.opt_text("long_one").unwrap(), None);
        assert_eq!(row.opt_bytes("raw").unwrap(), None);
        assert_eq!(row.opt_real("ratio").unwrap(), None);
        assert!(row.value("short").unwrap().is_null());
        assert!(matches!(row.int("whole"), Err(SqlError::ColumnType { .. })));
        assert!(matches!(row.text("whole2"), Err(SqlError::Column { name }) if name == "whole2"));
        assert!(matches!(row.text(6), Err(SqlError::Column { .. })));
        assert!(matches!(row.int("id"), Err(SqlError::ColumnType { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_with_nul_is_refused() {
    for db in databases().await {
        assert!(
            matches!(insert(&db, "a\0b", None, None).await, Err(SqlError::NulInText)),
            "{:?}",
            db.engine()
        );
        assert!(matches!(insert(&db, "a", None, Some("\0")).await, Err(SqlError::NulInText)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_compares_and_sorts_by_bytes() {
    for db in databases().await {
        for id in ["J1", "j1", "j1 ", "j", "é", "e", "Z", "a"] {
            insert(&db, id, None, Some(id)).await.unwrap();
        }
        for column in ["id", "short"] {
            let sorted = format!("SELECT {column} AS it FROM sample ORDER BY {column}");
            let rows = db.fetch_all(sorted, &[]).await.unwrap();
            let found: Vec<_> = rows.iter().map(|it| it.text("it").unwrap()).collect();
            assert_eq!(found, ["J1", "Z", "a", "e", "j", "j1", "j1 ", "é"], "{:?}", db.engine());
            let equal = format!("SELECT COUNT(*) AS it FROM sample WHERE {column} = ?");
            for (key, count) in [("J1", 1), ("j1", 1), ("j1 ", 1), ("J1 ", 0), ("É", 0), ("z", 0)] {
                let row = db.fetch_one(equal.clone(), params![key]).await.unwrap();
                assert_eq!(row.int("it").unwrap(), count, "{key} in {:?}", db.engine());
            }
        }
        let like = "SELECT COUNT(*) AS it FROM sample WHERE id LIKE ? ESCAPE '!'";
        assert_eq!(db.fetch_one(like, params!["j%"]).await.unwrap().int("it").unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_and_averages_have_types() {
    for db in databases().await {
        for (id, whole) in [("a", 1_i64), ("b", 2), ("c", -9_000_000_000)] {
            insert(&db, id, Some(whole), None).await.unwrap();
        }
        let sql =
            "SELECT SUM(whole) AS sum, COUNT(*) AS count, MAX(whole) AS max, AVG(ratio) AS none FROM sample";
        let row = db.fetch_one(sql, &[]).await.unwrap();
        assert_eq!(row.int("sum").unwrap(), -8_999_999_997, "{:?}", db.engine());
        assert_eq!((row.int("count").unwrap(), row.int("max").unwrap()), (3, 2));
        assert_eq!(row.opt_real("none").unwrap(), None);
        let row = db.fetch_one("SELECT AVG(whole) AS it FROM sample WHERE whole > 0", &[]).await.unwrap();
        assert_eq!(row.real("it").unwrap(), 1.5, "{:?}", db.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn violations_have_names() {
    for db in databases().await {
        insert(&db, "a", None, None).await.unwrap();
        let twice = insert(&db, "a", None, None).await.unwrap_err();
        assert!(twice.is_unique_violation() && !twice.retryable(), "{twice:?}");
        let part = "INSERT INTO part (id, sample, code) VALUES (?, ?, ?)";
        db.execute(part, params![1, "a", "x"]).await.unwrap();
        let named = db.execute(part, params![2, "a", "x"]).await.unwrap_err();
        let SqlError::UniqueViolation { constraint: Some(name), .. } = named else { panic!("{named:?}") };
        assert!(name.contains("part_code") || name.contains("part.code"), "{name}");
        let orphan = db.execute(part, params![3, "nobody", "x"]).await.unwrap_err();
        assert!(matches!(orphan, SqlError::ForeignKeyViolation { .. }), "{orphan:?}");
        let null = db.execute(part, params![3, "a", None::<&str>]).await.unwrap_err();
        assert!(matches!(null, SqlError::ConstraintViolation { .. }), "{null:?}");
        let wrong = db.execute("SELEC 1", &[]).await.unwrap_err();
        assert!(matches!(wrong, SqlError::Statement { .. }), "{wrong:?}");
        let few = db.fetch_all("SELECT * FROM part WHERE id = ?", &[]).await.unwrap_err();
        assert!(matches!(few, SqlError::Statement { .. } | SqlError::ConnectionLost { .. }), "{few:?}");
        let none = db.fetch_one("SELECT * FROM part WHERE id = ?", params![9]).await.unwrap_err();
        assert!(matches!(none, SqlError::NotFound), "{none:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_affected_are_rows_matched() {
    for db in databases().await {
        for id in ["a", "b"] {
            insert(&db, id, Some(1), None).await.unwrap();
        }
        let same = db.execute("UPDATE sample SET whole = ?", params![1]).await.unwrap();
        assert_eq!(same, 2, "{:?}", db.engine());
        assert_eq!(db.execute("DELETE FROM sample WHERE id = ?", params!["c"]).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_made_at_run_time() {
    for db in databases().await {
        for (id, whole) in [("a", Some(1)), ("b", None), ("c?", Some(3))] {
            insert(&db, id, whole, Some("it's \\ ?")).await.unwrap();
        }
        let mut select = Query::select();
        select.column(Alias::new("id")).from(Alias::new("sample"));
        select.and_where(Expr::col(Alias::new("whole")).gt(0).or(Expr::col(Alias::new("id")).eq("b")));
        select.and_where(Expr::col(Alias::new("short")).eq("it's \\ ?"));
        select.order_by(Alias::new("id"), Order::Desc).limit(2);
        let (sql, values) = build(db.engine(), &select).unwrap();
        let rows = db.fetch_all(sql, &values).await.unwrap();
        let ids: Vec<_> = rows.iter().map(|it| it.text(0).unwrap()).collect();
        assert_eq!(ids, ["c?", "b"], "{:?}", db.engine());

        let mut update = Query::update();
        update.table(Alias::new("sample")).value(Alias::new("whole"), None::<i64>);
        let (sql, values) = build(db.engine(), &update).unwrap();
        assert_eq!(db.execute(sql, &values).await.unwrap(), 3);

        let mut beyond = Query::select();
        beyond.expr(Expr::val(u64::MAX));
        assert!(matches!(build(db.engine(), &beyond), Err(SqlError::OutOfRange)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_stop_at_their_deadline() {
    for db in databases().await {
        for at in 0..300 {
            insert(&db, &format!("n{at}"), Some(at), None).await.unwrap();
        }
        let slow = "SELECT COUNT(*) AS it FROM sample AS a, sample AS b, sample AS c, sample AS d \
                    WHERE a.whole + b.whole + c.whole + d.whole = ?";
        let limit = Duration::from_millis(100);
        let slow: Result<_, SqlError> = db
            .read_within(limit, move |tx| Box::pin(async move { tx.fetch_one(slow, params![-1]).await }))
            .await;
        assert!(matches!(slow, Err(SqlError::Timeout)), "{:?} {slow:?}", db.engine());
        let quick = db.read_within(limit, |tx| Box::pin(tx.fetch_one("SELECT 1 AS it", &[]))).await;
        assert_eq!(quick.unwrap().int("it").unwrap(), 1, "{:?}", db.engine());
        let unlimited =
            db.fetch_one("SELECT COUNT(*) AS it FROM sample AS a, sample AS b, sample AS c", &[]).await;
        assert_eq!(unlimited.unwrap().int("it").unwrap(), 27_000_000, "{:?}", db.engine());
    }
}

#[tokio::test]
async fn addresses_that_are_not_understood() {
    for url in ["", "file.db", "oracle://x", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro"] {
        let error = Db::open(&DbOptions::new(url)).await.unwrap_err();
        assert!(matches!(error, SqlError::Url { .. }), "{url} {error:?}");
    }
    let missing = Db::open(&DbOptions::new("sqlite:/nowhere/at/all.db")).await.unwrap_err();
    assert!(matches!(missing, SqlError::ConnectionLost { .. }), "{missing:?}");
}

#[test]
fn parameters_keep_their_type_when_null() {
    assert_eq!(params![None::<i64>, None::<&str>], [Value::Int(None), Value::Text(None)]);
    assert_eq!(
        params![true, 7, "a"],
        [Value::Int(Some(1)), Value::Int(Some(7)), Value::Text(Some("a".into()))]
    );
}
