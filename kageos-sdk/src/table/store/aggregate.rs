//! Numbers over groups of rows: one statement, the same arithmetic on every engine.
//!
//! Engines disagree on division, on calendars and on sums beyond 64 bits. So they group by hour or day with
//! `%` only, and sum the two halves of a number; stretches and sums are put together here, in 128 bits.

use std::{collections::BTreeMap, sync::Arc};

use kageos_core::{
    Code, Error,
    sql::{Engine, Row as SqlRow, SqlError, build},
};
use sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};

use super::{Store, error::storage, search::DEADLINE};
use crate::{
    def::ColumnKind,
    table::{
        AggregateQuery, Bucket, Filter, Mark, Result, SearchQuery,
        aggregate::{CheckedGroup, HOUR_MICROS, Key, Tally},
        cell::Cell,
        layout::Table,
    },
};

/// Most groups that the database answers before they are put together: a day each of a century.
const MAX_RAW_GROUPS: u64 = 50_000;
/// Whole weeks in microseconds, more than lie between year -9999 and 1970, so that no moment is negative.
const SHIFT: i64 = 700_000 * 7 * 24 * HOUR_MICROS;
/// Numbers are summed as halves of 32 bits: the sum of two thousand million rows fits.
const HALF: i64 = 1 << 32;

impl Store {
    /// A number for each group of rows that match, exact and the same on every engine. Each mark carries the
    /// filter that finds its rows.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] with pointers for what is wrong in the query, [`Code::QueryTooExpensive`] when it
    /// takes too long or has too many groups.
    pub async fn aggregate(&self, path: &str, query: &AggregateQuery) -> Result<Vec<Mark>> {
        let table = Arc::clone(self.table(path)?);
        let groups = query.groups(&table)?;
        let measure = query.measure(&table)?;
        let limit = query.limit()?;
        let plan =
            self.plan(path, &SearchQuery { filter: query.filter.clone(), ..SearchQuery::default() })?;
        let mut select = statement(self.db.engine(), &table, &groups, measure.map(|(at, _)| at));
        select.cond_where(plan.condition());
        let statement = Arc::new(build(self.db.engine(), &select).map_err(storage)?);
        let read = self.db.read_within(DEADLINE, move |tx| {
            let statement = Arc::clone(&statement);
            Box::pin(async move { tx.fetch_all(statement.0.clone(), &statement.1).await })
        });
        let rows = read.await.map_err(|error| match error {
            SqlError::Timeout => {
                Error::new(Code::QueryTooExpensive, "the groups take too long; narrow the filter")
            }
            error => storage(error),
        })?;
        if rows.len() as u64 > MAX_RAW_GROUPS {
            return Err(Error::new(Code::QueryTooExpensive, "there are too many groups; narrow the filter"));
        }
        let tallies = merge(&table, &groups, measure.is_some(), &rows).map_err(storage)?;
        let marks = tallies.into_iter().map(|(keys, tally)| {
            let value = query.number(&tally, measure.map_or(0, |(_, scale)| scale))?;
            Ok(mark(&table, &groups, query.filter.as_ref(), keys, value))
        });
        let mut marks = marks.collect::<Result<Vec<_>>>()?;
        query.sort(&mut marks);
        marks.truncate(limit);
        Ok(marks.into_iter().map(|(_, mark)| mark).collect())
    }
}

fn statement(
    engine: Engine,
    table: &Table,
    groups: &[CheckedGroup],
    measure: Option<usize>,
) -> SelectStatement {
    let mut select = Query::select();
    select.from(table.name.clone()).limit(MAX_RAW_GROUPS + 1);
    for (at, group) in groups.iter().enumerate() {
        let alias = Alias::new(format!("key${at}"));
        select.expr_as(key(table, *group), alias.clone()).add_group_by([Expr::col(alias)]);
    }
    select.expr_as(Expr::cust("COUNT(*)"), Alias::new("rows$"));
    if let Some(at) = measure {
        let column = || Expr::col(table.columns[at].name.clone());
        let low = || column().modulo(HALF);
        let whole = |sum: Expr| {
            Func::cast_as(sum, Alias::new(if engine == Engine::MySql { "SIGNED" } else { "BIGINT" }))
        };
        select.expr_as(column().count(), Alias::new("count$"));
        select.expr_as(whole(column().sub(low()).div(HALF).sum()), Alias::new("high$"));
        select.expr_as(whole(low().sum()), Alias::new("low$"));
        select.expr_as(column().min(), Alias::new("min$"));
        select.expr_as(column().max(), Alias::new("max$"));
    }
    select
}

/// What the database groups by: the value, or the start of the hour or day.
fn key(table: &Table, group: CheckedGroup) -> Expr {
    let column = &table.columns[group.at];
    let value = || Expr::col(column.name.clone());
    match (group.bucket, column.kind) {
        (Some(bucket), ColumnKind::DateTime) => {
            let unit = if bucket == Bucket::Hour { HOUR_MICROS } else { 24 * HOUR_MICROS };
            let shifted = || value().add(SHIFT);
            shifted().sub(shifted().modulo(unit))
        }
        _ => value(),
    }
}

/// Puts the database's groups together to those that were asked for.
fn merge(
    table: &Table,
    groups: &[CheckedGroup],
    measured: bool,
    rows: &[SqlRow],
) -> Result<BTreeMap<Vec<Key>, Tally>, SqlError> {
    let mut tallies = BTreeMap::<Vec<Key>, Tally>::new();
    for row in rows {
        let mut keys = Vec::with_capacity(groups.len());
        for (at, group) in groups.iter().enumerate() {
            let kind = table.columns[group.at].kind;
            let cell = match (Cell::read(row.value(at)?), group.bucket, kind) {
                (Cell::Int(shifted), Some(_), ColumnKind::DateTime) => Cell::Int(shifted - SHIFT),
                (cell, ..) => cell,
            };
            let cell = group.start(kind, cell);
            keys.push((cell.is_null(), cell));
        }
        tallies.entry(keys).or_default().add(&tally(row, groups.len(), measured)?);
    }
    // All rows are one group, even when there are none.
    if groups.is_empty() && tallies.is_empty() {
        tallies.insert(Vec::new(), Tally::default());
    }
    Ok(tallies)
}

fn tally(row: &SqlRow, first: usize, measured: bool) -> Result<Tally, SqlError> {
    let rows = row.int(first)?.into();
    if !measured {
        return Ok(Tally { rows, ..Tally::default() });
    }
    let high = i128::from(row.opt_int(first + 2)?.unwrap_or(0));
    let low = i128::from(row.opt_int(first + 3)?.unwrap_or(0));
    Ok(Tally {
        rows,
        count: row.int(first + 1)?.into(),
        sum: high * i128::from(HALF) + low,
        min: row.opt_int(first + 4)?,
        max: row.opt_int(first + 5)?,
    })
}

fn mark(
    table: &Table,
    groups: &[CheckedGroup],
    filter: Option<&Filter>,
    keys: Vec<Key>,
    value: Option<rust_decimal::Decimal>,
) -> (Vec<Key>, Mark) {
    let each = groups.iter().zip(&keys).map(|(group, (_, cell))| group.mark(table, cell));
    let (names, mut parts): (Vec<_>, Vec<_>) = each.unzip();
    parts.extend(filter.cloned());
    let filter = if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) };
    (keys, Mark { keys: names, value, filter })
}
