//! The statements about executions.

use std::sync::Arc;

use kageos_core::sql::{Row, SqlError, Value, params};
use kageos_core::{ExecutionId, TaskId, Timestamp, WorkerId};

use super::tasks::json;
use super::text::{UpdateMany, execute_in, fetch_in, names};
use super::{
    Attempt, Coming, Done, Ended, Execution, Open, Reason, Requeue, SKIP, SqlRows, WAIT, id, micros, moment,
    natural, opt_moment, word,
};
use crate::{Source, State};

/// Most executions whose pause is over in one unit.
const WAKE: usize = 500;

const OPEN: &str = "SELECT id, task_id, executor, source, nominal_at, planned_at, state, attempt, failures, losses, ready_at, \
                    worker_id, started_at, cancel, payload, created_at, rank_at, settles FROM schedule_execution";
const ENDED: &str = "SELECT id, task_id, source, nominal_at, planned_at, state, reason, error, output, attempts, worker_id, \
                     created_at, started_at, ended_at, until_at, occurrences FROM schedule_ended";

pub(super) async fn coming(rows: &mut SqlRows<'_>, executors: &[Arc<str>]) -> Done<Coming> {
    let (within, params) = names(executors);
    let sql = format!(
        "SELECT (SELECT next_run_at FROM schedule_task WHERE next_run_at IS NOT NULL \
         ORDER BY next_run_at LIMIT 1) AS due, \
         (SELECT ready_at FROM schedule_execution WHERE ready_at IS NOT NULL ORDER BY ready_at LIMIT 1) AS ready, \
         CASE WHEN EXISTS (SELECT 1 FROM schedule_execution WHERE place_at IS NOT NULL AND executor {within}) \
         THEN 1 ELSE 0 END AS queued"
    );
    let row = rows.tx.fetch_one(sql, &params).await?;
    Ok(Coming {
        due: opt_moment(&row, "due")?,
        ready: opt_moment(&row, "ready")?,
        queued: row.bool("queued")?,
    })
}

pub(super) async fn open_of(rows: &mut SqlRows<'_>, task: TaskId, limit: usize) -> Done<Vec<ExecutionId>> {
    let sql = "SELECT id FROM schedule_execution WHERE task_id = ? ORDER BY id LIMIT ?";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = rows.tx.fetch_all(sql, params![task.to_string(), limit]).await?;
    found.iter().map(|row| id(row.text("id")?)).collect()
}

/// Those whose pause is over, except such that another worker looks at: it may have been stopped while it does.
pub(super) async fn wake(rows: &mut SqlRows<'_>, now: Timestamp) -> Done<()> {
    let sql = format!(
        "SELECT id FROM schedule_execution WHERE ready_at <= ? ORDER BY ready_at LIMIT {WAKE}{}",
        rows.lock(SKIP)
    );
    let found = rows.tx.fetch_all(sql, params![now.as_micros()]).await?;
    let ids = found.iter().map(|row| row.text("id").map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let head = "UPDATE schedule_execution SET place_at = rank_at, ready_at = NULL WHERE id";
    execute_in(rows, head, params![], &ids).await.map(drop)
}

pub(super) async fn scheduled(
    rows: &mut SqlRows<'_>,
    tasks: &[TaskId],
    lock: bool,
) -> Done<Vec<(TaskId, Open)>> {
    let head = "SELECT task_id, id, state FROM schedule_execution WHERE source = 'schedule' AND task_id";
    let end = format!(" ORDER BY id{}", if lock { rows.lock(WAIT) } else { "" });
    let found = fetch_in(rows, head, tasks, &end).await?;
    let open = |row: &Row| {
        let open = Open { id: id(row.text("id")?)?, state: word(State::of(row.text("state")?))? };
        Ok((id(row.text("task_id")?)?, open))
    };
    found.iter().map(open).collect()
}

pub(super) async fn open(rows: &mut SqlRows<'_>, ids: &[ExecutionId]) -> Done<Vec<Execution>> {
    let end = format!(" ORDER BY id{}", rows.lock(WAIT));
    fetch_in(rows, &format!("{OPEN} WHERE id"), ids, &end).await?.iter().map(execution).collect()
}

pub(super) async fn held_by(rows: &mut SqlRows<'_>, worker: WorkerId, limit: usize) -> Done<Vec<Execution>> {
    let sql = format!("{OPEN} WHERE worker_id = ? ORDER BY id LIMIT ?{}", rows.lock(WAIT));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows.tx.fetch_all(sql, params![worker.to_string(), limit]).await?.iter().map(execution).collect()
}

pub(super) async fn ready(
    rows: &mut SqlRows<'_>,
    executors: &[Arc<str>],
    limit: usize,
) -> Done<Vec<Execution>> {
    let (within, mut params) = names(executors);
    let skip = rows.lock(SKIP);
    let sql =
        format!("{OPEN} WHERE place_at IS NOT NULL AND executor {within} ORDER BY place_at LIMIT ?{skip}");
    params.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    rows.tx.fetch_all(sql, &params).await?.iter().map(execution).collect()
}

pub(super) async fn add(rows: &mut SqlRows<'_>, executions: &[Execution]) -> Done<()> {
    let sql = "INSERT INTO schedule_execution (id, task_id, executor, source, nominal_at, planned_at, state, attempt, \
               failures, losses, ready_at, worker_id, started_at, cancel, payload, created_at, rank_at, place_at, \
               settles) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = executions.iter().map(|it| {
        let place = (it.state == State::Queued && it.ready.is_none()).then_some(it.rank);
        vec![
            Value::from(it.id.to_string()),
            it.task.to_string().into(),
            (&*it.executor).into(),
            it.source.as_str().into(),
            it.nominal.as_micros().into(),
            it.planned.as_micros().into(),
            it.state.as_str().into(),
            it.attempt.into(),
            it.failures.into(),
            it.losses.into(),
            micros(it.ready).into(),
            it.worker.map(|it| it.to_string()).into(),
            micros(it.started).into(),
            it.cancel.map(Reason::as_str).into(),
            it.payload.as_deref().map(|it| it.get()).into(),
            it.created.as_micros().into(),
            it.rank.into(),
            place.into(),
            it.settles.into(),
        ]
    });
    rows.tx.execute_many(sql, &values.collect::<Vec<_>>()).await.map(drop)
}

