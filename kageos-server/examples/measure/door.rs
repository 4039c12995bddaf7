//! A platform in a folder, and calls through its door.

use std::path::Path;

use anyhow::Result;
use kageos_core::{
    ActionName, Actor, Call, CallId, Dispatch, Env, Reply, ResourcePath, Source, SourceKind,
    platform::{
        Platform, PlatformOptions,
        files::{FileOptions, Objects},
        oplog::SigningKey,
    },
    sql::{Db, DbOptions},
};
use kageos_server::{StateDir, state::Secrets};
use serde_json::Value;

/// A platform, who owns everything in it, and the secrets of its folder.
pub(crate) struct Place {
    pub(crate) platform: Platform,
    pub(crate) actor: Actor,
    pub(crate) secrets: Secrets,
}

impl Place {
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let (state, env) = (StateDir::at(folder), Env::system());
        let secrets = state.init(&*env.entropy)?;
        let log_key = SigningKey::from_bytes(&secrets.log_key);
        let files = FileOptions::at(Objects::folder(&state.objects_dir())?);
        let options = PlatformOptions::new(log_key, state.heads_file(), files);
        let platform = Platform::open(sqlite(&state.database_file()).await?, env, options).await?;
        let actor = platform.identity().ensure_system(&secrets.system_password).await?.actor();
        Ok(Self { platform, actor, secrets })
    }

    pub(crate) async fn call(&self, path: &ResourcePath, action: ActionName, input: Value) -> Result<Reply> {
        let env = self.platform.env();
        let call = Call {
            id: CallId::new(env),
            path: path.clone(),
            action,
            input,
            actor: self.actor.clone(),
            source: Source::of(SourceKind::Cli),
            trace: env.trace(),
            deadline: None,
            idempotency_key: None,
            dry_run: false,
        };
        Ok(self.platform.dispatcher().dispatch(call).await?)
    }
}

pub(crate) async fn sqlite(file: &Path) -> Result<Db> {
    Ok(Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await?)
}
