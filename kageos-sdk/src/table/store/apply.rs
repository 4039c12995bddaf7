//! A unit, its history and its receipt, in one transaction.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kageos_core::{
    Actor, CallId, Change, ChangeOp, Code, Error, HostError, ResourcePath, Source, Timestamp, Trace,
    host::MAX_RECEIPT_REPLY,
    sql::{SqlError, Tx, Value, params},
};
use serde_json::{Map, value::RawValue};
use tokio::task::spawn_blocking;

use super::{Store, error::Stop, history, receipt, relations::Named, rows};
use crate::table::{
    hash::changes_hash,
    layout::Table,
    row::Record,
    unit::{Entry, Unit, version_conflict},
};

/// Rows whose parameters are made at a time.
const INSERT_BLOCK: usize = 4096;
/// Changes that are made and hashed at once, within some milliseconds; more go to a thread that may block.
const AT_ONCE: usize = 500;

/// What is kept beside the rows of a unit: who did it, and what the call answered.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The call.
    pub call: CallId,
    /// The workspace that the tables lie in, for the paths of changes.
    pub workspace: ResourcePath,
    /// Who acts.
    pub actor: Actor,
    /// What started the call.
    pub source: Source,
    /// Where the call stands in a trace.
    pub trace: Trace,
    /// SHA-256 of the call's input, hexadecimal.
    pub request_hash: String,
    /// What the call answers; kept up to 64 KiB.
    pub output: Arc<RawValue>,
    /// Shows what would change and changes nothing.
    pub dry_run: bool,
}

/// What a unit has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The rows.
    pub changes: Vec<Change>,
    /// Whether the receipt keeps all of them, so that the call can be taken back.
    pub undoable: bool,
}

/// Everything that one transaction writes.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) applied: Applied,
    entries: Vec<Entry>,
    /// One a entry.
    changes: Vec<Change>,
    /// The changes as the receipt keeps them.
    kept: receipt::Text,
    /// Rows that the entries name.
    named: Named,
    changes_hash: String,
    /// Ids of the history's rows, one a entry.
    history_ids: Vec<i64>,
    at: Timestamp,
    /// Every statement has succeeded, so only the commit can have failed.
    finished: AtomicBool,
}

impl Store {
    /// Writes a unit with its history and its receipt in one transaction, and answers what changed. A dry run
    /// does the same and takes it back.
    ///
    /// # Errors
    /// [`HostError::CutOff`] when the connection was lost while it committed. Else [`HostError::Refused`]:
    /// [`Code::InvalidInput`] when a row names another one that is not there (its pointer is below `/values` for a new
    /// row, else below `/patch`), [`Code::VersionConflict`] when a row was changed since it was read, [`Code::Conflict`] when the call was
    /// applied before or an id is taken, or what the database answers.
    pub async fn apply(&self, unit: Unit, applied: Applied) -> Result<Written, HostError> {
        let entries = unit.into_entries();
        let history_ids: Vec<i64> = entries.iter().map(|_| self.row_ids.number()).collect();
        let (dry_run, at) = (applied.dry_run, self.env.now());
        let work = if entries.len() <= AT_ONCE {
            Work::new(applied, entries, history_ids, at)?
        } else {
            let made = spawn_blocking(move || Work::new(applied, entries, history_ids, at));
            made.await.map_err(Error::internal)??
        };
        let work = Arc::new(work);
        let done = self.db.write_with(Arc::clone(&work), |work, tx| Box::pin(work.run(tx))).await;
        match done {
            Ok(()) => {}
            Err(Stop::Tried) if dry_run => {}
            Err(Stop::Sql(error)) if work.finished.load(Ordering::SeqCst) && is_unknown(&error) => {
                return Err(HostError::CutOff(Error::of(Code::OutcomeUnknown).caused_by(error)));
            }
            Err(stop) => return Err(stop.into()),
        }
        let undoable = work.kept.whole;
        let changes = Arc::try_unwrap(work).map_or_else(|work| work.changes.clone(), |work| work.changes);
        Ok(Written { changes, undoable })
    }
}

/// Whether a commit that ended so may have been kept all the same.
fn is_unknown(error: &SqlError) -> bool {
    matches!(
        error,
        SqlError::ConnectionLost { .. } | SqlError::Io { .. } | SqlError::Closed | SqlError::Timeout
    )
}

impl Work {
    fn new(
        applied: Applied,
        entries: Vec<Entry>,
        history_ids: Vec<i64>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let changes = entries.iter().map(|entry| change(entry, &applied.workspace));
        let changes = changes.collect::<Result<Vec<_>, Error>>()?;
        let changes_hash = changes_hash(&changes);
        let room = MAX_RECEIPT_REPLY - kept_output(&applied).map_or(0, str::len);
        let kept = receipt::kept(&changes, &changes_hash, room)?;
        let finished = AtomicBool::new(false);
        let named = Named::by(&entries);
        Ok(Self { applied, entries, changes, kept, named, changes_hash, history_ids, at, finished })
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), Stop> {
        self.finished.store(false, Ordering::SeqCst);
        self.write_receipt(tx).await?;
        self.write_rows(tx).await?;
        self.named.check(tx).await?;
        self.write_history(tx).await?;
        if self.applied.dry_run {
            return Err(Stop::Tried);
        }
        self.finished.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn write_receipt(&self, tx: &mut Tx) -> Result<(), Stop> {
        let sql = "INSERT INTO receipt (call_id, request_hash, output, changes, changes_hash, applied_at) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![
            self.applied.call.to_string(),
            &self.applied.request_hash,
            kept_output(&self.applied),
            &self.kept.json,
            &self.changes_hash,
            self.at.as_micros(),
        ];
        let written = tx.execute_expect(sql, values, 1).await;
        written.map_err(|error| taken(error, "the call was applied or given up before"))
    }

