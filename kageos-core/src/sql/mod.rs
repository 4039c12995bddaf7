//! The database seam: one SQL text for SQLite, PostgreSQL and MySQL/MariaDB.
//!
//! Fixed statements are written once, as `&'static str` with `?`; run-time statements come from sea-query
//! through [`build`]. A *unit* is an async closure over [`Tx`] that commits as a whole:
//!
//! ```
//! # use kageos_core::sql::{Db, DbOptions, SqlError, params};
//! # async fn example() -> Result<(), SqlError> {
//! let db = Db::open(&DbOptions::new("sqlite:/var/lib/kageos/platform.db")).await?;
//! let row = ("01j", "Ada".to_owned());
//! db.write_with(row, |(id, name), tx| {
//!     Box::pin(async move {
//!         tx.execute("INSERT INTO person (id, name) VALUES (?, ?)", params![*id, name]).await?;
//!         tx.execute_expect("UPDATE head SET people = people + 1", params![], 1).await
//!     })
//! })
//! .await
//! # }
//! ```
//!
//! On SQLite all units go through one writer thread, which commits whatever waits in one transaction, each
//! unit under its own savepoint. A unit may run more than once (a deadlock, a batch that failed), so it must
//! not change anything but the database; and it may await nothing but its [`Tx`].

mod build;
mod code;
mod db;
mod engine;
mod error;
#[cfg(feature = "testing")]
mod fault;
mod migrate;
mod placeholder;
mod row;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod unit;
mod value;

pub use build::build;
pub use db::{Db, Stats};
pub use engine::{DbOptions, Engine, Synchronous};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub use engine::{Forward, ServerAddress};
pub use error::SqlError;
pub use migrate::{Migration, migrate};
pub use placeholder::numbered;
pub use row::{Column, Row};
pub use sqlite::{Copied, Copier, Frozen};
pub use tx::Tx;
pub use unit::UnitFuture;
pub use value::Value;

#[doc(inline)]
pub use crate::__sql_params as params;
