//! The rows of an app, as the server looks at them: their size, and a copy for a backup.
//!
//! A file of rows lies in a folder that the app writes to, so nothing in it is what its name says until it was looked at.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use kageos_core::{
    Code, Error, NodeId, Result,
    platform::workspace::is_on_server,
    sql::{Copier, Db, DbOptions},
};

use super::{Runtime, process::DATABASE};

/// What SQLite keeps beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// How long the calls of an app may take that is stopped for a moment.
const STOP: Duration = Duration::from_secs(10);

impl Runtime {
    /// Where the rows of a workspace lie: on the server that the configuration names, or in its folder. Rows stay where
    /// they are: when the configuration says another place than they were made in, that is an error.
    pub(super) async fn database(&self, workspace: NodeId) -> Result<Option<DbOptions>> {
        let file = self.data_dir(workspace)?.join(DATABASE);
        let on_server = is_on_server(self.platform().db(), workspace).await?;
        match &self.inner.options.databases {
            // What the platform has written down decides; an app may make files of any name.
            Some(databases) if on_server => Ok(Some(databases.open(workspace).await?)),
            Some(_) if file.exists() => {
                let message = format!(
                    "The rows of the workspace {workspace} are in {}; unset workspaces.admin_url.",
                    file.display()
                );
                Err(Error::new(Code::Conflict, message))
            }
            Some(databases) => Ok(Some(databases.open(workspace).await?)),
            None if on_server => {
                let message = format!(
                    "The rows of the workspace {workspace} are on a database server; set workspaces.admin_url."
                );
                Err(Error::new(Code::Conflict, message))
            }
            None => Ok(None),
        }
    }

    /// Brings rows that an earlier release of Kageos kept beside the app's folder into it. Nobody has them open then.
    pub(super) fn bring_rows(&self, workspace: NodeId) -> Result<()> {
        let to = self.data_dir(workspace)?;
        let from = to.parent().unwrap_or(&to);
        if !from.join(DATABASE).exists() || to.join(DATABASE).exists() {
            return Ok(());
        }
        // The file itself comes last: until then it is begun again.
        for end in BESIDE.iter().rev() {
            let name = format!("{DATABASE}{end}");
            match fs::rename(from.join(&name), to.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let message = "The rows of an earlier release cannot be moved.";
                    return Err(Error::new(Code::Unavailable, message).caused_by(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How large the rows of a workspace are, and on which engine.
    pub(crate) async fn database_size(&self, workspace: NodeId) -> Result<Option<(u64, String)>> {
        if self.app(workspace).is_none() {
            return Ok(None);
        }
        match self.database(workspace).await? {
            None => {
                let folder = self.data_dir(workspace)?;
                let sizes = BESIDE
                    .iter()
                    .filter_map(|end| fs::symlink_metadata(folder.join(format!("{DATABASE}{end}"))).ok());
                Ok(Some((sizes.map(|about| about.len()).sum(), "sqlite".to_owned())))
            }
            Some(options) => {
                let db = Db::open(&options.max_connections(1)).await?;
                let size = db.size().await;
                let engine = db.engine().to_string();
                db.close().await;
                Ok(Some((size?, engine)))
            }
        }
    }

    /// The rows of every workspace here, opened for a copy, each with its file below the state folder. An app is stopped
    /// while its file is looked at and opened, and started by its next call. What is no file is left out, with a warning.
    ///
    /// # Errors
    /// [`Code::Conflict`] when rows lie on a database server.
    pub(crate) async fn open_databases(&self) -> Result<Vec<AppDatabase>> {
        let workspaces: Vec<NodeId> = super::lock(&self.inner.apps).keys().copied().collect();
        let mut all = Vec::with_capacity(workspaces.len());
        for workspace in workspaces {
            let Some(app) = self.app(workspace) else { continue };
            if self.database(workspace).await?.is_some() {
                let message = "A database is on a server of its own; back it up with that server's tools.";
                return Err(Error::new(Code::Conflict, message));
            }
            let file = self.data_dir(workspace)?.join(DATABASE);
            let root = self.inner.options.state.root();
            let name = file.strip_prefix(root).unwrap_or(&file).to_owned();
            match app.host.while_stopped(STOP, copier(&file)).await {
                Ok(opened) => all.extend(opened.map(|(db, copier)| AppDatabase { name, db, copier })),
                Err(error) if error.code == Code::Conflict => {
                    tracing::warn!(%workspace, %error, "the rows of an app are left out of a backup");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// The rows of an app, opened for a copy.
pub(crate) struct AppDatabase {
    /// Its file below the state folder.
    pub(crate) name: PathBuf,
    pub(crate) db: Db,
    pub(crate) copier: Copier,
}

/// Opens all that a copy needs, so that nothing is opened by name any more when the app runs again.
async fn copier(file: &Path) -> Result<Option<(Db, Copier)>> {
    let Some(db) = open(file).await? else { return Ok(None) };
    Ok(db.copier().await?.map(|copier| (db, copier)))
}

/// Opens a file of rows that an app may have written, while the app does not run; `None` when there is none.
pub(crate) async fn open(file: &Path) -> Result<Option<Db>> {
    if !check(file)? {
        return Ok(None);
    }
    let db = Db::open(&DbOptions::new(format!("sqlite:{}", file.display()))).await?;
    // The first read opens what lies beside it too.
    db.size().await?;
    Ok(Some(db))
}

/// Whether there is a file of rows. A link in its place, or beside it, would lead to what is not the app's.
fn check(file: &Path) -> Result<bool> {
    for end in BESIDE {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match fs::symlink_metadata(&name) {
            Ok(about) if about.is_file() => {}
            Ok(_) => {
                let message = format!("{} is no file, so it is left alone.", Path::new(&name).display());
                return Err(Error::new(Code::Conflict, message));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && end.is_empty() => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(
                    Error::new(Code::Unavailable, "The app's folder cannot be read.").caused_by(error)
                );
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_in_place_of_rows_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(DATABASE);
        assert!(open(&file).await.unwrap().is_none());
        let secret = folder.path().join("platform.db");
        fs::write(&secret, "secret").unwrap();
        for end in BESIDE {
            let place = folder.path().join(format!("{DATABASE}{end}"));
            if !end.is_empty() {
                fs::write(&file, "").unwrap();
            }
            std::os::unix::fs::symlink(&secret, &place).unwrap();
            assert_eq!(open(&file).await.unwrap_err().code, Code::Conflict, "{end}");
            fs::remove_file(&place).unwrap();
        }
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    }
}
