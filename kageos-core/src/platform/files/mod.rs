//! Files: governed like everything else, with their bytes in an object store.
//!
//! A file belongs to a node of the tree, and who may read the node may read the file. Its bytes are staged first,
//! and a call through the one door brings it to its node; what no call brought there is swept. A file of a function
//! is there for one of its fields: a call that names it *claims* it before it writes a row, so that the file cannot
//! go while the row comes, and keeps it once it took effect. The claim stands in the platform's database; a call that
//! was cut off settles it when it is settled itself.

mod actions;
mod claims;
mod host;
pub mod media;
pub mod name;
mod objects;
mod port;
#[cfg(feature = "s3")]
mod s3;
mod store;
mod sweep;
mod upload;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

pub use actions::{file_actions, is_about_files, right_of};
pub(in crate::platform) use host::FileHost;
pub use objects::{Objects, Parts};
#[cfg(feature = "s3")]
pub use s3::S3Options;
pub use store::MIGRATIONS;
pub use upload::{Staged, Upload};

use super::access::Access;
use super::tree::{Node, Snapshot, Tree};
use crate::sql::Db;
use crate::{Actor, CallId, Code, Env, Error, FileId, FileInfo, NodeId, ResourcePath, Result, Right};
use store::{State, Stored};

/// Largest file where nothing else is said: a scan or a short film fits, a disk image does not.
pub const MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Most files that are looked up together.
pub(in crate::platform) const MAX_FOUND: usize = 5_000;

/// Where bytes go, and how many may come at once.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// Where they lie.
    pub objects: Objects,
    /// The largest file, in bytes.
    pub max_bytes: u64,
}

impl FileOptions {
    /// Files of the usual size there.
    #[must_use]
    pub fn at(objects: Objects) -> Self {
        Self { objects, max_bytes: MAX_BYTES }
    }
}

/// The files of a platform; cheap to clone.
#[derive(Debug, Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    env: Env,
    tree: Tree,
    access: Access,
    options: FileOptions,
    /// The running calls of this process that have claimed something.
    claimed: Mutex<HashSet<CallId>>,
}

/// The bytes of a file, to be read in pieces.
#[derive(Debug, Clone)]
pub struct Content {
    objects: Objects,
    key: String,
    size: u64,
}

impl Content {
    /// How many there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Those of a range, as far as there are any.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the storage does not give them.
    pub async fn read(&self, range: Range<u64>) -> Result<Vec<u8>> {
        self.objects.get(&self.key, range.start..range.end.min(self.size)).await
    }
}

impl FileStore {
    /// Puts the parts together.
    #[must_use]
    pub fn new(db: Db, env: Env, tree: Tree, access: Access, options: FileOptions) -> Self {
        let inner = Inner { db, env, tree, access, options, claimed: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Where bytes lie.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.inner.options.objects
    }

    /// The largest file, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.inner.options.max_bytes
    }

    /// Where a file belongs, for whoever may read there; whether that is so is asked at the one door.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn place(&self, id: FileId) -> Result<Option<ResourcePath>> {
        let found = store::find(&self.inner.db, &[id]).await?.pop().filter(Stored::is_there);
        let node = found.and_then(|file| file.node);
        Ok(node.and_then(|node| self.inner.tree.snapshot().by_id(node).map(|node| node.path.clone())))
    }

    /// The bytes of a file that the door has let somebody read.
    ///
    /// # Errors
    /// [`Code::NotFound`] when it is gone, or what the database answers.
    pub async fn content(&self, id: FileId) -> Result<Content> {
        let found = store::find(&self.inner.db, &[id]).await?.pop();
        let file = found.filter(Stored::is_there).ok_or_else(|| Error::of(Code::NotFound))?;
        Ok(self.content_of(file))
    }

    fn content_of(&self, file: Stored) -> Content {
        Content { objects: self.objects().clone(), key: file.key, size: file.size }
    }

    /// Those of the files that are there for the actor; one statement.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn visible(&self, actor: &Actor, ids: &[FileId]) -> Result<Vec<FileInfo>> {
        let found = store::find(&self.inner.db, ids).await?;
        let tree = self.inner.tree.snapshot();
        let seen = found.into_iter().filter(Stored::is_there).filter_map(|file| {
            let node = self.readable(&tree, actor, file.node)?;
            Some(file.info(&node.path))
        });
        Ok(seen.collect())
    }

    /// The node, when the actor may read there.
    fn readable<'t>(&self, tree: &'t Snapshot, actor: &Actor, node: Option<NodeId>) -> Option<&'t Arc<Node>> {
        let node = tree.by_id(node?)?;
        let rights = self.inner.access.rights(actor, &node.chain, &node.path);
        rights.contains(Right::Read).then_some(node)
    }
}

impl Stored {
    /// Whether it is a file for others than the call that makes it.
    fn is_there(&self) -> bool {
        matches!(self.state, State::Fresh | State::Kept)
    }

    fn info(&self, path: &ResourcePath) -> FileInfo {
        FileInfo {
            id: self.id,
            path: path.clone(),
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            size: self.size,
            sha256: self.sha256.clone(),
            created_at: self.created_at,
            created_by: self.created_by,
            kept: self.state == State::Kept,
        }
    }
}
