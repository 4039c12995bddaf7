//! What people call the rows that a page's relations name.

use std::collections::{BTreeMap, BTreeSet};

use crate::table::Result;
use kageos_core::{RowId, sql::build};
use sea_query::{Expr, ExprTrait, Query};

use super::{Store, error::storage, rows};
use crate::{
    def::ColumnKind,
    table::{cell::Cell, layout::Table, row::Record},
};

/// By field, by id.
type Labels = BTreeMap<String, BTreeMap<RowId, String>>;

/// The labels of all relations of `records` to tables of this workspace: one statement a field.
pub(super) async fn labels(store: &Store, table: &Table, records: &[Record]) -> Result<Labels> {
    let mut labels = Labels::new();
    for (at, field) in table.def.fields.iter().enumerate() {
        let Some(relation) =
            field.annotation.relation.as_ref().filter(|_| field.column == ColumnKind::Relation)
        else {
            continue;
        };
        let Some(target) = store.tables.get(&relation.path) else { continue };
        let Some(label) = target.position(&relation.label) else { continue };
        let ids: BTreeSet<i64> = records
            .iter()
            .filter_map(|record| match record.cells[at] {
                Cell::Int(id) => Some(id),
                _ => None,
            })
            .collect();
        if !ids.is_empty() {
            labels.insert(field.name.clone(), read(store, target, label, ids).await?);
        }
    }
    Ok(labels)
}

async fn read(
    store: &Store,
    target: &Table,
    label: usize,
    ids: BTreeSet<i64>,
) -> Result<BTreeMap<RowId, String>> {
    let column = &target.columns[label];
    let mut select = Query::select();
    select.columns(["id".to_owned(), column.name.clone()]).from(target.name.clone());
    select.and_where(Expr::col("id").is_in(ids));
    let (sql, params) = build(store.db.engine(), &select).map_err(storage)?;
    let mut labels = BTreeMap::new();
    for row in store.db.fetch_all(sql, &params).await.map_err(storage)? {
        let id = row.int(0).and_then(rows::row_id).map_err(storage)?;
        let text = match Cell::read(row.value(1).map_err(storage)?).decode(column.kind) {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        labels.insert(id, text);
    }
    Ok(labels)
}
