//! A row as the wire sees it, and as the database holds it.

use kageos_core::{RowId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{cell::Cell, layout::Table};

/// A row: its values by field, and what every row has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// Counts its changes from one; a change names the version that it was made on.
    pub version: i64,
    /// Every field in the order of the declaration, null where there is no value.
    pub values: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A row as its table holds it; the cells are in the order of the fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: RowId,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) cells: Vec<Cell>,
}

impl Record {
    pub(crate) fn row(&self, table: &Table) -> Row {
        Row {
            id: self.id,
            version: self.version,
            values: self.values(table),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The values by field.
    pub(crate) fn values(&self, table: &Table) -> Map<String, Value> {
        let cells = table.columns.iter().zip(&self.cells);
        cells.map(|(column, cell)| (column.name.clone(), cell.decode(column.kind))).collect()
    }
}
