//! The governed store and its one door.
//!
//! [`Platform`] puts the parts together: the Service Tree, who may do what, who is who, the operation log, the
//! events and the dispatcher. Each part can be used alone.

pub mod access;
pub mod dispatcher;
pub mod files;
pub mod handover;
mod herald;
pub mod identity;
pub mod oplog;
mod others;
mod receipts;
pub mod release;
mod seal;
pub mod secrets;
mod sweep;
pub mod tree;
pub mod usage;
pub mod workspace;

use std::path::PathBuf;
use std::sync::Arc;

use crate::bus::{Bus, Events};
use crate::sql::{Db, Migration, migrate};
use crate::{Audit, Env, Host, Manifest, NodeId, ResourcePath, Result, UserId};
use access::Access;
use dispatcher::{Dispatcher, Mounts, Parts};
use files::{FileOptions, FileStore};
use identity::Identity;
use oplog::{Log, Seat, SigningKey};
use others::Others;
use release::Releases;
pub use seal::SealKey;
pub use sweep::{RECEIPT_LIFE, Swept};
use tree::Tree;
use usage::Usage;

/// What a platform needs besides its database.
#[derive(Debug)]
pub struct PlatformOptions {
    /// Signs the heads of the operation log; kept outside the database.
    pub log_key: SigningKey,
    /// The file of signed heads, outside the database.
    pub log_heads: PathBuf,
    /// Where the bytes of files lie.
    pub files: FileOptions,
    /// Which server this is, where several work on the database. Without it every other process on it has ended.
    pub seat: Option<Seat>,
    /// Carries events between several servers; without it they stay in this process.
    pub bus: Option<Arc<dyn Bus>>,
    /// How much the operation log keeps at least of calls that only read, whatever their actions say.
    pub audit: Audit,
}

impl PlatformOptions {
    /// For a process that has the database to itself.
    #[must_use]
    pub fn new(log_key: SigningKey, log_heads: PathBuf, files: FileOptions) -> Self {
        Self { log_key, log_heads, files, seat: None, bus: None, audit: Audit::None }
    }
}

/// The governed store of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    db: Db,
    env: Env,
    access: Access,
    identity: Identity,
    tree: Tree,
    files: FileStore,
    log: Log,
    events: Arc<dyn Bus>,
    mounts: Mounts,
    dispatcher: Dispatcher,
    seat: Option<Seat>,
    others: Others,
    usage: Usage,
    releases: Releases,
}

/// Where the rows of a workspace lie that a server keeps on its own disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// On this server's; with the workspace's node.
    Here(NodeId),
    /// On that of another server, which runs it.
    Elsewhere(String),
}

/// Who owns which tables, in the order in which they are made.
const COMPONENTS: &[(&str, &[Migration])] = &[
    ("identity", identity::store::MIGRATIONS),
    ("access", access::store::MIGRATIONS),
    ("tree", tree::MIGRATIONS),
    ("oplog", oplog::MIGRATIONS),
    ("workspace", workspace::MIGRATIONS),
    ("files", files::MIGRATIONS),
    ("usage", usage::MIGRATIONS),
    ("release", release::MIGRATIONS),
    ("secret", secrets::MIGRATIONS),
];

