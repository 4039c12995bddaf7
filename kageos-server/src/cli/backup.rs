//! `kagectl backup`, `kagectl restore` and `kagectl reset`.
//!
//! A running server is asked to make the backup, since only it knows what it is about to write; without one it is made
//! here by the same code, under the lock that a server holds.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kageos_core::{
    Code, Error, Result,
    sql::{Db, DbOptions},
};
use serde_json::json;

use super::{
    Session, args,
    failure::Context,
    remote::{Remote, problem_as_error},
};
use crate::{
    backup::{self, PLATFORM, Progress, Source, Tell},
    runtime::DATA,
    state::{RunLock, Running},
    wire::{BackupLine, BackupMade, BackupProgress},
};

/// Progress is told whenever another such part is done.
const PARTS: u64 = 10;

pub(super) async fn backup(session: &Session, args: &args::Backup) -> Result<()> {
    let folder = args.to.clone().unwrap_or_else(|| default_folder(session));
    let folder = std::path::absolute(folder).context("the backup")?;
    let running = Running::find(&session.state).context("run/lock")?;
    let made = match running {
        Some(_) => by_server(session, &folder).await?,
        None => here(session, &alone(session)?, &folder).await?,
    };
    session.output.result(&made, || format!("{} files in {}", made.files, made.backup));
    Ok(())
}

pub(super) fn restore(session: &Session, args: &args::Restore) -> Result<()> {
    let count = backup::restore(&session.state, &args.from)?;
    session.output.result(&json!({ "files": count }), || format!("{count} files restored"));
    Ok(())
}

pub(super) async fn reset(session: &Session, args: &args::Reset) -> Result<()> {
    let lock = alone(session)?;
    let question = format!("Remove {} after a backup?", session.state.root().display());
    if !args.yes && !session.output.agreed(&question)? {
        return Err(Error::new(Code::Cancelled, "Nothing was removed."));
    }
    let made = here(session, &lock, &default_folder(session)).await?;
    fs::remove_dir_all(session.state.root()).context("the state folder")?;
    drop(lock);
    session.output.result(&made, || format!("removed; the backup is {}", made.backup));
    Ok(())
}

/// The lock of the state folder, so that nothing in it changes.
fn alone(session: &Session) -> Result<RunLock> {
    if !session.state.exists() {
        return Err(Error::new(Code::NotFound, "There is no state folder."));
    }
    let config = session.config()?;
    if config.database.url.is_some() || config.workspaces.admin_url.is_some() {
        let message = "A database is on a server of its own; back it up with that server's tools.";
        return Err(Error::new(Code::Conflict, message));
    }
    RunLock::acquire(&session.state).context("the server must not run (`kagectl down` stops it)")
}

fn default_folder(session: &Session) -> PathBuf {
    let beside = session.state.root().parent().unwrap_or(Path::new("."));
    beside.join("backups").join(session.env.now().to_string().replace(':', "-"))
}

/// Asks the running server.
async fn by_server(session: &Session, folder: &Path) -> Result<BackupMade> {
    let remote = Remote::find(&session.state)?;
    let (mut made, told) = (None, told(session));
    let line = |line: BackupLine| {
        if let Some(BackupProgress { file, bytes, of }) = line.progress {
            told(Progress { file, bytes, of });
        }
        made = line.made.or(made.take());
        line.problem.map_or(Ok(()), |problem| Err(problem_as_error(problem)))
    };
    remote.follow("/api/v1/backup", &json!({ "to": folder }), line).await?;
    made.ok_or_else(|| Error::new(Code::Unavailable, "The server ended before the backup was made."))
}

/// Makes the backup in this process. A database that cannot be opened is copied as the files that it is.
async fn here(session: &Session, _: &RunLock, folder: &Path) -> Result<BackupMade> {
    let mut databases = Vec::new();
    for name in database_files(session)? {
        let file = session.state.root().join(&name);
        match Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await {
            Ok(db) => databases.push((name, db)),
            Err(error) => session.output.progress(&format!("{}: copied as it is: {error}", name.display())),
        }
    }
    let source = Source::stopped(session.state.clone(), session.env.clone(), databases.clone());
    let taken = source.take(folder, told(session)).await;
    for (_, db) in &databases {
        db.close().await;
    }
    let manifest = taken?;
    let backup = folder.display().to_string();
    Ok(BackupMade { backup, files: manifest.files.len(), bytes: manifest.bytes() })
}

/// The databases of the platform and of the workspaces, below the state folder.
pub(super) fn database_files(session: &Session) -> Result<Vec<PathBuf>> {
    let root = session.state.root();
    let mut names = vec![PathBuf::from(PLATFORM)];
    let workspaces = root.join("workspaces");
    if workspaces.exists() {
        for entry in fs::read_dir(workspaces).context("workspaces")? {
            let workspace = Path::new("workspaces").join(entry.context("workspaces")?.file_name());
            names.push(workspace.join(DATA).join("app.db"));
        }
    }
    names.retain(|name| root.join(name).exists());
    Ok(names)
}

/// Tells the person in front of it about each tenth.
fn told(session: &Session) -> Tell {
    let (output, told) = (session.output, AtomicU64::new(0));
    Arc::new(move |progress| {
        let part = progress.bytes.saturating_mul(PARTS).checked_div(progress.of).unwrap_or(0);
        if told.fetch_max(part, Ordering::Relaxed) < part {
            let mb = |bytes: u64| bytes >> 20;
            let (done, of) = (mb(progress.bytes), mb(progress.of));
            output.progress(&format!("{done} of {of} MB, {}", progress.file));
        }
        true
    })
}
