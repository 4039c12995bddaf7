//! Rows of a server as rows of the seam.

use std::sync::Arc;

use sqlx::{Column as _, Database, Execute, Executor, Row as _};

use crate::sql::{Row, SqlError, Value};

/// Runs a query and takes at most `limit` rows (one, or all).
pub(super) async fn fetch<'c, 'q, D, C, Q>(
    query: Q,
    connection: C,
    limit: usize,
    decode: fn(&D::Row, usize) -> Result<Value<'static>, sqlx::Error>,
    map: fn(sqlx::Error) -> SqlError,
) -> Result<Vec<Row>, SqlError>
where
    D: Database,
    C: Executor<'c, Database = D>,
    Q: Execute<'q, D> + 'q,
    'c: 'q,
{
    let found = if limit == 1 {
        connection.fetch_optional(query).await.map_err(map)?.into_iter().collect()
    } else {
        connection.fetch_all(query).await.map_err(map)?
    };
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let columns: Arc<[Box<str>]> = first.columns().iter().map(|it| Box::from(it.name())).collect();
    let row = |row: &D::Row| {
        let values: Result<_, _> = (0..columns.len()).map(|at| decode(row, at)).collect();
        values.map(|values| Row::new(Arc::clone(&columns), values)).map_err(map)
    };
    found.iter().map(row).collect()
}