impl Platform {
    /// Brings the tables up to date and opens every part. What an earlier process left open is settled by
    /// [`Platform::recover`], once the workspaces are mounted.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn open(db: Db, env: Env, options: PlatformOptions) -> Result<Self> {
        for (component, migrations) in COMPONENTS {
            migrate(&db, component, migrations, env.now().as_micros()).await?;
        }
        let access = Access::open(db.clone(), env.clone()).await?;
        let identity = Identity::open(db.clone(), env.clone(), access.clone()).await?;
        let tree = Tree::open(db.clone(), env.clone(), access.clone()).await?;
        tree.participate(Arc::new(identity.clone()));
        let PlatformOptions { log_key, log_heads, files, seat, bus, audit } = options;
        let log = Log::open(db.clone(), env.clone(), log_key, log_heads, seat.clone()).await?;
        log.alone_on_its_node().await?;
        let events = bus.unwrap_or_else(|| Arc::new(Events::new(log.stream())));
        let mounts = Mounts::default();
        let files = FileStore::new(db.clone(), env.clone(), tree.clone(), access.clone(), files);
        let dispatcher = Dispatcher::new(Parts {
            env: env.clone(),
            tree: tree.clone(),
            access: access.clone(),
            identity: identity.clone(),
            log: log.clone(),
            events: Arc::clone(&events),
            mounts: mounts.clone(),
            files: files.clone(),
            audit,
        })?;
        access.herald().speak_through(&events);
        let (others, usage) = (Others::default(), Usage::new(db.clone(), env.clone()));
        let releases = Releases::new(db.clone(), env.clone(), tree.clone(), log.clone());
        let this = Self {
            db,
            env,
            access,
            identity,
            tree,
            files,
            log,
            events,
            mounts,
            dispatcher,
            seat,
            others,
            usage,
            releases,
        };
        this.others.keep_in_step(&this);
        Ok(this)
    }

    /// Lets `host` run a workspace: makes it, where it is missing, the property of `owner`, makes its nodes match
    /// what the app declares, and mounts it.
    ///
    /// # Errors
    /// What the database answers, or a manifest that does not compile.
    pub async fn mount(&self, path: &ResourcePath, owner: UserId, host: Arc<dyn Host>) -> Result<NodeId> {
        let manifest = host.manifest();
        let id = self.tree.ensure_workspace(path, &manifest, owner).await?;
        self.mounts.mount(id, host)?;
        self.tree.reconcile(path, &manifest).await?;
        Ok(id)
    }

    /// Makes a workspace whose rows a server keeps on its own disk, and says where that is: on the first server that
    /// asks. Any other leaves it alone, so that nobody begins its rows a second time.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn home(&self, path: &ResourcePath, manifest: &Manifest, owner: UserId) -> Result<Home> {
        let id = self.tree.ensure_workspace(path, manifest, owner).await?;
        self.settle_home(id).await
    }

    /// The same for a workspace that is there.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn settle_home(&self, id: NodeId) -> Result<Home> {
        let Some(seat) = &self.seat else { return Ok(Home::Here(id)) };
        let node = self.tree.settle_home(id, &seat.node).await?;
        Ok(if node == seat.node { Home::Here(id) } else { Home::Elsewhere(node) })
    }

    /// This server among several on one database; `None` when it has the database to itself.
    #[must_use]
    pub fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    /// Settles the calls that earlier processes left open. Call it once the workspaces are mounted, and without a seat
    /// only when those processes have ended. Answers how many there were. With a seat, what others leave open later is
    /// settled too.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn recover(&self) -> Result<usize> {
        let settled = self.dispatcher.recover().await?;
        self.others.watch(self);
        Ok(settled)
    }

    /// Writes what waits, signs the log's head and closes the database.
    pub async fn close(&self) {
        self.others.end();
        self.dispatcher.record_refusals().await;
        self.log.close().await;
        self.events.close().await;
        self.db.close().await;
    }

    /// The database of the platform.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Time and randomness.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Who is who.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The Service Tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Files.
    #[must_use]
    pub fn files(&self) -> &FileStore {
        &self.files
    }

    /// Removes the files that nobody came back for. Call it now and then. Answers how many there were.
    ///
    /// # Errors
    /// What the database or the storage answers.
    pub async fn sweep_files(&self) -> Result<u64> {
        self.files.sweep(&self.log).await
    }

    /// The operation log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What happens, as it happens.
    #[must_use]
    pub fn events(&self) -> &Arc<dyn Bus> {
        &self.events
    }

    /// Which host runs which workspace.
    #[must_use]
    pub fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// The one door.
    #[must_use]
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// Sources and releases of workspaces.
    #[must_use]
    pub fn releases(&self) -> &Releases {
        &self.releases
    }

    /// How often things are called, and how that ends.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }
}
