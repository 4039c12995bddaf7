//! Setting rows back to what they were before a call.

use kageos_core::{Change, ChangeOp, Code, Error, FieldError, RowId};
use serde_json::{Map, Value};

use super::{Result, Unit, cell::Cell, layout::Table, row::Record, unit::Entry};

/// Most conflicts that one answer lists.
const MAX_CONFLICTS: usize = 100;

impl Unit {
    /// Takes changes back, the last first. A field that a change set has to hold that value still; what was changed
    /// elsewhere in the row since stays. A row that was made, deleted or restored has to be as it was left.
    ///
    /// # Errors
    /// [`Code::UndoConflict`] with every row that has changed since, its pointer `/{table}/{row}`;
    /// [`Code::UndoUnsupported`] when a row was removed for good; else what the database answers.
    pub async fn undo(&mut self, changes: &[Change]) -> Result<()> {
        let mut conflicts = Vec::new();
        for (table, ids) in rows_by_table(changes)? {
            if self.store().table(table).is_ok() {
                self.load(table, &ids).await?;
            }
        }
        for change in changes.iter().rev() {
            let (table, id) = row_of(change)?;
            let conflict = match self.set_back(table, id, change).await? {
                Ok(()) => continue,
                Err(message) => message,
            };
            let pointer = format!("/{}/{id}", table.replace('~', "~0").replace('/', "~1"));
            conflicts.push(FieldError { pointer, code: "changed".into(), message: conflict.to_owned() });
            if conflicts.len() == MAX_CONFLICTS {
                break;
            }
        }
        if conflicts.is_empty() {
            return Ok(());
        }
        let mut error = Error::of(Code::UndoConflict);
        error.fields = conflicts;
        Err(error)
    }

    /// Sets one row back, or says why it cannot be.
    async fn set_back(
        &mut self,
        table: &str,
        id: RowId,
        change: &Change,
    ) -> Result<std::result::Result<(), &'static str>> {
        if change.op == ChangeOp::Purge {
            return Err(Error::new(Code::UndoUnsupported, "What was removed for good is gone."));
        }
        if self.store().table(table).is_err() {
            return Ok(Err("The table is gone."));
        }
        let Some(place) = self.place(table, id).await? else {
            return Ok(Err("The row is gone."));
        };
        let entry = self.entry(place);
        let Some(row) = entry.after.clone() else { return Ok(Err("The row is gone.")) };
        let deleted = row.deleted_at.is_some();
        let left = change.version.filter(|_| change.op != ChangeOp::Update);
        let cells = match change.op {
            ChangeOp::Delete if !deleted => return Ok(Err("The row is not in the recycle bin any more.")),
            ChangeOp::Create | ChangeOp::Restore | ChangeOp::Update if deleted => {
                return Ok(Err("The row is in the recycle bin."));
            }
            // A change since would go with the row, or come back with it.
            _ if left.is_some_and(|left| left != row.version) => None,
            ChangeOp::Create => Some(row.cells.clone()),
            _ => cells_before(entry, &row, change),
        };
        let Some(cells) = cells else { return Ok(Err("The row has changed since.")) };
        let deleted_at = match change.op {
            ChangeOp::Create | ChangeOp::Restore => Some(self.at()),
            ChangeOp::Delete => None,
            ChangeOp::Update | ChangeOp::Purge => row.deleted_at,
        };
        self.change(place, Record { cells, deleted_at, ..row });
        Ok(Ok(()))
    }
}

/// The cells with the old values of a change; `None` when one holds another value than the change gave it.
fn cells_before(entry: &Entry, row: &Record, change: &Change) -> Option<Vec<Cell>> {
    let none = Map::new();
    let side = |value| Option::as_ref(value).and_then(Value::as_object).unwrap_or(&none);
    let (old, new) = (side(&change.old), side(&change.new));
    let mut cells = row.cells.clone();
    for name in old.keys().chain(new.keys()) {
        let at = position(&entry.table, name)?;
        let kind = entry.table.columns[at].kind;
        let is = row.cells[at].decode(kind);
        if is != *new.get(name).unwrap_or(&Value::Null) {
            return None;
        }
        cells[at] = Cell::encode(kind, old.get(name).unwrap_or(&Value::Null)).ok()?;
    }
    Some(cells)
}

fn position(table: &Table, name: &str) -> Option<usize> {
    table.columns.iter().position(|column| column.name == name)
}

/// The table inside the workspace and the row of a change.
fn row_of(change: &Change) -> Result<(&str, RowId)> {
    let id = change.row.as_deref().and_then(|row| row.parse().ok());
    let id =
        id.ok_or_else(|| Error::new(Code::UndoUnsupported, "The call changed more than rows of tables."))?;
    Ok((change.path.in_workspace(), id))
}

fn rows_by_table(changes: &[Change]) -> Result<Vec<(&str, Vec<RowId>)>> {
    let mut tables: Vec<(&str, Vec<RowId>)> = Vec::new();
    for change in changes {
        let (table, id) = row_of(change)?;
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, ids)) => ids.push(id),
            None => tables.push((table, vec![id])),
        }
    }
    Ok(tables)
}
