//! Integration tests of `kageos-core`.

#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_matrix;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_naive;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_properties;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_store;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod access_world;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_login;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_sessions;
#[cfg(test)]
#[cfg(all(feature = "platform", feature = "testing"))]
mod identity_tokens;
#[cfg(test)]
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
