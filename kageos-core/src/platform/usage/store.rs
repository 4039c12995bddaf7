//! The statements of usage.

use std::collections::HashMap;

use super::tally::{Added, Span, Tally};
use super::{Durations, Figures};
use crate::sql::{Db, Migration, Row, SqlError, Tx, Value, params};
use crate::{NodeId, StreamId, Timestamp};

/// The tables of usage.
pub const MIGRATIONS: &[Migration] =
    &[Migration::new(1, "usage", include_str!("../../../migrations/usage_0001.sql"))];

/// Hours that the shorter figure looks back.
const HOURS: i64 = 24;
/// Days that the longer figure looks back.
const DAYS: i64 = 30;
/// Days that are kept, so that the last use of something is known when it was long ago.
const KEPT_DAYS: i64 = 400;
/// Nodes of one query.
const BLOCK: usize = 512;
/// Rows that one turn of condensing takes away.
const CONDENSED: i64 = 1_000;

const INSERT: &str = "INSERT INTO usage_tally (node_id, span, bucket, stream_id, calls, failed, refused, last_at, \
     durations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// What was read is repeated, so that what came between is noticed.
const UPDATE: &str = "UPDATE usage_tally SET calls = ?, failed = ?, refused = ?, last_at = ?, durations = ? \
     WHERE node_id = ? AND span = ? AND bucket = ? AND stream_id = ? AND calls = ? AND refused = ?";
const SELECT: &str =
    "SELECT node_id, bucket, stream_id, calls, failed, refused, last_at, durations FROM usage_tally";

/// Adds what a batch of a stream's records counted: a query and an update for each node that was called before in
/// this hour.
pub(in super::super) async fn add(tx: &mut Tx, stream: StreamId, added: &Added) -> Result<(), SqlError> {
    if !merge(tx, Span::Hour, stream, added).await? {
        // Records that waited for a day may meet the folding of their hour; a figure is not worth a record.
        tracing::warn!("calls of a time that has passed are not counted");
    }
    Ok(())
}

/// Adds to the rows of a span; answers whether nothing came between.
async fn merge(tx: &mut Tx, span: Span, stream: StreamId, added: &Added) -> Result<bool, SqlError> {
    let (mut new, mut old) = (Vec::new(), Vec::new());
    let known = known(tx, span, stream, added).await?;
    for (key, more) in &added.0 {
        match known.get(key) {
            None => new.push(row(span, stream, *key, more)),
            Some(before) => old.push(change(span, stream, *key, before, more)),
        }
    }
    tx.execute_many(INSERT, &new).await?;
    Ok(tx.execute_many(UPDATE, &old).await? == old.len() as u64)
}

/// The rows that are there already.
async fn known(
    tx: &mut Tx,
    span: Span,
    stream: StreamId,
    added: &Added,
) -> Result<HashMap<(NodeId, i64), Tally>, SqlError> {
    let mut known = HashMap::new();
    let nodes: Vec<NodeId> = added.0.keys().map(|(node, _)| *node).collect();
    let buckets = || added.0.keys().map(|(_, bucket)| *bucket);
    let (first, last) = (buckets().min().unwrap_or_default(), buckets().max().unwrap_or_default());
    for block in nodes.chunks(BLOCK) {
        let (marks, mut values) = listed(block);
        let sql = format!(
            "{SELECT} WHERE node_id IN ({marks}) AND span = ? AND bucket >= ? AND bucket <= ? AND stream_id = ?"
        );
        values.extend([span.as_str().into(), first.into(), last.into(), stream.to_string().into()]);
        for row in tx.fetch_all(sql, &values).await? {
            known.insert((id(&row, "node_id")?, row.int("bucket")?), tally(&row)?);
        }
    }
    Ok(known)
}

/// Marks and values of a list of nodes. Its length is a power of two, so that few statements are told apart.
fn listed(nodes: &[NodeId]) -> (String, Vec<Value<'static>>) {
    let length = nodes.len().next_power_of_two();
    let padded =
        nodes.iter().chain(std::iter::repeat_n(nodes, length - nodes.len()).filter_map(|it| it.last()));
    let values: Vec<_> = padded.map(|node| Value::from(node.to_string())).collect();
    (vec!["?"; values.len()].join(", "), values)
}

fn row(span: Span, stream: StreamId, (node, bucket): (NodeId, i64), tally: &Tally) -> Vec<Value<'static>> {
    vec![
        node.to_string().into(),
        span.as_str().into(),
        bucket.into(),
        stream.to_string().into(),
        int(tally.calls),
        int(tally.failed),
        int(tally.refused),
        tally.last_at.map(Timestamp::as_micros).into(),
        tally.durations.to_string().into(),
    ]
}

fn change(
    span: Span,
    stream: StreamId,
    (node, bucket): (NodeId, i64),
    before: &Tally,
    more: &Tally,
) -> Vec<Value<'static>> {
    let mut sum = before.clone();
    sum.merge(more);
    vec![
        int(sum.calls),
        int(sum.failed),
        int(sum.refused),
        sum.last_at.map(Timestamp::as_micros).into(),
        sum.durations.to_string().into(),
        node.to_string().into(),
        span.as_str().into(),
        bucket.into(),
        stream.to_string().into(),
        int(before.calls),
        int(before.refused),
    ]
}

