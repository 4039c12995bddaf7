//! Where bytes lie: a folder, or a bucket of an S3 server. Keys are opaque and never seen outside.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::{Code, Error, FileId, Result};

/// Bytes that are sent to the storage together; S3 takes no smaller part but the last one.
pub(super) const PART: usize = 5 * 1024 * 1024;
/// What a probe writes and reads back.
const PROBE: &[u8] = b"kageos probe";

/// A store of objects; cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Where it is, for people; without credentials.
    place: Arc<str>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.place).finish()
    }
}

impl Objects {
    /// Objects that go with the process, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self::of(Arc::new(InMemory::new()), Path::default(), "memory")
    }

    /// Objects in a folder, which has to be there. What was written is on disk when a write has ended.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when there is no such folder.
    pub fn folder(folder: &FilePath) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(folder).map_err(refused)?.with_fsync(true);
        Ok(Self::of(Arc::new(store), Path::default(), &folder.display().to_string()))
    }

    pub(super) fn of(store: Arc<dyn ObjectStore>, prefix: Path, place: &str) -> Self {
        Self { store, prefix, place: place.into() }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The key of a file. The last characters are random, so no folder gets more than its share.
    pub(super) fn key(id: FileId) -> String {
        let text = id.to_string();
        format!("{}/{text}", &text[text.len() - 2..])
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Writes an object.
    ///
    /// # Errors
    /// [`Code::Unavailable`] or [`Code::StorageFull`], as everywhere here.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        self.store.put(&self.path(key), PutPayload::from(bytes)).await.map(drop).map_err(refused)
    }

    /// Begins an object that comes in parts, of at least 5 MiB each but the last.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn begin(&self, key: &str) -> Result<Parts> {
        Ok(Parts(self.store.put_multipart(&self.path(key)).await.map_err(refused)?))
    }

    /// Some of an object's bytes.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when they are not there.
    pub async fn get(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.store.get_range(&self.path(key), range).await.map(Vec::from).map_err(refused)
    }

    /// How many bytes an object has; `None` when there is none.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.store.head(&self.path(key)).await {
            Ok(about) => Ok(Some(about.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    /// Removes an object; one that is not there is gone already.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    /// Removes every object below a key; answers how many there were.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn delete_below(&self, key: &str) -> Result<u64> {
        let mut all = self.store.list(Some(&self.path(key)));
        let mut removed = 0;
        while let Some(found) = all.try_next().await.map_err(refused)? {
            match self.store.delete(&found.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => removed += 1,
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(removed)
    }

    /// Writes an object of this name, reads it back and removes it.
    ///
    /// # Errors
    /// [`Code::Unavailable`] or [`Code::StorageFull`], with what to look at.
    pub async fn probe(&self, name: &str) -> Result<()> {
        let key = format!("probe/{name}");
        self.put(&key, PROBE.to_vec()).await?;
        let found = self.get(&key, 0..PROBE.len() as u64).await;
        self.delete(&key).await?;
        if found? == PROBE {
            return Ok(());
        }
        Err(Error::new(Code::Unavailable, "The storage of files gave back other bytes than it was given."))
    }
}

/// An object on its way; nothing of it is there before it is finished.
#[derive(Debug)]
pub struct Parts(Box<dyn MultipartUpload>);

impl Parts {
    /// Adds a part.
    ///
    /// # Errors
    /// What the storage answers; then it is to be given up.
    pub async fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.0.put_part(PutPayload::from(bytes)).await.map_err(refused)
    }

    /// Lets it be there, whole.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn finish(&mut self) -> Result<()> {
        self.0.complete().await.map(drop).map_err(refused)
    }

    /// Gives it up.
    pub async fn abort(&mut self) {
        if let Err(error) = self.0.abort().await {
            tracing::warn!(%error, "an upload that was cut off left parts behind");
        }
    }
}

/// What the storage says, in the words of the contract. Its own text may name places, so it goes to the log only.
pub(super) fn refused(error: object_store::Error) -> Error {
    let (code, message) = match kind(&error) {
        Some(
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem,
        ) => (Code::StorageFull, Code::StorageFull.title()),
        _ => (Code::Unavailable, "The storage of files does not answer as it should."),
    };
    Error::new(code, message).caused_by(error)
}

/// The kind of the system's error below, where there is one.
fn kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
