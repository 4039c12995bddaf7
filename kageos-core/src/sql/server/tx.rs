//! A transaction on a server.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Arguments, AssertSqlSafe, Encode, Type};

use super::{each, rows};
use crate::sql::{Engine, Row, SqlError, Value};

/// Rows of one multi-row insert at most: beyond this a round trip costs nothing any more.
const ROWS: usize = 128;
/// Parameters of one statement at most: both protocols count them in 16 bits.
const PARAMETERS: usize = 65_535;

/// A transaction on a server; dropped without a word it is rolled back.
#[derive(Debug)]
pub(crate) struct ServerTx {
    link: Link,
    /// What a query may take at most, where each statement has to say so (MySQL).
    deadline: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum Link {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(sqlx::Transaction<'static, sqlx::MySql>),
}

impl ServerTx {
    pub(super) fn new(link: Link, deadline: Option<Duration>) -> Self {
        Self { link, deadline }
    }

    pub(crate) fn engine(&self) -> Engine {
        match &self.link {
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "mysql")]
            Link::MySql(_) => Engine::MySql,
        }
    }

    pub(crate) async fn fetch(
        &mut self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, SqlError> {
        let deadline = self.deadline;
        each!(Link, &mut self.link, |driver, tx| {
            let sql = driver::within(sql, deadline);
            let query = driver::query(sql, params)?;
            rows::fetch(query, &mut **tx, limit, driver::decode, driver::map).await
        })
    }

    pub(crate) async fn execute(
        &mut self,
        sql: Cow<'static, str>,
        params: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        each!(Link, &mut self.link, |driver, tx| {
            let done = driver::query(sql, params)?.execute(&mut **tx).await;
            done.map(|it| it.rows_affected()).map_err(driver::map)
        })
    }

    /// Inserts many rows with each statement, other statements run for each row.
    pub(crate) async fn execute_many(
        &mut self,
        sql: Cow<'static, str>,
        rows: &[Vec<Value<'_>>],
    ) -> Result<u64, SqlError> {
        let width = rows.first().map_or(0, Vec::len);
        let tuple = insert_tuple(&sql, width).map(str::to_owned);
        #[cfg(feature = "postgres")]
        if let (Link::Postgres(tx), Some(tuple)) = (&mut self.link, &tuple)
            && let Some(types) = super::postgres::types(rows)
        {
            return super::postgres::insert_many(tx, &sql, tuple, types, rows).await;
        }
        self.execute_each(sql, tuple, width, rows).await
    }

    /// Multi-row inserts in sizes that are powers of two, so that few texts are prepared.
    async fn execute_each(
        &mut self,
        sql: Cow<'static, str>,
        tuple: Option<String>,
        width: usize,
        rows: &[Vec<Value<'_>>],
    ) -> Result<u64, SqlError> {
        let most = if tuple.is_some() { ROWS.min(PARAMETERS / width.max(1)).max(1) } else { 1 };
        let (mut count, mut rest) = (0, rows);
        while !rest.is_empty() {
            let size = 1 << rest.len().min(most).ilog2();
            let (chunk, tail) = rest.split_at(size);
            let more = tuple.as_ref().map(|tuple| format!(", {tuple}").repeat(size - 1)).unwrap_or_default();
            let text =
                if more.is_empty() { sql.clone() } else { Cow::Owned(format!("{}{more}", sql.trim_end())) };
            let params: Vec<Value<'_>> = chunk.iter().flatten().map(Value::from).collect();
            count += self.execute(text, &params).await?;
            rest = tail;
        }
        Ok(count)
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), SqlError> {
        each!(Link, &mut self.link, |driver, tx| {
            let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await;
            done.map(drop).map_err(driver::map)
        })
    }

    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        each!(Link, self.link, |driver, tx| tx.commit().await.map_err(driver::map))
    }

    /// What cannot be rolled back any more is rolled back by the server.
    pub(crate) async fn rollback(self) {
        let done = each!(Link, self.link, |driver, tx| tx.rollback().await.map_err(driver::map));
        if let Err(error) = done {
            tracing::debug!(%error, "a rollback found its connection gone");
        }
    }
}

/// The `(?, …, ?)` at the end of a plain `INSERT … VALUES (?, …, ?)` of this width.
fn insert_tuple(sql: &str, width: usize) -> Option<&str> {
    let sql = sql.trim();
    let (head, tuple) = sql.split_at(sql.rfind('(')?);
    let is_insert = head.get(..6)?.eq_ignore_ascii_case("insert");
    let values = head.trim_end();
    let is_values = values.get(values.len().checked_sub(6)?..)?.eq_ignore_ascii_case("values");
    let marks = tuple.strip_prefix('(')?.strip_suffix(')')?.split(',');
    let plain = marks.clone().all(|it| it.trim() == "?") && marks.count() == width;
    (is_insert && is_values && plain).then_some(tuple)
}

/// Binds parameters in order.
pub(super) fn bind<A>(arguments: &mut A, params: &[Value<'_>]) -> Result<(), SqlError>
where
    A: Arguments,
    Option<i64>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<f64>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    for<'s> Option<&'s str>: Encode<'s, A::Database> + Type<A::Database>,
    for<'s> Option<&'s [u8]>: Encode<'s, A::Database> + Type<A::Database>,
{
    for value in params {
        let added = match value {
            Value::Int(it) => arguments.add(*it),
            Value::Real(it) => arguments.add(*it),
            Value::Text(Some(it)) if it.as_bytes().contains(&0) => return Err(SqlError::NulInText),
            Value::Text(it) => arguments.add(it.as_deref()),
            Value::Bytes(it) => arguments.add(it.as_deref()),
        };
        added.map_err(|error| SqlError::Statement { source: Arc::from(error) })?;
    }
    Ok(())
}
