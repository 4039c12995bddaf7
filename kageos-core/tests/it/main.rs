//! Integration tests of `kageos-core`.

#[cfg(test)]
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_group_commit;
#[cfg(test)]
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_migrations;
#[cfg(test)]
#[cfg(feature = "sql")]
mod sql_placeholders;
#[cfg(test)]
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_statements;
#[cfg(test)]
#[cfg(all(feature = "sql", feature = "testing"))]
mod sql_units;
