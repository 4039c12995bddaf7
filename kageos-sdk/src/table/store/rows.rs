//! Rows in and out of their table.

use kageos_core::{
    RowId, Timestamp,
    sql::{Engine, Row as SqlRow, SqlError, Value, build},
};
use sea_query::{Expr, ExprTrait, Query, SelectStatement};

use crate::table::{
    cell::Cell,
    layout::{SYSTEM_COLUMNS, Table},
    row::Record,
};

/// Ids in one statement: below the limit of parameters of every engine.
pub(super) const BLOCK: usize = 500;

/// A select of whole rows, to be narrowed.
pub(super) fn select(table: &Table) -> SelectStatement {
    let mut select = Query::select();
    select.from(table.name.clone());
    select.columns(SYSTEM_COLUMNS);
    select.columns(table.columns.iter().map(|column| column.name.clone()));
    select
}

/// The rows with these ids.
pub(super) fn by_id(
    engine: Engine,
    table: &Table,
    ids: &[RowId],
) -> Result<(String, Vec<Value<'static>>), SqlError> {
    let mut select = select(table);
    select.and_where(Expr::col("id").is_in(ids.iter().map(|id| id.as_i64())));
    build(engine, &select)
}

/// The record in a row of [`select`].
pub(super) fn record(table: &Table, row: &SqlRow) -> Result<Record, SqlError> {
    let first = SYSTEM_COLUMNS.len();
    let mut cells = Vec::with_capacity(table.columns.len());
    for at in 0..table.columns.len() {
        cells.push(Cell::read(row.value(first + at)?));
    }
    Ok(Record {
        id: row_id(row.int(0)?)?,
        version: row.int(1)?,
        created_at: Timestamp::from_micros(row.int(2)?),
        updated_at: Timestamp::from_micros(row.int(3)?),
        deleted_at: row.opt_int(4)?.map(Timestamp::from_micros),
        cells,
    })
}

/// The id with this number, which the engine itself has written.
pub(super) fn row_id(number: i64) -> Result<RowId, SqlError> {
    RowId::from_i64(number).ok_or(SqlError::OutOfRange)
}

/// The statement that inserts a row, for [`insert_params`].
pub(super) fn insert(table: &Table) -> String {
    let columns: Vec<&str> = SYSTEM_COLUMNS.into_iter().chain(field_columns(table)).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO \"{}\" (\"{}\") VALUES ({marks})", table.name, columns.join("\", \""))
}

/// The parameters of a record for [`insert`].
pub(super) fn insert_params(table: &Table, record: &Record) -> Vec<Value<'static>> {
    let mut params: Vec<Value<'static>> = vec![
        record.id.as_i64().into(),
        record.version.into(),
        record.created_at.as_micros().into(),
        record.updated_at.as_micros().into(),
        record.deleted_at.map(Timestamp::as_micros).into(),
    ];
    for (column, cell) in table.columns.iter().zip(&record.cells) {
        params.push(cell.param(column.kind).into_owned());
        if column.folded.is_some() {
            params.push(cell.folded().param(column.kind).into_owned());
        }
    }
    params
}

/// The statement that brings a row from one state to the next, and its parameters. It touches no row when
/// somebody else was quicker.
pub(super) fn update(table: &Table, before: &Record, after: &Record) -> (String, Vec<Value<'static>>) {
    let mut sets = vec!["version", "updated_at", "deleted_at"];
    let mut params: Vec<Value<'static>> = vec![
        after.version.into(),
        after.updated_at.as_micros().into(),
        after.deleted_at.map(Timestamp::as_micros).into(),
    ];
    for (column, (old, new)) in table.columns.iter().zip(before.cells.iter().zip(&after.cells)) {
        if old == new {
            continue;
        }
        sets.push(&column.name);
        params.push(new.param(column.kind).into_owned());
        if let Some(folded) = &column.folded {
            sets.push(folded);
            params.push(new.folded().param(column.kind).into_owned());
        }
    }
    params.extend([before.id.as_i64().into(), before.version.into()]);
    let sets = sets.join("\" = ?, \"");
    (format!("UPDATE \"{}\" SET \"{sets}\" = ? WHERE \"id\" = ? AND \"version\" = ?", table.name), params)
}

/// The statement that removes a row of a known version.
pub(super) fn delete(table: &Table) -> String {
    format!("DELETE FROM \"{}\" WHERE \"id\" = ? AND \"version\" = ?", table.name)
}

/// The statement that reads the version of a row.
pub(super) fn version(table: &Table) -> String {
    format!("SELECT \"version\" FROM \"{}\" WHERE \"id\" = ?", table.name)
}

fn field_columns(table: &Table) -> impl Iterator<Item = &str> {
    table.columns.iter().flat_map(|column| [Some(column.name.as_str()), column.folded.as_deref()]).flatten()
}
