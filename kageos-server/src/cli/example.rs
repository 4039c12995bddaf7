//! The example workspace: its source is pushed, built and published like that of every other one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kageos_core::{
    Actor, Call, CallId, Code, Dispatch, Error, Manifest, ResourcePath, Result, Source, SourceKind,
    manifest::SCHEMA_VERSION,
    platform::{Platform, identity::SYSTEM_LOGIN},
};
use serde_json::{Value, json};

use super::{
    Session,
    failure::Context,
    workspace::{self, Caller},
};

/// Where it is installed.
const WORKSPACE: &str = "/demo/crm";
/// Where its source lies in a clone.
const SOURCE: &str = "examples/crm";
/// Its data: the tables, in the order in which they are loaded, each from the file of its name.
const TABLES: [&str; 4] = ["employee", "customer", "invoice", "invoice_line"];
/// The file beside the workspace's data that names the tables whose data was loaded.
const LOADED: &str = "loaded";

/// The server itself, as the user `system`.
struct Own<'a> {
    platform: &'a Platform,
    actor: Actor,
}

impl Caller for Own<'_> {
    async fn call(&self, path: &ResourcePath, action: &str, input: Value) -> Result<Value> {
        let env = self.platform.env();
        let action = kageos_core::ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?;
        let call = Call {
            id: CallId::new(env),
            path: path.clone(),
            action,
            input,
            actor: self.actor.clone(),
            source: Source { title: Some("bootstrap".to_owned()), ..Source::of(SourceKind::Cli) },
            trace: env.trace(),
            deadline: None,
            idempotency_key: None,
            dry_run: false,
        };
        let reply = self.platform.dispatcher().dispatch(call).await?;
        serde_json::from_str(reply.output.get()).context("the answer of the example")
    }
}

/// Installs the example when no release of it was ever live, and loads its data, each table once.
pub(super) async fn install(session: &Session, platform: &Platform, sources: &Path) -> Result<()> {
    let folder = sources.join(SOURCE);
    if !folder.join("Cargo.toml").exists() {
        session.output.progress("example: no sources here; going on without it");
        return Ok(());
    }
    let system = platform.identity().user_by_login(SYSTEM_LOGIN).await?;
    let system = system.ok_or_else(|| Error::new(Code::NotFound, "There is no user system."))?;
    let path: ResourcePath = WORKSPACE.parse()?;
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        app: "crm".to_owned(),
        title: "Music shop".to_owned(),
        description: "Customers, staff, invoices and payments of a shop for digital music.".to_owned(),
        directories: Vec::new(),
        functions: Vec::new(),
        egress: kageos_core::Egress::default(),
    };
    let id = platform.tree().ensure_workspace(&path, &manifest, system.id).await?;
    let own = Own { platform, actor: system.actor() };
    if platform.releases().live(id).await?.is_none() {
        session.output.progress("example: building /demo/crm");
        let installed = async {
            workspace::push(&own, &path, &folder, "The example").await?;
            workspace::release(&own, &path).await
        };
        match installed.await {
            Ok(release) => {
                session.output.progress(&format!("example: release {} is live", release["release"]));
            }
            // Elsewhere it may be kept, or nothing keeps apps apart here; the server is of use without it.
            Err(error) if error.code == Code::Unavailable => {
                session.output.progress(&format!("example: not installed: {}", error.message));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    let tree = platform.tree().snapshot();
    if tree.get(&path).is_some_and(|node| platform.mounts().hosts(node)) {
        load(session, &own, &path, &folder.join("data"), &session.state.workspace_dir(&id.to_string()))
            .await?;
    }
    Ok(())
}

async fn load(
    session: &Session,
    own: &Own<'_>,
    path: &ResourcePath,
    data: &Path,
    folder: &Path,
) -> Result<()> {
    let marker: PathBuf = folder.join(LOADED);
    let known = if marker.exists() { fs::read_to_string(&marker).context(LOADED)? } else { String::new() };
    let mut loaded: Vec<&str> = known.lines().collect();
    for table in TABLES {
        let place: ResourcePath = format!("{path}/{table}.table").parse()?;
        if loaded.contains(&table) || own.platform.tree().snapshot().get(&place).is_none() {
            continue;
        }
        // An import is one unit: a start that was cut off before it said so has loaded all rows or none.
        let found = own.call(&place, "search", json!({ "limit": 1 })).await?;
        if found["rows"].as_array().is_none_or(Vec::is_empty) {
            let csv = fs::read_to_string(data.join(format!("{table}.csv"))).context(table)?;
            let imported = own.call(&place, "import", json!({ "csv": csv })).await?;
            session.output.progress(&format!("example: {table}: {} rows", imported["created"]));
            if imported["failed"].as_u64() != Some(0) {
                let errors = &imported["errors"];
                session.output.progress(&format!("example: {table}: lines refused: {errors}"));
                continue;
            }
        }
        loaded.push(table);
        session.state.write(&marker, loaded.join("\n").as_bytes()).context(LOADED)?;
    }
    Ok(())
}
