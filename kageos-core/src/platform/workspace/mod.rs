//! The databases of workspaces on a database server: made by the platform, each with an account that owns it alone.
//!
//! What is to be made is written down first, its password sealed; every step after that can be repeated, so whatever
//! a crash left is finished by the next start. Rows are then reached with the workspace's own account.

mod found;
mod store;

use crate::hex;
use crate::platform::identity::Secret;
use crate::platform::seal::SealKey;
use crate::sql::{Db, DbOptions, Engine};
use crate::{Code, Env, Error, NodeId, Result};

pub use found::{Found, Orphan};
pub use store::MIGRATIONS;
use store::{Entry, Maker};

/// How the names of these databases start; the id of the workspace follows.
pub const DATABASE_PREFIX: &str = "kageos_ws_";
/// How the names of their accounts start: with the id no more than the 32 characters that MySQL allows.
pub const ACCOUNT_PREFIX: &str = "kws_";

/// Makes and opens the databases of workspaces.
#[derive(Debug, Clone)]
pub struct Databases {
    /// The platform's.
    db: Db,
    env: Env,
    key: SealKey,
    /// The server, as an account that may make databases and accounts.
    admin: DbOptions,
    engine: Engine,
}

impl Databases {
    /// Databases on the server of `admin`, an account that may make databases and accounts; noted in `db`, the platform's.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] when `admin` names no database server.
    pub fn new(db: Db, env: Env, key: SealKey, admin: DbOptions) -> Result<Self> {
        let engine = admin.engine()?;
        if engine == Engine::Sqlite {
            let message = "Databases of workspaces are made on PostgreSQL, MySQL or MariaDB.";
            return Err(Error::new(Code::InvalidInput, message));
        }
        // Statements that make accounts hold passwords.
        let admin = admin.max_connections(1).quiet();
        Ok(Self { db, env, key, admin, engine })
    }

    /// How the database of a workspace is opened, with its own account; made when there is none yet.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it was made on another kind of server or its password does not open, else what the
    /// databases answer.
    pub async fn open(&self, workspace: NodeId) -> Result<DbOptions> {
        let entry = match store::entry(&self.db, workspace).await? {
            Some(entry) => entry,
            None => self.note(workspace).await?,
        };
        if entry.engine != self.engine {
            let message = format!("The rows of the workspace {workspace} are on {}.", entry.engine);
            return Err(Error::new(Code::Conflict, message));
        }
        let password = self.key.open(&entry.key_id, &place(workspace), &entry.password)?;
        if !entry.ready {
            self.make(&entry, &password).await?;
        }
        let options = self.admin.clone().max_connections(DbOptions::MAX_CONNECTIONS);
        Ok(options.database(&entry.name).account(&entry.account, password.expose()))
    }

    /// Writes down what is to be made. Whoever was faster, in another process, has written it.
    async fn note(&self, workspace: NodeId) -> Result<Entry> {
        let password = Secret::new(hex(&self.env.random::<32>()));
        let entry = Entry {
            workspace,
            engine: self.engine,
            name: format!("{DATABASE_PREFIX}{workspace}"),
            account: format!("{ACCOUNT_PREFIX}{workspace}"),
            password: self.key.seal(&self.env, &place(workspace), &password)?,
            key_id: self.key.id().to_owned(),
            ready: false,
        };
        store::insert(&self.db, &entry, self.env.now()).await?;
        store::entry(&self.db, workspace).await?.ok_or_else(|| Error::of(Code::NotFound))
    }

    async fn make(&self, entry: &Entry, password: &Secret) -> Result<()> {
        let maker = Maker::open(&self.admin, self.engine).await?;
        let made = maker.make(&entry.name, &entry.account, password).await;
        maker.close().await;
        made?;
        store::is_ready(&self.db, entry.workspace, self.env.now()).await?;
        tracing::info!(workspace = %entry.workspace, database = entry.name, "a database was made");
        Ok(())
    }
}

/// Whether the rows of a workspace are on a database server, as the platform's database says.
///
/// # Errors
/// What the database answers.
pub async fn is_on_server(db: &Db, workspace: NodeId) -> Result<bool> {
    Ok(store::entry(db, workspace).await?.is_some())
}

/// The names of the keys that have sealed passwords of databases.
///
/// # Errors
/// What the database answers.
pub(super) async fn keys(db: &Db) -> Result<Vec<String>> {
    Ok(store::entries(db).await?.into_iter().map(|entry| entry.key_id).collect())
}

/// Seals the passwords of all databases with another key, where that was not done yet. Answers how many there were.
///
/// # Errors
/// [`Code::Conflict`] when a password does not open, else what the database answers.
pub(super) async fn seal_anew(db: &Db, env: &Env, (old, new): (&SealKey, &SealKey)) -> Result<u64> {
    let mut done = 0;
    for entry in store::entries(db).await?.into_iter().filter(|entry| entry.key_id != new.id()) {
        let place = place(entry.workspace);
        let password = old.open(&entry.key_id, &place, &entry.password)?;
        let sealed = new.seal(env, &place, &password)?;
        done += store::replace_password(db, &entry, (&sealed, new.id())).await?;
    }
    Ok(done)
}

/// Where a password is sealed for.
fn place(workspace: NodeId) -> String {
    format!("The password of the database of the workspace {workspace}")
}
