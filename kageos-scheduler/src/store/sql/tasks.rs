//! The statements about tasks.

use std::sync::Arc;

use kageos_core::sql::{Row, SqlError, Value, params};
use kageos_core::{TaskId, Timestamp};
use serde_json::value::RawValue;

use super::text::{UpdateMany, fetch_in};
use super::{
    Ahead, Body, Done, DueTask, SKIP, SqlRows, TaskRow, WAIT, id, micros, moment, natural, opt_moment, whole,
    word,
};
use crate::TaskState;

/// As far as it takes to decide on a task.
const DUE: &str = "SELECT id, executor, rules, revision, cursor_at, last_end_at, next_run_at, runs, state FROM schedule_task";
const ALL: &str = "SELECT id, executor, rules, revision, cursor_at, last_end_at, next_run_at, runs, state, owner, title, \
                   subject, payload, note, problem, next_at, zone_data, create_key, created_at, changed_at FROM schedule_task";

pub(super) async fn add(rows: &mut SqlRows<'_>, task: &TaskRow) -> Done<Option<TaskId>> {
    let sql = "INSERT INTO schedule_task (id, owner, title, subject, executor, payload, rules, state, note, problem, \
               revision, cursor_at, last_end_at, next_at, next_run_at, runs, zone_data, create_key, created_at, \
               changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let due = &task.due;
    let row = params![
        due.id.to_string(),
        &task.owner,
        &task.title,
        task.subject.as_deref(),
        &*due.executor,
        task.payload.get(),
        &*due.rules,
        due.state.as_str(),
        task.note.as_deref(),
        task.problem.as_deref(),
        whole(due.revision)?,
        due.cursor.as_micros(),
        micros(due.last_end),
        micros(task.next),
        micros(due.next_run),
        whole(due.runs)?,
        &task.zone_data,
        task.key.as_deref(),
        task.created.as_micros(),
        task.changed.as_micros(),
    ];
    match rows.tx.try_execute(sql, row).await {
        Err(error) if error.is_unique_violation() => {}
        done => return done.map(|_| None),
    }
    let sql = "SELECT id FROM schedule_task WHERE owner = ? AND create_key = ?";
    let found = rows.tx.fetch_one(sql, params![&task.owner, task.key.as_deref()]).await?;
    id(found.text("id")?).map(Some)
}

pub(super) async fn one(rows: &mut SqlRows<'_>, task: TaskId) -> Done<Option<TaskRow>> {
    let sql = format!("{ALL} WHERE id = ?{}", rows.lock(WAIT));
    rows.tx.fetch_optional(sql, params![task.to_string()]).await?.as_ref().map(whole_row).transpose()
}

pub(super) async fn list(
    rows: &mut SqlRows<'_>,
    subject: Option<&str>,
    after: Option<TaskId>,
    limit: usize,
) -> Done<Vec<TaskRow>> {
    let after = after.map(|it| it.to_string()).unwrap_or_default();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = match subject {
        Some(subject) => {
            let sql = format!("{ALL} WHERE subject = ? AND id > ? ORDER BY id LIMIT ?");
            rows.tx.fetch_all(sql, params![subject, after, limit]).await?
        }
        None => {
            let sql = format!("{ALL} WHERE id > ? ORDER BY id LIMIT ?");
            rows.tx.fetch_all(sql, params![after, limit]).await?
        }
    };
    found.iter().map(whole_row).collect()
}

pub(super) async fn put(rows: &mut SqlRows<'_>, task: &TaskRow, revision: u64) -> Done<bool> {
    let sql = "UPDATE schedule_task SET title = ?, payload = ?, rules = ?, state = ?, note = ?, problem = ?, \
               revision = ?, cursor_at = ?, last_end_at = ?, next_at = ?, next_run_at = ?, zone_data = ?, \
               changed_at = ? WHERE id = ? AND revision = ?";
    let due = &task.due;
    let row = params![
        &task.title,
        task.payload.get(),
        &*due.rules,
        due.state.as_str(),
        task.note.as_deref(),
        task.problem.as_deref(),
        whole(due.revision)?,
        due.cursor.as_micros(),
        micros(due.last_end),
        micros(task.next),
        micros(due.next_run),
        &task.zone_data,
        task.changed.as_micros(),
        due.id.to_string(),
        whole(revision)?,
    ];
    Ok(rows.tx.execute(sql, row).await? == 1)
}

