//! Who writes which stream, and whether they live.

use crate::platform::oplog::Seat;
use crate::sql::{Db, Row, SqlError, Tx, params};
use crate::{StreamId, Timestamp};

/// A stream as other servers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Peer {
    pub stream: StreamId,
    pub node: Option<String>,
    pub holder: Option<String>,
    /// Grows while its owner lives.
    pub beat: i64,
}

pub(in super::super) async fn open(
    db: &Db,
    stream: StreamId,
    seat: Option<&Seat>,
    at: Timestamp,
) -> Result<(), SqlError> {
    let sql =
        "INSERT INTO op_stream (id, started_at, closed_at, node, holder, beat) VALUES (?, ?, NULL, ?, ?, 0)";
    let (node, holder) = seat.map(|seat| (seat.node.as_str(), seat.holder.as_str())).unzip();
    db.execute(sql, params![stream.to_string(), at.as_micros(), node, holder]).await.map(drop)
}

pub(in super::super) async fn close(db: &Db, stream: StreamId, at: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE op_stream SET closed_at = ? WHERE id = ?";
    db.execute(sql, params![at.as_micros(), stream.to_string()]).await.map(drop)
}

const BEAT: &str = "UPDATE op_stream SET beat = beat + 1 WHERE id = ? AND fenced_at IS NULL";

/// Counts the beat of a stream one up; answers whether the stream is its owner's still.
pub(in super::super) async fn beat(db: &Db, stream: StreamId) -> Result<bool, SqlError> {
    Ok(db.execute(BEAT, params![stream.to_string()]).await? == 1)
}

/// The same inside a unit: nobody fences the stream before the unit has ended.
pub(super) async fn beat_in(tx: &mut Tx, stream: StreamId) -> Result<bool, SqlError> {
    Ok(tx.execute(BEAT, params![stream.to_string()]).await? == 1)
}

/// The streams of others that are neither closed nor fenced.
pub(in super::super) async fn living(db: &Db, own: StreamId) -> Result<Vec<Peer>, SqlError> {
    let sql = "SELECT id, node, holder, beat FROM op_stream \
               WHERE closed_at IS NULL AND fenced_at IS NULL AND id <> ?";
    let rows = db.fetch_all(sql, params![own.to_string()]).await?;
    rows.iter().map(peer).collect()
}

fn peer(row: &Row) -> Result<Peer, SqlError> {
    Ok(Peer {
        stream: super::id(row.text("id")?)?,
        node: row.opt_text("node")?.map(str::to_owned),
        holder: row.opt_text("holder")?.map(str::to_owned),
        beat: row.int("beat")?,
    })
}

/// Fences a stream that has not beaten since it was looked at; answers whether that was so.
pub(in super::super) async fn fence(
    db: &Db,
    peer: &Peer,
    by: StreamId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let sql = "UPDATE op_stream SET fenced_at = ?, fenced_by = ? \
               WHERE id = ? AND beat = ? AND closed_at IS NULL AND fenced_at IS NULL";
    let values = params![at.as_micros(), by.to_string(), peer.stream.to_string(), peer.beat];
    Ok(db.execute(sql, values).await? == 1)
}

/// Fences the streams whose owners have ended: those of one holder, or all others.
pub(in super::super) async fn fence_ended(
    db: &Db,
    own: StreamId,
    holder: Option<&str>,
    at: Timestamp,
) -> Result<u64, SqlError> {
    let sql = "UPDATE op_stream SET fenced_at = ?, fenced_by = ? \
               WHERE id <> ? AND closed_at IS NULL AND fenced_at IS NULL";
    let own = own.to_string();
    let Some(holder) = holder else {
        return db.execute(sql, params![at.as_micros(), own.as_str(), own.as_str()]).await;
    };
    let sql = format!("{sql} AND holder = ?");
    db.execute(sql, params![at.as_micros(), own.as_str(), own.as_str(), holder]).await
}
