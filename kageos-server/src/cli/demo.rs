//! The example workspace, linked into the server until workspaces run outside its process.

use std::sync::Arc;

use kageos_core::{
    ActionName, Call, CallId, Code, Dispatch, Error, ResourcePath, Result, Source, SourceKind,
    platform::{Home, Platform, identity::SYSTEM_LOGIN},
};
use kageos_example_crm as crm;
use kageos_sdk::InProcess;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Session, databases, failure::Context};
use crate::{state::Secrets, workspace::Workspace};

/// Where it is installed.
const WORKSPACE: &str = "/demo/crm";
/// The file beside the workspace's database that names the tables whose data was loaded.
const LOADED: &str = "loaded";

#[derive(Deserialize)]
struct Imported {
    created: u64,
    failed: u64,
    errors: Value,
}

/// Whether the example was installed before.
pub(super) fn is_installed(platform: &Platform) -> Result<bool> {
    Ok(platform.tree().snapshot().get(&workspace()?).is_some())
}

/// Mounts the example, making its workspace where it is missing, and answers it. Where its rows are a file of one
/// server, any other leaves the workspace alone.
pub(super) async fn mount(
    session: &Session,
    platform: &Platform,
    secrets: &Secrets,
    dispatch: &Arc<dyn Dispatch>,
) -> Result<Option<Workspace>> {
    let system = platform.identity().user_by_login(SYSTEM_LOGIN).await?;
    let owner = system.ok_or_else(|| Error::new(Code::NotFound, "There is no user system."))?.id;
    let app = crm::app();
    let path = workspace()?;
    let id = if session.config()?.workspaces.admin_url.is_some() {
        platform.tree().ensure_workspace(&path, &app.manifest()?, owner).await?
    } else {
        match platform.home(&path, &app.manifest()?, owner).await? {
            Home::Here(id) => id,
            Home::Elsewhere(node) => {
                let text = format!("{path} is kept by the server {node} and unavailable at this one");
                session.output.progress(&text);
                tracing::warn!("{text}");
                return Ok(None);
            }
        }
    };
    let (db, file) = databases::open(session, platform, secrets, id).await?;
    let host =
        InProcess::open(&app, path.clone(), db.clone(), session.env.clone(), secrets.server_key).await?;
    host.connect(dispatch);
    host.connect_files(Arc::new(platform.files().clone()));
    platform.mount(&path, owner, host).await?;
    Ok(Some(Workspace { path, db, file }))
}

/// Loads the data of the example, each table once, as the user `system` through the one door.
pub(super) async fn load(session: &Session, platform: &Platform) -> Result<()> {
    let tree = platform.tree().snapshot();
    let Some(node) = tree.get(&workspace()?).filter(|node| platform.mounts().hosts(node)) else {
        return Ok(());
    };
    let id = node.id.to_string();
    let marker = session.state.workspace_dir(&id).join(LOADED);
    let known =
        if marker.exists() { std::fs::read_to_string(&marker).context(LOADED)? } else { String::new() };
    let mut loaded: Vec<&str> = known.lines().collect();
    for (table, csv) in crm::DATA {
        if loaded.contains(&table) {
            continue;
        }
        // An import is one unit: a start that was cut off before it said so has loaded all rows or none.
        if is_empty(platform, table).await? {
            let imported = import(platform, table, csv).await?;
            tell(session, table, &imported);
            if imported.failed > 0 {
                continue;
            }
        }
        loaded.push(table);
        session.state.write(&marker, loaded.join("\n").as_bytes()).context(LOADED)?;
    }
    Ok(())
}

fn tell(session: &Session, table: &str, imported: &Imported) {
    session.output.progress(&format!("demo: {table}: {} rows", imported.created));
    if imported.failed > 0 {
        session
            .output
            .progress(&format!("demo: {table}: {} lines refused: {}", imported.failed, imported.errors));
    }
}

async fn import(platform: &Platform, table: &str, csv: &str) -> Result<Imported> {
    call(platform, table, ActionName::IMPORT, json!({ "csv": csv })).await
}

async fn is_empty(platform: &Platform, table: &str) -> Result<bool> {
    let found: Value = call(platform, table, ActionName::SEARCH, json!({ "limit": 1 })).await?;
    Ok(found["rows"].as_array().is_none_or(Vec::is_empty))
}

async fn call<T: DeserializeOwned>(
    platform: &Platform,
    table: &str,
    action: ActionName,
    input: Value,
) -> Result<T> {
    let system = platform.identity().user_by_login(SYSTEM_LOGIN).await?;
    let actor = system.ok_or_else(|| Error::new(Code::NotFound, "There is no user system."))?.actor();
    let env = platform.env();
    let call = Call {
        id: CallId::new(env),
        path: format!("{WORKSPACE}/{table}").parse()?,
        action,
        input,
        actor,
        source: Source { title: Some("bootstrap".to_owned()), ..Source::of(SourceKind::Cli) },
        trace: env.trace(),
        deadline: None,
        idempotency_key: None,
        dry_run: false,
    };
    let reply = platform.dispatcher().dispatch(call).await?;
    serde_json::from_str(reply.output.get()).context("the answer of the example")
}

fn workspace() -> Result<ResourcePath> {
    Ok(WORKSPACE.parse()?)
}
