//! PostgreSQL.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, PgPool, Postgres, Row as _, SqlSafeStr, SqlStr,
    Transaction, TypeInfo, ValueRef,
};

use super::tx::bind;
use super::{IDLE, STATEMENTS};
use crate::sql::error::Cause;
use crate::sql::{DbOptions, SqlError, Value, numbered};

/// Rows of one insert at most. The driver leaves Nagle's algorithm on, so a statement of several packets may wait
/// 40 ms for the server's acknowledgement; beyond this the waits no longer count.
const INSERT_ROWS: usize = 4096;
/// Bytes of one insert, about: what both ends hold at once.
const INSERT_BYTES: usize = 4 << 20;

pub(super) async fn open(options: &DbOptions) -> Result<PgPool, SqlError> {
    let (wait_ms, idle_ms) = (options.wait.as_millis().to_string(), IDLE.as_millis().to_string());
    let mut connect: PgConnectOptions = options.url.parse().map_err(map)?;
    if let Some(database) = &options.database {
        connect = connect.database(database);
    }
    if let Some((name, password)) = &options.account {
        connect = connect.username(name).password(password);
    }
    if options.quiet {
        connect = connect.disable_statement_logging();
    }
    let connect = connect.statement_cache_capacity(STATEMENTS).application_name("kageos").options([
        ("lock_timeout", wait_ms.as_str()),
        ("idle_in_transaction_session_timeout", idle_ms.as_str()),
        ("timezone", "UTC"),
    ]);
    let pool = PgPoolOptions::new().max_connections(options.max_connections).acquire_timeout(options.wait);
    pool.connect_with(connect).await.map_err(map)
}

/// A transaction that sees one state of the database.
pub(super) async fn begin_read(
    pool: &PgPool,
    deadline: Option<Duration>,
) -> Result<Transaction<'static, Postgres>, SqlError> {
    let begun = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
    let mut tx = begun.map_err(map)?;
    if let Some(deadline) = deadline {
        let limit = format!("SET LOCAL statement_timeout = {}", deadline.as_millis().max(1));
        sqlx::raw_sql(AssertSqlSafe(limit)).execute(&mut *tx).await.map_err(map)?;
    }
    Ok(tx)
}

/// The transaction has its deadline already.
pub(super) fn within(sql: Cow<'static, str>, _: Option<Duration>) -> Cow<'static, str> {
    sql
}

pub(super) fn query(
    sql: Cow<'static, str>,
    params: &[Value<'_>],
) -> Result<Query<'static, Postgres, PgArguments>, SqlError> {
    let mut arguments = PgArguments::default();
    bind(&mut arguments, params)?;
    Ok(sqlx::query_with(statement(sql), arguments))
}

/// The kind of a column, as its values have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Real,
    Text,
    Bytes,
}

impl Type {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Int(_) => Self::Int,
            Value::Real(_) => Self::Real,
            Value::Text(_) => Self::Text,
            Value::Bytes(_) => Self::Bytes,
        }
    }

    fn array(self) -> &'static str {
        match self {
            Self::Int => "?::int8[]",
            Self::Real => "?::float8[]",
            Self::Text => "?::text[]",
            Self::Bytes => "?::bytea[]",
        }
    }
}