fn int(number: u64) -> Value<'static> {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn tally(row: &Row) -> Result<Tally, SqlError> {
    let number = |column| u64::try_from(row.int(column)?).map_err(|_| SqlError::OutOfRange);
    let durations: Durations = row.text("durations")?.parse().map_err(|_| SqlError::OutOfRange)?;
    Ok(Tally {
        calls: number("calls")?,
        failed: number("failed")?,
        refused: number("refused")?,
        last_at: row.opt_int("last_at")?.map(Timestamp::from_micros),
        durations,
    })
}

fn id<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<T, SqlError> {
    row.text(column)?.parse().map_err(|_| SqlError::OutOfRange)
}

/// The figures of some nodes, from one state of the database.
pub(super) async fn figures(db: &Db, nodes: &[NodeId], now: Timestamp) -> Result<Figures, SqlError> {
    let nodes = nodes.to_vec();
    db.read(move |tx| {
        let nodes = nodes.clone();
        Box::pin(async move { sum(tx, &nodes, now).await })
    })
    .await
}

async fn sum(tx: &mut Tx, nodes: &[NodeId], now: Timestamp) -> Result<Figures, SqlError> {
    let mut figures = Figures::default();
    let (first_hour, first_day) = (Span::Hour.bucket(now) - HOURS, Span::Day.bucket(now) - DAYS);
    for block in nodes.chunks(BLOCK) {
        for (span, first) in [(Span::Hour, first_day * HOURS), (Span::Day, first_day)] {
            let (marks, mut values) = listed(block);
            let sql = format!("{SELECT} WHERE node_id IN ({marks}) AND span = ? AND bucket >= ?");
            values.extend([span.as_str().into(), first.into()]);
            for row in tx.fetch_all(sql, &values).await? {
                let tally = tally(&row)?;
                figures.month.merge(&tally);
                if span == Span::Hour && row.int("bucket")? >= first_hour {
                    figures.day.merge(&tally);
                }
            }
        }
    }
    figures.last_at = figures.month.last_at;
    if figures.last_at.is_none() {
        figures.last_at = long_ago(tx, nodes).await?;
    }
    Ok(figures)
}

/// The last use of nodes that were not used lately.
async fn long_ago(tx: &mut Tx, nodes: &[NodeId]) -> Result<Option<Timestamp>, SqlError> {
    let mut last = None;
    for block in nodes.chunks(BLOCK) {
        let (marks, values) = listed(block);
        let sql = format!("SELECT MAX(last_at) AS last_at FROM usage_tally WHERE node_id IN ({marks})");
        last = last.max(tx.fetch_one(sql, &values).await?.opt_int("last_at")?);
    }
    Ok(last.map(Timestamp::from_micros))
}

/// Folds hours that only the longer figure needs into days, and forgets days that are too old: a bounded number of
/// rows at a time. Answers how many rows that took away.
pub(in super::super) async fn condense(db: &Db, now: Timestamp) -> Result<u64, SqlError> {
    let hours = (Span::Hour.bucket(now) - HOURS).div_euclid(HOURS) * HOURS;
    let days = Span::Day.bucket(now) - KEPT_DAYS;
    let sql = "SELECT bucket FROM usage_tally WHERE (span = 'hour' AND bucket < ?) \
               OR (span = 'day' AND bucket < ?) LIMIT 1";
    if db.fetch_optional(sql, params![hours, days]).await?.is_none() {
        return Ok(0);
    }
    db.write_with((hours, days), |(hours, days), tx| {
        Box::pin(async move { Ok(fold(tx, *hours).await? + forget(tx, *days).await?) })
    })
    .await
}

/// Whoever folds the same rows at the same time finds fewer of them to delete, and leaves it to the other.
async fn fold(tx: &mut Tx, before: i64) -> Result<u64, SqlError> {
    let sql =
        format!("{SELECT} WHERE span = 'hour' AND bucket < ? ORDER BY bucket, node_id, stream_id LIMIT ?");
    let rows = tx.fetch_all(sql, params![before, CONDENSED]).await?;
    let mut days = Added::default();
    for row in &rows {
        let key = (id(row, "node_id")?, row.int("bucket")?.div_euclid(HOURS));
        days.0.entry(key).or_default().merge(&tally(row)?);
    }
    let gone = delete(tx, Span::Hour, &rows).await?;
    if merge(tx, Span::Day, StreamId::NIL, &days).await? { Ok(gone) } else { Err(between()) }
}

async fn forget(tx: &mut Tx, before: i64) -> Result<u64, SqlError> {
    let sql = format!("{SELECT} WHERE span = 'day' AND bucket < ? ORDER BY bucket, node_id LIMIT ?");
    let rows = tx.fetch_all(sql, params![before, CONDENSED]).await?;
    delete(tx, Span::Day, &rows).await
}

async fn delete(tx: &mut Tx, span: Span, rows: &[Row]) -> Result<u64, SqlError> {
    let key = |row: &Row| {
        let (node, stream) = (row.text("node_id")?.to_owned(), row.text("stream_id")?.to_owned());
        Ok(vec![node.into(), span.as_str().into(), row.int("bucket")?.into(), stream.into()])
    };
    let keys = rows.iter().map(key).collect::<Result<Vec<_>, SqlError>>()?;
    let sql = "DELETE FROM usage_tally WHERE node_id = ? AND span = ? AND bucket = ? AND stream_id = ?";
    let gone = tx.execute_many(sql, &keys).await?;
    if gone == keys.len() as u64 { Ok(gone) } else { Err(between()) }
}

fn between() -> SqlError {
    SqlError::RowsAffected { expected: 1, actual: 0 }
}
