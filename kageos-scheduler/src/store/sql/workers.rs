//! The statements about workers.

use kageos_core::sql::{Engine, SqlError, params};
use kageos_core::{Timestamp, WorkerId};

use super::{Done, SqlRows, WorkerRow, id, natural, opt_moment, whole};

pub(super) async fn add(rows: &mut SqlRows<'_>, worker: WorkerId, name: &str, now: Timestamp) -> Done<()> {
    let sql = "INSERT INTO schedule_worker (id, name, beat, joined_at) VALUES (?, ?, 0, ?)";
    rows.tx.execute(sql, params![worker.to_string(), name, now.as_micros()]).await.map(drop)
}

pub(super) async fn all(rows: &mut SqlRows<'_>) -> Done<(Vec<WorkerRow>, Option<Timestamp>)> {
    let sql = match rows.tx.engine() {
        Engine::Sqlite => "SELECT id, name, beat, NULL AS micros FROM schedule_worker ORDER BY id",
        Engine::Postgres => {
            "SELECT id, name, beat, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS micros \
             FROM schedule_worker ORDER BY id"
        }
        Engine::MySql => {
            "SELECT id, name, beat, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS micros \
             FROM schedule_worker ORDER BY id"
        }
    };
    let found = rows.tx.fetch_all(sql, params![]).await?;
    let now = found.first().map(|row| opt_moment(row, "micros")).transpose()?.flatten();
    let workers = found
        .iter()
        .map(|row| {
            Ok(WorkerRow {
                id: id(row.text("id")?)?,
                name: row.text("name")?.to_owned(),
                beat: row.opt_int("beat")?.map(natural).transpose()?,
            })
        })
        .collect::<Result<_, SqlError>>()?;
    Ok((workers, now))
}

pub(super) async fn now(rows: &mut SqlRows<'_>) -> Done<Option<Timestamp>> {
    let sql = match rows.tx.engine() {
        Engine::Sqlite => return Ok(None),
        Engine::Postgres => {
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS micros"
        }
        Engine::MySql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS micros",
    };
    opt_moment(&rows.tx.fetch_one(sql, params![]).await?, "micros")
}

pub(super) async fn fence(rows: &mut SqlRows<'_>, worker: WorkerId, beat: Option<u64>) -> Done<bool> {
    let id = worker.to_string();
    let fenced = match beat {
        None => {
            let sql = "UPDATE schedule_worker SET beat = NULL WHERE id = ?";
            rows.tx.execute(sql, params![id]).await?
        }
        Some(beat) => {
            let sql = "UPDATE schedule_worker SET beat = NULL WHERE id = ? AND (beat = ? OR beat IS NULL)";
            rows.tx.execute(sql, params![id, whole(beat)?]).await?
        }
    };
    Ok(fenced == 1)
}
