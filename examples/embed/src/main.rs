//! Kageos inside somebody else's axum service: their routes beside ours, one table on SQLite, a folder for the state.
//!
//!     cargo run -p kageos-example-embed -- .kageos/embed

use std::{env, net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use axum::{Router, routing::get};
use kageos_core::{
    Env, ResourcePath,
    platform::{
        Platform, PlatformOptions,
        files::{FileOptions, Objects},
        oplog::SigningKey,
    },
    sql::{Db, DbOptions},
};
use kageos_sdk::{App, InProcess, RowId, Table};
use kageos_server::{Server, StateDir, state::RunLock};
use tokio::{net::TcpListener, signal};

/// Something to remember.
#[derive(Debug, Table)]
#[table(title = "Notes", history, search = [text])]
struct Note {
    #[field(id)]
    id: RowId,
    #[field(min_len = 1)]
    text: String,
}

/// The governed store in `folder`, the database of the app that is mounted on it, and the lock of the folder.
async fn open(folder: &Path) -> Result<(Platform, Db, RunLock)> {
    let (state, env) = (StateDir::at(folder), Env::system());
    let secrets = state.init(&*env.entropy)?;
    let lock = RunLock::acquire(&state)?;
    let log_key = SigningKey::from_bytes(&secrets.log_key);
    let files = FileOptions::at(Objects::folder(&state.objects_dir())?);
    let options = PlatformOptions::new(log_key, state.heads_file(), files);
    let platform = Platform::open(sqlite(&state.database_file()).await?, env.clone(), options).await?;
    let owner = platform.identity().ensure_system(&secrets.system_password).await?.id;

    let path: ResourcePath = "/team/notes".parse()?;
    let app = App::new("notes").title("Notes").table::<Note>();
    let db = sqlite(&folder.join("notes.db")).await?;
    let host = InProcess::open(&app, path.clone(), db.clone(), env, secrets.server_key).await?;
    platform.mount(&path, owner, host).await?;
    platform.recover().await?;
    Ok((platform, db, lock))
}

async fn sqlite(file: &Path) -> Result<Db> {
    Ok(Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await?)
}

/// Their service: their routes, and Kageos for every other address.
fn service(kageos: &Server) -> Router {
    Router::new().route("/hello", get(async || "hello")).merge(kageos.router())
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("the first argument is the folder for the state")?;
    let (platform, db, _lock) = open(Path::new(&folder)).await?;
    let kageos = Server::builder(platform.clone()).build();
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let service = service(&kageos).into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _ = signal::ctrl_c().await;
        kageos.stop();
    };
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    platform.close().await;
    db.close().await;
    Ok(())
}

#[cfg(test)]
mod tests;