/// The kinds of the columns, when all rows agree.
pub(super) fn types(rows: &[Vec<Value<'_>>]) -> Option<Vec<Type>> {
    let types: Vec<Type> = rows.first()?.iter().map(Type::of).collect();
    let agree = |row: &Vec<Value<'_>>| row.iter().map(Type::of).eq(types.iter().copied());
    rows.iter().all(agree).then_some(types)
}

/// Inserts rows as one array for each column: one short text, however many rows there are.
pub(super) async fn insert_many(
    tx: &mut Transaction<'static, Postgres>,
    sql: &str,
    tuple: &str,
    types: Vec<Type>,
    rows: &[Vec<Value<'_>>],
) -> Result<u64, SqlError> {
    let head = sql.trim_end().strip_suffix(tuple).unwrap_or(sql).trim_end();
    let head = &head[..head.len() - "VALUES".len()];
    let arrays: Vec<_> = types.iter().map(|it| it.array()).collect();
    let text: Arc<str> = numbered(&format!("{head}SELECT * FROM UNNEST({})", arrays.join(", "))).into();
    let (mut count, mut rest) = (0, rows);
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(chunk(rest));
        let mut arguments = PgArguments::default();
        for (at, kind) in types.iter().enumerate() {
            bind_column(&mut arguments, *kind, chunk.iter().map(|row| &row[at]))?;
        }
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(&text)), arguments);
        count += query.execute(&mut **tx).await.map_err(map)?.rows_affected();
        rest = tail;
    }
    Ok(count)
}

/// How many of the rows go together; at least one.
fn chunk(rows: &[Vec<Value<'_>>]) -> usize {
    let size = |value: &Value<'_>| match value {
        Value::Text(Some(it)) => it.len(),
        Value::Bytes(Some(it)) => it.len(),
        _ => 8,
    };
    let sizes = rows.iter().scan(0, |sum, row| {
        *sum += row.iter().map(size).sum::<usize>();
        Some(*sum)
    });
    sizes.take(INSERT_ROWS).take_while(|sum| *sum <= INSERT_BYTES).count().max(1)
}

fn bind_column<'v>(
    arguments: &mut PgArguments,
    kind: Type,
    column: impl Iterator<Item = &'v Value<'v>> + Clone,
) -> Result<(), SqlError> {
    let nul = |value: &Value<'_>| matches!(value, Value::Text(Some(it)) if it.as_bytes().contains(&0));
    if column.clone().any(nul) {
        return Err(SqlError::NulInText);
    }
    let added = match kind {
        Type::Int => arguments.add(column.map(int).collect::<Vec<_>>()),
        Type::Real => arguments.add(column.map(real).collect::<Vec<_>>()),
        Type::Text => arguments.add(column.map(text).collect::<Vec<_>>()),
        Type::Bytes => arguments.add(column.map(bytes).collect::<Vec<_>>()),
    };
    added.map_err(|error| SqlError::Statement { source: Arc::from(error) })
}

fn int(value: &Value<'_>) -> Option<i64> {
    if let Value::Int(it) = value { *it } else { None }
}

fn real(value: &Value<'_>) -> Option<f64> {
    if let Value::Real(it) = value { *it } else { None }
}

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    if let Value::Text(it) = value { it.as_deref() } else { None }
}

fn bytes<'v>(value: &'v Value<'_>) -> Option<&'v [u8]> {
    if let Value::Bytes(it) = value { it.as_deref() } else { None }
}

/// Statements by the place and length of the fixed text they were made from.
type Texts = HashMap<(usize, usize), Arc<str>>;

/// Numbers the placeholders; for fixed texts once, remembered by where the text lies.
fn statement(sql: Cow<'static, str>) -> SqlStr {
    static NUMBERED: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);
    let fixed = match sql {
        Cow::Owned(sql) => return AssertSqlSafe(numbered(&sql).into_owned()).into_sql_str(),
        Cow::Borrowed(sql) if !sql.contains('?') => return sql.into_sql_str(),
        Cow::Borrowed(sql) => sql,
    };
    let key = (fixed.as_ptr().addr(), fixed.len());
    let known = NUMBERED.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let text = known.unwrap_or_else(|| {
        let text: Arc<str> = numbered(fixed).into();
        NUMBERED.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&text));
        text
    });
    AssertSqlSafe(text).into_sql_str()
}

