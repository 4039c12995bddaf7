//! MySQL and MariaDB.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions, MySqlRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, MySql, MySqlPool, Row as _, SqlSafeStr, Transaction, Type, TypeInfo,
    ValueRef,
};

use super::tx::bind;
use super::{IDLE, STATEMENTS};
use crate::sql::error::Cause;
use crate::sql::{DbOptions, SqlError, Value};

/// Makes a session behave like the others': `"` quotes names, `||` joins text, what is too long or out of
/// range is an error.
const SQL_MODE: &str = "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY,\
STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE'";
/// As on PostgreSQL: a statement sees what is committed, and the gaps between rows are not locked.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

pub(super) async fn open(options: &DbOptions) -> Result<MySqlPool, SqlError> {
    let url = options.url.strip_prefix("mariadb:").map(|rest| format!("mysql:{rest}"));
    let mut connect: MySqlConnectOptions = url.as_deref().unwrap_or(&options.url).parse().map_err(map)?;
    if let Some(database) = &options.database {
        connect = connect.database(database);
    }
    if let Some((name, password)) = &options.account {
        connect = connect.username(name).password(password);
    }
    if options.quiet {
        connect = connect.disable_statement_logging();
    }
    let connect = connect.statement_cache_capacity(STATEMENTS);
    let lock_wait = format!("SET SESSION innodb_lock_wait_timeout = {}", options.wait.as_secs().max(1));
    // MariaDB only: MySQL has no such limit, and takes this for a comment.
    let idle = format!("/*M!100303 SET SESSION idle_write_transaction_timeout = {} */", IDLE.as_secs());
    let session = format!("{SQL_MODE}; {ISOLATION}; {lock_wait}; {idle}");
    let pool = MySqlPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.wait)
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(session)).execute(connection).await.map(drop) })
        });
    pool.connect_with(connect).await.map_err(map)
}

/// A transaction that sees one state of the database.
pub(super) async fn begin_read(pool: &MySqlPool) -> Result<Transaction<'static, MySql>, SqlError> {
    let mut connection = pool.acquire().await.map_err(map)?;
    let level = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    sqlx::raw_sql(level).execute(&mut *connection).await.map_err(map)?;
    let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".into_sql_str();
    Transaction::begin(connection, Some(begin)).await.map_err(map)
}

/// The query with its deadline, as MariaDB (first comment) and MySQL (second) want it said.
pub(super) fn within(sql: Cow<'static, str>, deadline: Option<Duration>) -> Cow<'static, str> {
    let Some(deadline) = deadline else { return sql };
    let (seconds, millis) = (deadline.as_secs_f64(), deadline.as_millis().max(1));
    let mariadb = format!("/*M!100101 SET STATEMENT max_statement_time={seconds:.3} FOR */");
    match sql.trim_start().split_at_checked(6) {
        Some((verb, rest)) if verb.eq_ignore_ascii_case("select") => {
            format!("{mariadb} SELECT /*+ MAX_EXECUTION_TIME({millis}) */ {rest}").into()
        }
        _ => format!("{mariadb} {sql}").into(),
    }
}

pub(super) fn query(
    sql: Cow<'static, str>,
    params: &[Value<'_>],
) -> Result<Query<'static, MySql, MySqlArguments>, SqlError> {
    let mut arguments = MySqlArguments::default();
    bind(&mut arguments, params)?;
    Ok(sqlx::query_with(AssertSqlSafe(sql), arguments))
}

pub(super) fn decode(row: &MySqlRow, at: usize) -> Result<Value<'static>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    let kind = raw.type_info().into_owned();
    let null = raw.is_null();
    Ok(match kind.name() {
        _ if null => null_of(kind.name()),
        "BIGINT UNSIGNED" | "INT UNSIGNED" => {
            let it: u64 = row.try_get_unchecked(at)?;
            let it = i64::try_from(it).map_err(|error| sqlx::Error::Decode(error.into()))?;
            it.into()
        }
        name if name.contains("INT") || name == "BOOLEAN" || name == "YEAR" => {
            Value::Int(row.try_get_unchecked(at)?)
        }
        "DOUBLE" => Value::Real(row.try_get_unchecked(at)?),
        "FLOAT" => Value::Real(Some(f64::from(row.try_get_unchecked::<f32, _>(at)?))),
        "DECIMAL" => decimal(row.try_get_unchecked(at)?)?,
        _ if <str as Type<MySql>>::compatible(&kind) => row.try_get_unchecked::<String, _>(at)?.into(),
        _ => row.try_get_unchecked::<Vec<u8>, _>(at)?.into(),
    })
}

fn null_of(kind: &str) -> Value<'static> {
    match kind {
        "DOUBLE" | "FLOAT" => Value::Real(None),
        name if name.contains("BLOB") || name.contains("BINARY") => Value::Bytes(None),
        name if name.contains("CHAR") || name.contains("TEXT") => Value::Text(None),
        _ => Value::Int(None),
    }
}

/// What MySQL makes of a sum or average of integers. Whole numbers are integers, the rest is approximate.
fn decimal(text: &str) -> Result<Value<'static>, sqlx::Error> {
    if text.contains('.') {
        return text.parse::<f64>().map(Value::from).map_err(|error| sqlx::Error::Decode(error.into()));
    }
    text.parse::<i64>().map(Value::from).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) fn map(error: sqlx::Error) -> SqlError {
    super::error::map(error, situation)
}

/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>; the numbers are MySQL's too where not said.
fn situation(error: &dyn DatabaseError, source: Cause) -> Result<SqlError, Cause> {
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    Ok(match number {
        1213 => SqlError::Deadlock { source },
        1205 | 1040 | 1203 => SqlError::Busy { source },
        // MariaDB's, MySQL's, and a killed query.
        1969 | 3024 | 1317 => SqlError::Timeout,
        1021 | 1114 => SqlError::DiskFull { source },
        1290 | 1792 | 1836 => SqlError::ReadOnly { source },
        1053 | 1927 => SqlError::ConnectionLost { source },
        1264 | 1366 | 1406 => SqlError::ConstraintViolation { source },
        _ => return Err(source),
    })
}