pub(super) async fn start(
    rows: &mut SqlRows<'_>,
    ids: &[ExecutionId],
    worker: WorkerId,
    now: Timestamp,
) -> Done<()> {
    let head = "UPDATE schedule_execution SET state = 'running', attempt = attempt + 1, worker_id = ?, started_at = ?, \
                place_at = NULL WHERE state = 'queued' AND id";
    all(ids, execute_in(rows, head, params![worker.to_string(), now.as_micros()], ids).await?)
}

/// As many rows as were meant.
fn all<T>(meant: &[T], actual: u64) -> Done<()> {
    let expected = meant.len() as u64;
    if actual == expected { Ok(()) } else { Err(SqlError::RowsAffected { expected, actual }) }
}

pub(super) async fn requeue(rows: &mut SqlRows<'_>, executions: &[Requeue]) -> Done<()> {
    const REQUEUE: UpdateMany = UpdateMany {
        table: "schedule_execution",
        set: &["state", "ready_at", "failures", "losses", "worker_id"],
        at: &["id"],
    };
    let values: Vec<_> = executions
        .iter()
        .map(|it| {
            vec![
                Value::from(State::Queued.as_str()),
                it.ready.as_micros().into(),
                it.failures.into(),
                it.losses.into(),
                None::<&str>.into(),
                it.id.to_string().into(),
            ]
        })
        .collect();
    all(executions, REQUEUE.run(rows, &values).await?)
}

pub(super) async fn release(rows: &mut SqlRows<'_>, ids: &[ExecutionId]) -> Done<()> {
    let head =
        "UPDATE schedule_execution SET state = 'queued', place_at = rank_at WHERE state = 'waiting' AND id";
    all(ids, execute_in(rows, head, params![], ids).await?)
}

pub(super) async fn ask_to_end(rows: &mut SqlRows<'_>, ids: &[ExecutionId], reason: Reason) -> Done<()> {
    // The first reason stays.
    let head = "UPDATE schedule_execution SET cancel = ? WHERE cancel IS NULL AND id";
    execute_in(rows, head, params![reason.as_str()], ids).await.map(drop)
}

pub(super) async fn remove(rows: &mut SqlRows<'_>, ids: &[ExecutionId]) -> Done<()> {
    all(ids, execute_in(rows, "DELETE FROM schedule_execution WHERE id", params![], ids).await?)
}

pub(super) async fn add_ended(rows: &mut SqlRows<'_>, ended: &[Ended]) -> Done<()> {
    let sql = "INSERT INTO schedule_ended (id, task_id, source, nominal_at, planned_at, state, reason, error, output, \
               attempts, worker_id, created_at, started_at, ended_at, until_at, occurrences) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = ended.iter().map(|it| {
        vec![
            Value::from(it.id.to_string()),
            it.task.to_string().into(),
            it.source.as_str().into(),
            it.nominal.as_micros().into(),
            it.planned.as_micros().into(),
            it.state.as_str().into(),
            it.reason.map(Reason::as_str).into(),
            it.error.as_deref().into(),
            it.output.as_deref().into(),
            it.attempts.into(),
            it.worker.map(|it| it.to_string()).into(),
            it.created.as_micros().into(),
            micros(it.started).into(),
            it.ended.as_micros().into(),
            micros(it.until).into(),
            it.count.map(i64::from).into(),
        ]
    });
    rows.tx.execute_many(sql, &values.collect::<Vec<_>>()).await.map(drop)
}

pub(super) async fn ended(rows: &mut SqlRows<'_>, ids: &[ExecutionId]) -> Done<Vec<Ended>> {
    fetch_in(rows, &format!("{ENDED} WHERE id"), ids, "").await?.iter().map(ended_row).collect()
}