pub(super) fn decode(row: &PgRow, at: usize) -> Result<Value<'static>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    let kind = raw.type_info().into_owned();
    if raw.is_null() {
        return Ok(null(kind.name()));
    }
    Ok(match kind.name() {
        "INT8" => Value::Int(row.try_get_unchecked(at)?),
        "INT4" => row.try_get_unchecked::<i32, _>(at)?.into(),
        "INT2" => Value::Int(Some(i64::from(row.try_get_unchecked::<i16, _>(at)?))),
        "BOOL" => row.try_get_unchecked::<bool, _>(at)?.into(),
        "FLOAT8" => Value::Real(row.try_get_unchecked(at)?),
        "FLOAT4" => Value::Real(Some(f64::from(row.try_get_unchecked::<f32, _>(at)?))),
        "BYTEA" => row.try_get_unchecked::<Vec<u8>, _>(at)?.into(),
        "NUMERIC" => numeric(raw.as_bytes().map_err(sqlx::Error::Decode)?)?,
        _ => row.try_get_unchecked::<String, _>(at)?.into(),
    })
}

fn null(kind: &str) -> Value<'static> {
    match kind {
        "INT8" | "INT4" | "INT2" | "BOOL" | "NUMERIC" => Value::Int(None),
        "FLOAT8" | "FLOAT4" => Value::Real(None),
        "BYTEA" => Value::Bytes(None),
        _ => Value::Text(None),
    }
}

/// What PostgreSQL makes of a sum or average of integers: base-10000 digits after a header of four `i16`
/// (count, weight, sign, scale). Whole numbers are integers, the rest is approximate.
fn numeric(bytes: &[u8]) -> Result<Value<'static>, sqlx::Error> {
    let words: Vec<i16> = bytes.chunks_exact(2).map(|it| i16::from_be_bytes([it[0], it[1]])).collect();
    let [_, weight, sign, scale, digits @ ..] = words.as_slice() else {
        return Err(sqlx::Error::Decode("a NUMERIC without its header".into()));
    };
    if ![0, 0x4000].contains(sign) {
        return Err(sqlx::Error::Decode("a NUMERIC that is no number".into()));
    }
    let negative = *sign != 0;
    if *scale == 0 {
        let places = usize::try_from(*weight + 1).unwrap_or_default();
        let whole = (0..places).try_fold(0_i128, |sum, at| {
            let digit = digits.get(at).copied().unwrap_or_default();
            sum.checked_mul(10_000)?.checked_add(i128::from(digit))
        });
        let signed = whole.map(|it| if negative { -it } else { it });
        let whole = signed.and_then(|it| i64::try_from(it).ok());
        return whole.map(Value::from).ok_or_else(|| sqlx::Error::Decode("a sum beyond 64 bits".into()));
    }
    let size = digits.iter().enumerate().map(|(at, digit)| {
        f64::from(*digit) * 10_000_f64.powi(i32::from(*weight) - i32::try_from(at).unwrap_or(i32::MAX))
    });
    let size: f64 = size.sum();
    Ok(Value::Real(Some(if negative { -size } else { size })))
}

pub(super) fn map(error: sqlx::Error) -> SqlError {
    super::error::map(error, situation)
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn situation(error: &dyn DatabaseError, source: Cause) -> Result<SqlError, Cause> {
    let code = error.code().unwrap_or_default();
    Ok(match &*code {
        "40001" | "40P01" => SqlError::Deadlock { source },
        "55P03" | "53300" => SqlError::Busy { source },
        "57014" => SqlError::Timeout,
        "53100" => SqlError::DiskFull { source },
        "25006" => SqlError::ReadOnly { source },
        "58030" => SqlError::Io { source },
        "25P02" => SqlError::Aborted,
        code if code.starts_with("XX00") && code != "XX000" => SqlError::Corrupt { source },
        code if code.starts_with("08") || code.starts_with("57P") => SqlError::ConnectionLost { source },
        code if code.starts_with("22") => SqlError::ConstraintViolation { source },
        _ => return Err(source),
    })
}