pub(super) async fn due(rows: &mut SqlRows<'_>, now: Timestamp, limit: usize) -> Done<Vec<DueTask>> {
    let sql = format!("{DUE} WHERE next_run_at <= ? ORDER BY next_run_at LIMIT ?{}", rows.lock(SKIP));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows.tx.fetch_all(sql, params![now.as_micros(), limit]).await?.iter().map(due_row).collect()
}

pub(super) async fn decidable(rows: &mut SqlRows<'_>, ids: &[TaskId]) -> Done<Vec<DueTask>> {
    // In order, so that two that want the same lock them in the same order.
    let end = format!(" ORDER BY id{}", rows.lock(WAIT));
    fetch_in(rows, &format!("{DUE} WHERE id"), ids, &end).await?.iter().map(due_row).collect()
}

pub(super) async fn advance(rows: &mut SqlRows<'_>, moves: &[(DueTask, Ahead)]) -> Done<()> {
    const MOVE: UpdateMany = UpdateMany {
        table: "schedule_task",
        set: &["cursor_at", "last_end_at", "next_at", "next_run_at", "runs", "state", "problem"],
        at: &["id", "revision", "cursor_at", "runs"],
    };
    let values = moves.iter().map(|(task, to)| {
        Ok(vec![
            Value::from(to.cursor.as_micros()),
            micros(to.last_end).into(),
            micros(to.next).into(),
            micros(to.next_run).into(),
            whole(to.runs)?.into(),
            to.state.as_str().into(),
            to.problem.as_deref().into(),
            task.id.to_string().into(),
            whole(task.revision)?.into(),
            task.cursor.as_micros().into(),
            whole(task.runs)?.into(),
        ])
    });
    let values = values.collect::<Result<Vec<_>, SqlError>>()?;
    let (expected, actual) = (moves.len() as u64, MOVE.run(rows, &values).await?);
    if actual == expected { Ok(()) } else { Err(SqlError::RowsAffected { expected, actual }) }
}

pub(super) async fn bodies(rows: &mut SqlRows<'_>, ids: &[TaskId]) -> Done<Vec<Body>> {
    let head = "SELECT id, owner, rules, payload FROM schedule_task WHERE id";
    let found = fetch_in(rows, head, ids, "").await?;
    found
        .iter()
        .map(|row| {
            Ok(Body {
                task: id(row.text("id")?)?,
                owner: row.text("owner")?.into(),
                rules: row.text("rules")?.into(),
                payload: json(row.text("payload")?)?,
            })
        })
        .collect()
}

fn due_row(row: &Row) -> Result<DueTask, SqlError> {
    Ok(DueTask {
        id: id(row.text("id")?)?,
        executor: row.text("executor")?.into(),
        rules: row.text("rules")?.into(),
        revision: natural(row.int("revision")?)?,
        cursor: moment(row, "cursor_at")?,
        last_end: opt_moment(row, "last_end_at")?,
        next_run: opt_moment(row, "next_run_at")?,
        runs: natural(row.int("runs")?)?,
        state: word(TaskState::of(row.text("state")?))?,
    })
}

fn whole_row(row: &Row) -> Result<TaskRow, SqlError> {
    let text = |column| Ok::<_, SqlError>(row.opt_text(column)?.map(str::to_owned));
    Ok(TaskRow {
        due: due_row(row)?,
        owner: row.text("owner")?.to_owned(),
        title: row.text("title")?.to_owned(),
        subject: text("subject")?,
        payload: json(row.text("payload")?)?,
        note: text("note")?,
        problem: text("problem")?,
        next: opt_moment(row, "next_at")?,
        zone_data: row.text("zone_data")?.to_owned(),
        key: text("create_key")?,
        created: moment(row, "created_at")?,
        changed: moment(row, "changed_at")?,
    })
}

/// JSON that was checked when it was written.
pub(super) fn json(text: &str) -> Result<Arc<RawValue>, SqlError> {
    RawValue::from_string(text.to_owned()).map(Arc::from).map_err(|_| SqlError::OutOfRange)
}
