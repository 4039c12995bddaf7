//! Integration tests of `kageos-core`.

#[cfg(all(feature = "platform", feature = "testing"))]
mod access_matrix;
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_naive;
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_properties;
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_store;
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_world;
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_login;
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_sessions;
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_tokens;
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_users;
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
