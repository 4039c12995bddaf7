//! Rows that rows name: they are there, and not in the recycle bin, when they are named.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kageos_core::{
    Error, FieldError, RowId,
    sql::{Engine, Row, SqlError, Tx, Value, build},
};
use sea_query::{Expr, ExprTrait, Query};

use super::{
    Store,
    error::{Stop, storage},
    rows::{BLOCK, row_id},
};
use crate::{
    def::{ColumnKind, FieldDef},
    table::{Result, cell::Cell, check::pointer, layout::table_name, unit::Entry},
};

/// Most rows that one refusal names.
const MAX_TOLD: usize = 100;

/// The table of this workspace whose rows a field names.
pub(in crate::table) fn target(field: &FieldDef) -> Option<&str> {
    let relation = field.annotation.relation.as_ref().filter(|_| field.column == ColumnKind::Relation)?;
    Some(&relation.path).filter(|path| !path.starts_with('/')).map(String::as_str)
}

/// What a unit names that was not named before.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// By table and by the place in the call's input that would be to blame.
    ids: BTreeMap<(String, String), BTreeSet<RowId>>,
}

impl Named {
    pub(super) fn by(entries: &[Entry]) -> Self {
        let mut named = Self::default();
        for entry in entries {
            let Some(after) = &entry.after else { continue };
            let at = if entry.before.is_some() { "/patch" } else { "/values" };
            for (place, field) in entry.table.def.fields.iter().enumerate() {
                let Some(path) = target(field) else { continue };
                let Cell::Int(id) = after.cells[place] else { continue };
                let Some(id) = RowId::from_i64(id) else { continue };
                if entry.before.as_ref().is_none_or(|before| before.cells[place] != after.cells[place]) {
                    let key = (path.to_owned(), pointer(at, &field.name));
                    named.ids.entry(key).or_default().insert(id);
                }
            }
        }
        named
    }

    /// Refuses what is not there, in the transaction that has written the unit's own rows.
    pub(super) async fn check(&self, tx: &mut Tx) -> Result<(), Stop> {
        let mut errors = Vec::new();
        for ((path, pointer), ids) in &self.ids {
            let ids: Vec<RowId> = ids.iter().copied().collect();
            for block in ids.chunks(BLOCK) {
                let (sql, params) = select(tx.engine(), path, block)?;
                let there = read(&tx.fetch_all(sql, &params).await?)?;
                let gone = block.iter().filter(|id| !there.contains(id));
                errors.extend(gone.take(MAX_TOLD).map(|id| missing(pointer, path, *id)));
            }
        }
        errors.truncate(MAX_TOLD);
        if errors.is_empty() { Ok(()) } else { Err(Error::invalid(errors).into()) }
    }
}

impl Store {
    /// Which of these rows of the table at `path` are there.
    pub(in crate::table) async fn there(&self, path: &str, ids: &[RowId]) -> Result<HashSet<RowId>> {
        let mut there = HashSet::new();
        for block in ids.chunks(BLOCK) {
            let (sql, params) = select(self.db.engine(), path, block).map_err(storage)?;
            let rows = self.db.fetch_all(sql, &params).await.map_err(storage)?;
            there.extend(read(&rows).map_err(storage)?);
        }
        Ok(there)
    }
}

fn select(engine: Engine, path: &str, ids: &[RowId]) -> Result<(String, Vec<Value<'static>>), SqlError> {
    let mut select = Query::select();
    select.column("id").from(table_name(path)).and_where(Expr::col("deleted_at").is_null());
    select.and_where(Expr::col("id").is_in(ids.iter().map(|id| id.as_i64())));
    build(engine, &select)
}

fn read(rows: &[Row]) -> Result<HashSet<RowId>, SqlError> {
    rows.iter().map(|row| row.int(0).and_then(row_id)).collect()
}

/// What is said of a row that is not there.
pub(in crate::table) fn missing(pointer: &str, path: &str, id: RowId) -> FieldError {
    let message = format!("{path} has no row {id}");
    FieldError { pointer: pointer.to_owned(), code: "not_found".into(), message }
}