pub(super) async fn ended_of(
    rows: &mut SqlRows<'_>,
    task: TaskId,
    before: Option<ExecutionId>,
    limit: usize,
) -> Done<Vec<Ended>> {
    // After every id.
    let before = before.map_or_else(|| "~".to_owned(), |it| it.to_string());
    let sql = format!("{ENDED} WHERE task_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows.tx.fetch_all(sql, params![task.to_string(), before, limit]).await?.iter().map(ended_row).collect()
}

pub(super) async fn add_attempts(rows: &mut SqlRows<'_>, attempts: &[Attempt]) -> Done<()> {
    let sql = "INSERT INTO schedule_attempt (execution_id, number, worker_id, started_at, ended_at, reason, error) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let values = attempts.iter().map(|it| {
        vec![
            Value::from(it.execution.to_string()),
            it.number.into(),
            it.worker.map(|it| it.to_string()).into(),
            it.started.as_micros().into(),
            it.ended.as_micros().into(),
            it.reason.as_str().into(),
            it.error.as_deref().into(),
        ]
    });
    rows.tx.execute_many(sql, &values.collect::<Vec<_>>()).await.map(drop)
}

pub(super) async fn attempts(rows: &mut SqlRows<'_>, execution: ExecutionId) -> Done<Vec<Attempt>> {
    let sql = "SELECT number, worker_id, started_at, ended_at, reason, error FROM schedule_attempt \
               WHERE execution_id = ? ORDER BY number";
    let found = rows.tx.fetch_all(sql, params![execution.to_string()]).await?;
    let attempt = |row: &Row| {
        Ok(Attempt {
            execution,
            number: natural(row.int("number")?)?,
            worker: row.opt_text("worker_id")?.map(id).transpose()?,
            started: moment(row, "started_at")?,
            ended: moment(row, "ended_at")?,
            reason: word(Reason::of(row.text("reason")?))?,
            error: row.opt_text("error")?.map(Arc::from),
        })
    };
    found.iter().map(attempt).collect()
}

pub(super) async fn keyed(
    rows: &mut SqlRows<'_>,
    task: TaskId,
    key: &str,
    execution: ExecutionId,
    now: Timestamp,
) -> Done<ExecutionId> {
    // Whoever asks has locked the task, so nobody comes between.
    let sql = "SELECT execution_id FROM schedule_key WHERE task_id = ? AND run_key = ?";
    if let Some(row) = rows.tx.fetch_optional(sql, params![task.to_string(), key]).await? {
        return id(row.text("execution_id")?);
    }
    let sql = "INSERT INTO schedule_key (task_id, run_key, execution_id, created_at) VALUES (?, ?, ?, ?)";
    let row = params![task.to_string(), key, execution.to_string(), now.as_micros()];
    rows.tx.execute(sql, row).await?;
    Ok(execution)
}

fn execution(row: &Row) -> Result<Execution, SqlError> {
    Ok(Execution {
        id: id(row.text("id")?)?,
        task: id(row.text("task_id")?)?,
        executor: row.text("executor")?.into(),
        source: word(Source::of(row.text("source")?))?,
        nominal: moment(row, "nominal_at")?,
        planned: moment(row, "planned_at")?,
        state: word(State::of(row.text("state")?))?,
        attempt: natural(row.int("attempt")?)?,
        failures: natural(row.int("failures")?)?,
        losses: natural(row.int("losses")?)?,
        ready: opt_moment(row, "ready_at")?,
        worker: row.opt_text("worker_id")?.map(id).transpose()?,
        started: opt_moment(row, "started_at")?,
        cancel: row.opt_text("cancel")?.map(|it| word(Reason::of(it))).transpose()?,
        payload: row.opt_text("payload")?.map(json).transpose()?,
        created: moment(row, "created_at")?,
        rank: row.int("rank_at")?,
        settles: row.bool("settles")?,
    })
}

fn ended_row(row: &Row) -> Result<Ended, SqlError> {
    Ok(Ended {
        id: id(row.text("id")?)?,
        task: id(row.text("task_id")?)?,
        source: word(Source::of(row.text("source")?))?,
        nominal: moment(row, "nominal_at")?,
        planned: moment(row, "planned_at")?,
        state: word(State::of(row.text("state")?))?,
        reason: row.opt_text("reason")?.map(|it| word(Reason::of(it))).transpose()?,
        error: row.opt_text("error")?.map(Arc::from),
        output: row.opt_text("output")?.map(Arc::from),
        attempts: natural(row.int("attempts")?)?,
        worker: row.opt_text("worker_id")?.map(id).transpose()?,
        created: moment(row, "created_at")?,
        started: opt_moment(row, "started_at")?,
        ended: moment(row, "ended_at")?,
        until: opt_moment(row, "until_at")?,
        count: row.opt_int("occurrences")?.map(natural).transpose()?,
    })
}
