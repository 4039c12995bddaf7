//! Where a workspace has its rows.

use std::path::PathBuf;

use kageos_core::{
    Code, Error, NodeId, Result,
    platform::{
        Platform, SealKey,
        workspace::{Databases, is_on_server},
    },
    sql::{Db, DbOptions},
};

use super::{Session, failure::Context};
use crate::{config::Config, state::Secrets};

/// What makes the databases of workspaces, when the configuration names a server for them.
pub(super) fn of(config: &Config, platform: &Platform, secrets: &Secrets) -> Result<Option<Databases>> {
    let Some(url) = &config.workspaces.admin_url else { return Ok(None) };
    let (db, env, key) = (platform.db().clone(), platform.env().clone(), SealKey::new(&secrets.seal_key));
    Databases::new(db, env, key, DbOptions::new(url)).map(Some)
}

/// Opens the database of a workspace, and says which file of the state folder it is, if it is one. Rows stay where they
/// are: when the configuration says another place than they were made in, that is an error.
pub(super) async fn open(
    session: &Session,
    platform: &Platform,
    secrets: &Secrets,
    workspace: NodeId,
) -> Result<(Db, Option<PathBuf>)> {
    let config = session.config()?;
    let folder = session.state.workspace_dir(&workspace.to_string());
    session.state.make_dir(&folder).context("workspaces")?;
    let file = folder.join("app.db");
    let Some(databases) = of(&config, platform, secrets)? else {
        if is_on_server(platform.db(), workspace).await? {
            let message = format!(
                "The rows of the workspace {workspace} are on a database server; set workspaces.admin_url."
            );
            return Err(Error::new(Code::Conflict, message));
        }
        let options = DbOptions::new(format!("sqlite:{}", file.display()));
        let db = Db::open(&options.synchronous(config.database.synchronous)).await;
        let name = file.strip_prefix(session.state.root()).context("workspaces")?.to_path_buf();
        return Ok((db.context("the workspace's database")?, Some(name)));
    };
    if file.exists() {
        let message = format!(
            "The rows of the workspace {workspace} are in {}; unset workspaces.admin_url.",
            file.display()
        );
        return Err(Error::new(Code::Conflict, message));
    }
    let options = databases.open(workspace).await?;
    Ok((Db::open(&options).await.context("the workspace's database")?, None))
}
