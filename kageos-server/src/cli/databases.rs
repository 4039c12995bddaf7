//! Where workspaces have their rows.

use kageos_core::{
    Result,
    platform::{Platform, SealKey, workspace::Databases},
    sql::DbOptions,
};

use crate::{config::Config, state::Secrets};

/// What makes the databases of workspaces, when the configuration names a server for them.
pub(super) fn of(config: &Config, platform: &Platform, secrets: &Secrets) -> Result<Option<Databases>> {
    let Some(url) = &config.workspaces.admin_url else { return Ok(None) };
    let (db, env, key) = (platform.db().clone(), platform.env().clone(), SealKey::new(&secrets.seal_key));
    Databases::new(db, env, key, DbOptions::new(url)).map(Some)
}
