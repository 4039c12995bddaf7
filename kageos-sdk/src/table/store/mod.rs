//! The tables of one workspace, and all SQL that the engine says.

mod aggregate;
mod apply;
mod condition;
mod ddl;
mod error;
mod history;
mod keyset;
mod labels;
mod open;
mod receipt;
pub(super) mod relations;
mod rows;
mod search;

use std::{collections::HashMap, sync::Arc};

use crate::table::Result;
use kageos_core::{Code, Env, Error, RowId, TableSteps, sql::Db};

use super::{cursor::Cursors, layout::Table, row::Record, row_ids::RowIds, unit::Unit};
use crate::{def::TableDef, table::Row};

pub use apply::{Applied, Written};
pub(super) use search::Plan;

/// The tables of one workspace on its own database.
#[derive(Debug)]
pub struct Store {
    db: Db,
    tables: HashMap<String, Arc<Table>>,
    env: Env,
    cursors: Cursors,
    row_ids: RowIds,
}

impl Store {
    /// Opens the tables, and makes or extends them as they are declared. `cursor_key` seals cursors, so it is
    /// the same wherever their pages are asked for.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for a declaration that cannot be a table, [`Code::Conflict`] for one that would
    /// lose data (with the steps to take), else what the database answers.
    pub async fn open(db: Db, tables: Vec<TableDef>, env: Env, cursor_key: [u8; 32]) -> Result<Arc<Self>> {
        Self::open_noting(db, tables, env, cursor_key, &mut TableSteps::default()).await
    }

    /// The same, noting what is done to the tables: also when that comes to an error, for what was done before stays.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_noting(
        db: Db,
        tables: Vec<TableDef>,
        env: Env,
        cursor_key: [u8; 32],
        done: &mut TableSteps,
    ) -> Result<Arc<Self>> {
        let mut all = HashMap::new();
        for def in tables {
            let table = Arc::new(Table::new(def)?);
            if all.values().any(|other: &Arc<Table>| other.name == table.name) {
                return Err(Error::new(Code::InvalidInput, format!("{} stands twice", table.def.path)));
            }
            all.insert(table.def.path.clone(), table);
        }
        // In the same order each time, as they are told.
        let mut sorted: Vec<_> = all.values().collect();
        sorted.sort_by_key(|table| &table.def.path);
        open::prepare(&db, sorted.into_iter(), env.now(), done).await?;
        let row_ids = RowIds::new(env.clone());
        Ok(Arc::new(Self { db, tables: all, env, cursors: Cursors::new(cursor_key), row_ids }))
    }

    /// The declaration of the table at `path` in the workspace.
    #[must_use]
    pub fn def(&self, path: &str) -> Option<&TableDef> {
        self.tables.get(path).map(|table| &table.def)
    }

    /// The declarations of all tables, by path.
    pub fn defs(&self) -> impl Iterator<Item = &TableDef> {
        self.tables.values().map(|table| &table.def)
    }

    /// Time and randomness.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// An empty unit of work.
    #[must_use]
    pub fn unit(self: &Arc<Self>) -> Unit {
        Unit::new(Arc::clone(self))
    }

    /// A new id for a row: unique, and above every one made before it.
    pub fn row_id(&self) -> RowId {
        self.row_ids.next()
    }

    /// The row with this id; `None` when there is none, or it lies in the recycle bin.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such table, else what the database answers.
    pub async fn get(&self, path: &str, id: RowId) -> Result<Option<Row>> {
        let table = self.table(path)?;
        let record = self.records(table, &[id]).await?.pop();
        Ok(record.filter(|record| record.deleted_at.is_none()).map(|record| record.row(table)))
    }

    /// # Errors
    /// [`Code::NotFound`] when there is no such table.
    pub(super) fn table(&self, path: &str) -> Result<&Arc<Table>> {
        self.tables.get(path).ok_or_else(|| Error::new(Code::NotFound, format!("there is no table {path}")))
    }

    /// The rows with these ids, in the recycle bin or not, in no order.
    pub(super) async fn records(&self, table: &Table, ids: &[RowId]) -> Result<Vec<Record>> {
        let mut found = Vec::with_capacity(ids.len());
        for block in ids.chunks(rows::BLOCK) {
            let (sql, params) = rows::by_id(self.db.engine(), table, block).map_err(error::storage)?;
            let rows = self.db.fetch_all(sql, &params).await.map_err(error::storage)?;
            for row in rows {
                found.push(rows::record(table, &row).map_err(error::storage)?);
            }
        }
        Ok(found)
    }
}
