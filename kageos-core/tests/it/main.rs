//! Integration tests of `kageos-core`.

#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_group_commit;
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_migrations;
#[cfg(feature = "sql")]
mod sql_placeholders;
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_statements;
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_units;
