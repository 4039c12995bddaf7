//! What a function writes, collected until it ends.

use std::{collections::HashMap, sync::Arc};

use crate::table::Result;
use kageos_core::{Code, Error, FileId, RowId, Timestamp, Widget};
use serde_json::{Map, Value};

use super::{
    Row, Store,
    check::{new_cells, patched_cells},
    files,
    layout::Table,
    row::Record,
};

/// Most rows that one unit touches: what one import brings.
pub(crate) const MAX_UNIT_ROWS: usize = 100_000;

/// Writes to several tables that are kept together or not at all, by [`Store::apply`].
///
/// It reads the committed state and its own writes. Nobody is kept waiting meanwhile: what others have changed
/// in between is found out when the unit is applied.
#[derive(Debug)]
pub struct Unit {
    store: Arc<Store>,
    at: Timestamp,
    entries: Vec<Entry>,
    /// The entry of a row, by table and id.
    places: HashMap<String, HashMap<RowId, usize>>,
}

/// One row before and after the unit; `None` where there is no row.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) table: Arc<Table>,
    pub(crate) before: Option<Record>,
    pub(crate) after: Option<Record>,
}

impl Unit {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        let at = store.env().now();
        Self { store, at, entries: Vec::new(), places: HashMap::new() }
    }

    /// The tables that it writes to.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Whether nothing would be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|entry| entry.before == entry.after)
    }

    /// The row with this id as this unit leaves it; `None` when there is none, or it lies in the recycle bin.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, else what the database answers.
    pub async fn get(&mut self, path: &str, id: RowId) -> Result<Option<Row>> {
        let Some(place) = self.place(path, id).await? else { return Ok(None) };
        let entry = &self.entries[place];
        Ok(entry.after.as_ref().filter(|row| row.deleted_at.is_none()).map(|row| row.row(&entry.table)))
    }

    /// Reads rows at once that are written one by one afterwards.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, else what the database answers.
    pub async fn load(&mut self, path: &str, ids: &[RowId]) -> Result<()> {
        let table = Arc::clone(self.store.table(path)?);
        let known = self.places.get(path);
        let wanted: Vec<RowId> =
            ids.iter().copied().filter(|id| !known.is_some_and(|known| known.contains_key(id))).collect();
        for record in self.store.records(&table, &wanted).await? {
            self.add(&table, Some(record.clone()), Some(record))?;
        }
        Ok(())
    }

    /// Whether this unit leaves a row with this id out of the recycle bin, as far as it has touched it.
    pub(crate) fn has(&self, path: &str, id: RowId) -> bool {
        let place = self.places.get(path).and_then(|ids| ids.get(&id));
        let after = place.and_then(|place| self.entries[*place].after.as_ref());
        after.is_some_and(|row| row.deleted_at.is_none())
    }

    /// Makes a row.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] with pointers below `/values` for everything that is wrong.
    pub fn create(&mut self, path: &str, values: &Map<String, Value>) -> Result<Row> {
        let id = self.store.row_id();
        self.create_with_id(path, id, values)
    }

    /// Makes a row whose id is known from elsewhere, for data that is carried over.
    ///
    /// # Errors
    /// As [`Unit::create`], and [`Code::Conflict`] when this unit has a row with this id; one that the table
    /// has is found when the unit is applied.
    pub fn create_with_id(&mut self, path: &str, id: RowId, values: &Map<String, Value>) -> Result<Row> {
        let table = Arc::clone(self.store.table(path)?);
        let cells = new_cells(&table, values, "/values").map_err(Error::invalid)?;
        let record =
            Record { id, version: 1, created_at: self.at, updated_at: self.at, deleted_at: None, cells };
        let row = record.row(&table);
        self.add(&table, None, Some(record))?;
        Ok(row)
    }

    /// Adds a checked row whose values nobody needs back.
    pub(crate) fn add_cells(
        &mut self,
        table: &Arc<Table>,
        id: RowId,
        cells: Vec<super::cell::Cell>,
    ) -> Result<()> {
        let (created_at, updated_at) = (self.at, self.at);
        self.add(
            table,
            None,
            Some(Record { id, version: 1, created_at, updated_at, deleted_at: None, cells }),
        )
    }

    /// Changes the fields in `patch`. With a `version` only when the row still has it.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::VersionConflict`], or [`Code::InvalidInput`] with pointers below `/patch`.
    pub async fn update(
        &mut self,
        path: &str,
        id: RowId,
        version: Option<i64>,
        patch: &Map<String, Value>,
    ) -> Result<Row> {
        let (place, row) = self.row(path, id, version, false).await?;
        let table = Arc::clone(&self.entries[place].table);
        let cells = patched_cells(&table, &row.cells, patch, "/patch").map_err(Error::invalid)?;
        if cells == row.cells {
            return Ok(row.row(&table));
        }
        let changed = self.change(place, Record { cells, ..row });
        Ok(changed.row(&table))
    }

    /// Moves a row to the recycle bin. With a `version` only when the row still has it. Answers its new version.
    ///
    /// # Errors
    /// [`Code::NotFound`] or [`Code::VersionConflict`].
    pub async fn delete(&mut self, path: &str, id: RowId, version: Option<i64>) -> Result<i64> {
        let (place, row) = self.row(path, id, version, false).await?;
        let deleted_at = Some(self.at);
        Ok(self.change(place, Record { deleted_at, ..row }).version)
    }

    /// Takes a row out of the recycle bin.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is not there.
    pub async fn restore(&mut self, path: &str, id: RowId) -> Result<Row> {
        let (place, row) = self.row(path, id, None, true).await?;
        let restored = self.change(place, Record { deleted_at: None, ..row });
        Ok(restored.row(&self.entries[place].table))
    }

    /// Removes a row from the recycle bin for good.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is not there.
    pub async fn purge(&mut self, path: &str, id: RowId) -> Result<()> {
        let (place, _) = self.row(path, id, None, true).await?;
        self.entries[place].after = None;
        Ok(())
    }

    /// The files that rows name after this unit and did not name before.
    pub(crate) fn new_files(&self) -> Vec<FileId> {
        let mut found = Vec::new();
        for entry in &self.entries {
            let Some(after) = &entry.after else { continue };
            for (at, field) in entry.table.def.fields.iter().enumerate() {
                let widget = field.annotation.widget;
                let same = entry.before.as_ref().is_some_and(|before| before.cells[at] == after.cells[at]);
                if same || !matches!(widget, Widget::File | Widget::Files | Widget::List) {
                    continue;
                }
                files::named(&field.schema, widget, &after.cells[at].decode(field.column), &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What is changed, in the order in which the rows were first touched.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries.into_iter().filter(|entry| entry.before != entry.after).collect()
    }

    /// A row as this unit leaves it, in the recycle bin or out of it.
    async fn row(
        &mut self,
        path: &str,
        id: RowId,
        version: Option<i64>,
        bin: bool,
    ) -> Result<(usize, Record)> {
        let missing = || Error::new(Code::NotFound, format!("{path} has no row {id} here"));
        let place = self.place(path, id).await?.ok_or_else(missing)?;
        let row = self.entries[place].after.as_ref();
        let row = row.filter(|row| row.deleted_at.is_some() == bin).ok_or_else(missing)?;
        match version {
            Some(version) if version != row.version => Err(version_conflict(row.version)),
            _ => Ok((place, row.clone())),
        }
    }

    /// The moment that all rows of the unit are changed at.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn entry(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// Replaces what a row is after this unit. Its version rises once, however often it is changed.
    pub(super) fn change(&mut self, place: usize, row: Record) -> Record {
        let entry = &mut self.entries[place];
        let version = entry.before.as_ref().map_or(1, |before| before.version + 1);
        let row = Record { version, updated_at: self.at, ..row };
        entry.after = Some(row.clone());
        row
    }

    pub(super) async fn place(&mut self, path: &str, id: RowId) -> Result<Option<usize>> {
        self.load(path, &[id]).await?;
        Ok(self.places.get(path).and_then(|ids| ids.get(&id)).copied())
    }

    fn add(&mut self, table: &Arc<Table>, before: Option<Record>, after: Option<Record>) -> Result<()> {
        let Some(id) = before.as_ref().or(after.as_ref()).map(|record| record.id) else { return Ok(()) };
        if self.entries.len() >= MAX_UNIT_ROWS {
            let text = format!("one call touches at most {MAX_UNIT_ROWS} rows");
            return Err(Error::new(Code::PayloadTooLarge, text));
        }
        let ids = match self.places.get_mut(&table.def.path) {
            Some(ids) => ids,
            None => self.places.entry(table.def.path.clone()).or_default(),
        };
        if ids.insert(id, self.entries.len()).is_some() {
            return Err(Error::new(Code::Conflict, format!("the row {id} stands twice")));
        }
        self.entries.push(Entry { table: Arc::clone(table), before, after });
        Ok(())
    }
}

/// The refusal of a change that was made on an old version.
pub(crate) fn version_conflict(current: i64) -> Error {
    let mut error = Error::of(Code::VersionConflict);
    error.fields.push(kageos_core::FieldError {
        pointer: "/version".to_owned(),
        code: "version".into(),
        message: format!("the row has version {current} now"),
    });
    error
}
