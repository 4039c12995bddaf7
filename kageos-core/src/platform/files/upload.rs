//! Bytes on their way in: counted, hashed and looked at while they pass.

use sha2::{Digest, Sha256};

use super::objects::{Objects, PART, Parts};
use super::store::{self, State, Stored};
use super::{FileStore, media, name};
use crate::hex;
use crate::{Actor, Code, Error, FileId, Result};

/// An upload under way. Dropped before [`Upload::finish`] it leaves nothing that anybody sees, and is swept.
#[derive(Debug)]
pub struct Upload {
    files: FileStore,
    file: Stored,
    hash: Sha256,
    head: Vec<u8>,
    waiting: Vec<u8>,
    parts: Option<Parts>,
}

/// A file whose bytes are all there, for a call to bring it to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its id.
    pub id: FileId,
    /// What people will call it.
    pub name: String,
    /// Its media type, checked.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

impl FileStore {
    /// Begins an upload by somebody who may bring a file where it is to lie.
    ///
    /// # Errors
    /// [`Code::UnsupportedMediaType`] for a type that is none, or what the database answers.
    pub async fn begin(&self, actor: &Actor, name: &str, media_type: &str) -> Result<Upload> {
        let id = FileId::new(&self.inner.env);
        let file = Stored {
            id,
            node: None,
            state: State::Uploading,
            name: name::clean(name),
            media_type: media::plain(media_type)?,
            size: 0,
            sha256: String::new(),
            key: Objects::key(id),
            created_at: self.inner.env.now(),
            created_by: actor.id,
        };
        // The row comes before the object, so the sweep finds every object.
        store::insert(&self.inner.db, &file).await?;
        let (hash, head, waiting) = (Sha256::new(), Vec::new(), Vec::new());
        Ok(Upload { files: self.clone(), file, hash, head, waiting, parts: None })
    }
}

impl Upload {
    /// Takes some more bytes.
    ///
    /// # Errors
    /// [`Code::PayloadTooLarge`] with one too many, or what the storage answers.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.file.size = self.file.size.saturating_add(bytes.len() as u64);
        let most = self.files.max_bytes();
        if self.file.size > most {
            let message = format!("A file may have at most {most} bytes.");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        self.hash.update(bytes);
        let missing = media::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PART - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = rest;
            if self.waiting.len() == PART {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Sends what waits as a part.
    async fn send(&mut self) -> Result<()> {
        let part = std::mem::take(&mut self.waiting);
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(self.files.objects().begin(&self.file.key).await?),
        };
        parts.push(part).await
    }

    /// Ends the upload: the type is held against the bytes, and the file waits for its call.
    ///
    /// # Errors
    /// [`Code::UnsupportedMediaType`] when the bytes are something else than was said, or what the storage answers.
    pub async fn finish(mut self) -> Result<Staged> {
        let media_type = media::checked(&self.file.media_type, &self.head)?;
        if self.parts.is_some() && !self.waiting.is_empty() {
            self.send().await?;
        }
        match &mut self.parts {
            Some(parts) => parts.finish().await?,
            None => {
                let bytes = std::mem::take(&mut self.waiting);
                self.files.objects().put(&self.file.key, bytes).await?;
            }
        }
        self.parts = None;
        self.file.media_type = media_type;
        self.file.sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let files = self.files.clone();
        store::staged(&files.inner.db, &self.file, files.inner.env.now()).await?;
        self.file.state = State::Staged;
        Ok(Staged {
            id: self.file.id,
            name: self.file.name.clone(),
            media_type: self.file.media_type.clone(),
            size: self.file.size,
            sha256: self.file.sha256.clone(),
        })
    }
}

/// Marks what was cut off, so that the next sweep removes it; without a runtime its age does the same.
impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.state != State::Uploading {
            return;
        }
        let (files, id, parts) = (self.files.clone(), self.file.id, self.parts.take());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Some(mut parts) = parts {
                parts.abort().await;
            }
            if let Err(error) = store::drop_upload(&files.inner.db, id, files.inner.env.now()).await {
                tracing::warn!(%error, file = %id, "an upload that was cut off is not marked yet");
            }
        });
    }
}

impl FileStore {
    /// Marks a staged file that no call brought to its place.
    pub async fn drop_staged(&self, id: FileId) {
        if let Err(error) = store::drop_upload(&self.inner.db, id, self.inner.env.now()).await {
            tracing::warn!(%error, file = %id, "an upload that was refused is not marked yet");
        }
    }
}
