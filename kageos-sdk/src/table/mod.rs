//! The table engine: tables of a workspace on the workspace's own database, from [`TableDef`] data.
//!
//! [`Store`] opens the tables, searches them and applies units. A [`Unit`] collects what a function writes; the
//! host hands it to [`Store::apply`], which keeps all of it, with history and receipt, or nothing.
//!
//! ```no_run
//! # use kageos_core::{Env, sql::{Db, DbOptions}};
//! # use kageos_sdk::{def::TableDef, table::{SearchQuery, Store}};
//! # async fn example(customer: TableDef) -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::open(&DbOptions::new("sqlite:app.db")).await?;
//! let store = Store::open(db, vec![customer], Env::system(), [7; 32]).await?;
//! let page = store.search("customer.table", SearchQuery::default()).await?;
//! assert!(page.rows.len() <= 50);
//! # Ok(())
//! # }
//! ```
//!
//! [`TableDef`]: crate::def::TableDef

mod aggregate;

mod cell;
mod check;
mod cursor;
mod export;
mod files;
mod filter;
mod hash;
mod import;
mod layout;
mod migration;
mod number;
mod query;
mod row;
mod row_ids;
mod store;
mod undo;
mod unit;

pub use aggregate::{Aggregate, AggregateQuery, Bucket, Group, MAX_MARKS, Mark, MarkOrder};
pub use export::{CsvExport, escape};
pub use filter::{Filter, MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_FILTER_VALUES, MAX_IN};
pub use hash::changes_hash;
pub use import::{ImportReport, MAX_IMPORT_ROWS, RowError};
pub use query::{
    COUNT_CAP, DEFAULT_LIMIT, HistoryEntry, HistoryPage, MAX_LIMIT, MAX_SORT, SearchPage, SearchQuery,
};
pub use row::Row;
pub use store::{Applied, Store, Written};
pub use unit::Unit;

/// A result whose error is the contract's unless it says otherwise.
pub(crate) type Result<T, E = kageos_core::Error> = std::result::Result<T, E>;