    async fn write_rows(&self, tx: &mut Tx) -> Result<(), Stop> {
        let mut rest = &self.entries[..];
        while let Some(entry) = rest.first() {
            let run =
                rest.iter().take_while(|it| it.before.is_none() && Arc::ptr_eq(&it.table, &entry.table));
            let count = run.take(INSERT_BLOCK).count();
            let (now, later) = rest.split_at(count.max(1));
            rest = later;
            match &entry.before {
                None => insert(tx, &entry.table, now).await?,
                Some(before) => replace(tx, &entry.table, before, entry.after.as_ref()).await?,
            }
        }
        Ok(())
    }

    async fn write_history(&self, tx: &mut Tx) -> Result<(), Stop> {
        let kept: Vec<usize> =
            (0..self.entries.len()).filter(|at| self.entries[*at].table.def.history).collect();
        for block in kept.chunks(INSERT_BLOCK) {
            let rows: Vec<Vec<Value<'_>>> = block.iter().map(|at| self.history_params(*at)).collect();
            tx.execute_many(history::INSERT, &rows).await?;
        }
        Ok(())
    }

    fn history_params(&self, at: usize) -> Vec<Value<'_>> {
        let (entry, change) = (&self.entries[at], &self.changes[at]);
        let Some(state) = entry.after.as_ref().or(entry.before.as_ref()) else { return Vec::new() };
        let version = state.version + i64::from(entry.after.is_none());
        let actor = &self.applied.actor;
        vec![
            self.history_ids[at].into(),
            (&entry.table.name).into(),
            state.id.as_i64().into(),
            version.into(),
            history::word(&change.op).into(),
            self.at.as_micros().into(),
            self.applied.call.to_string().into(),
            history::word(&actor.kind).into(),
            actor.id.map(|id| id.to_string()).into(),
            (&actor.name).into(),
            history::word(&self.applied.source.kind).into(),
            self.applied.trace.to_string().into(),
            change.old.as_ref().map(ToString::to_string).into(),
            change.new.as_ref().map(ToString::to_string).into(),
        ]
    }
}

/// The output, when a receipt has room for it.
fn kept_output(applied: &Applied) -> Option<&str> {
    Some(applied.output.get()).filter(|output| output.len() <= MAX_RECEIPT_REPLY)
}

async fn insert(tx: &mut Tx, table: &Table, entries: &[Entry]) -> Result<(), Stop> {
    let records = entries.iter().filter_map(|entry| entry.after.as_ref());
    let rows: Vec<_> = records.map(|record| rows::insert_params(table, record)).collect();
    let written = tx.execute_many(rows::insert(table), &rows).await;
    written.map(drop).map_err(|error| taken(error, "a row has this id already"))
}

/// Brings a row from the state that was read to the next one, or removes it.
async fn replace(tx: &mut Tx, table: &Table, before: &Record, after: Option<&Record>) -> Result<(), Stop> {
    let touched = match after {
        Some(after) => {
            let (sql, params) = rows::update(table, before, after);
            tx.execute(sql, &params).await?
        }
        None => tx.execute(rows::delete(table), params![before.id.as_i64(), before.version]).await?,
    };
    if touched == 1 {
        return Ok(());
    }
    let current = tx.fetch_optional(rows::version(table), params![before.id.as_i64()]).await?;
    Err(Stop::Refused(match current {
        Some(row) => version_conflict(row.int(0)?),
        None => Error::new(Code::NotFound, format!("{} has no row {} any more", table.def.path, before.id)),
    }))
}

/// A unique violation as a conflict with these words.
fn taken(error: SqlError, text: &'static str) -> Stop {
    if error.is_unique_violation() {
        Stop::Refused(Error::new(Code::Conflict, text).caused_by(error))
    } else {
        Stop::Sql(error)
    }
}

/// What happened to a row, with the values that differ.
fn change(entry: &Entry, workspace: &ResourcePath) -> Result<Change, Error> {
    let table = &entry.table;
    let path = format!("{workspace}/{}", table.def.path).parse().map_err(Error::internal)?;
    let gone = |record: &Record| record.deleted_at.is_some();
    let (row, op) = match (&entry.before, &entry.after) {
        (None, after) => (after.as_ref(), ChangeOp::Create),
        (before, None) => (before.as_ref(), ChangeOp::Purge),
        (Some(before), Some(after)) => (
            Some(after),
            match (gone(before), gone(after)) {
                (false, true) => ChangeOp::Delete,
                (true, false) => ChangeOp::Restore,
                _ => ChangeOp::Update,
            },
        ),
    };
    let values = |side: &Option<Record>, other: &Option<Record>| {
        let values = differing(table, side.as_ref()?, other.as_ref());
        (!values.is_empty()).then_some(values.into())
    };
    Ok(Change {
        path,
        row: row.map(|row| row.id.to_string()),
        version: entry.after.as_ref().map(|row| row.version),
        op,
        old: values(&entry.before, &entry.after),
        new: values(&entry.after, &entry.before),
    })
}

/// The values of `side` that `other` has not; without another side all that are not null.
fn differing(table: &Table, side: &Record, other: Option<&Record>) -> Map<String, serde_json::Value> {
    let mut values = Map::new();
    for (at, column) in table.columns.iter().enumerate() {
        let cell = &side.cells[at];
        let differs = other.map_or(!cell.is_null(), |other| other.cells[at] != *cell);
        if differs {
            values.insert(column.name.clone(), cell.decode(column.kind));
        }
    }
    values
}
