//! Integration tests of `kageos-core`.

#[cfg(test)]
mod bars;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod contract;
#[cfg(all(test, feature = "platform", feature = "testing"))]
mod dispatcher;
#[cfg(all(test, feature = "platform", feature = "testing"))]
mod oplog;
#[cfg(all(test, feature = "sql", feature = "testing"))]
mod sql_group_commit;
#[cfg(all(test, feature = "sql", feature = "testing"))]
mod sql_migrations;
#[cfg(all(test, feature = "sql"))]
mod sql_placeholders;
#[cfg(all(test, feature = "sql", feature = "testing"))]
mod sql_statements;
#[cfg(all(test, feature = "sql", feature = "testing"))]
mod sql_units;
#[cfg(all(test, feature = "platform", feature = "testing"))]
mod support;
