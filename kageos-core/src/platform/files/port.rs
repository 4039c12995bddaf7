//! Files as a running function sees them.

use std::ops::Range;

use async_trait::async_trait;

use super::store::{self, State, Stored};
use super::upload::Staged;
use super::{FileStore, MAX_FOUND};
use crate::file::NewFile;
use crate::sql::SqlError;
use crate::{Code, Error, FileId, FileInfo, Files, HostCall, ResourcePath, Result};

fn workspace(call: &HostCall) -> Result<ResourcePath> {
    call.path.workspace().ok_or_else(|| Error::of(Code::NotFound))
}

#[async_trait]
impl Files for FileStore {
    async fn find(&self, call: &HostCall, ids: &[FileId]) -> Result<Vec<FileInfo>> {
        self.usable(&call.actor, call.id, &workspace(call)?, &ids[..ids.len().min(MAX_FOUND)]).await
    }

    async fn claim(&self, call: &HostCall, ids: &[FileId]) -> Result<()> {
        let usable = self.usable(&call.actor, call.id, &workspace(call)?, ids).await?;
        let unknown = ids.iter().find(|id| usable.iter().all(|file| file.id != **id));
        if let Some(unknown) = unknown {
            let message = format!("There is no file {unknown} here that may be used.");
            return Err(Error::field("", "not_found", message));
        }
        if call.dry_run {
            return Ok(());
        }
        let ids = usable.iter().filter(|file| !file.kept).map(|file| file.id).collect();
        self.claim(call.id, ids).await
    }

    async fn read(&self, call: &HostCall, id: FileId, range: Range<u64>) -> Result<Vec<u8>> {
        let usable = self.usable(&call.actor, call.id, &workspace(call)?, &[id]).await?;
        if usable.is_empty() {
            return Err(Error::new(Code::NotFound, format!("There is no file {id} here that may be used.")));
        }
        let found =
            store::find(&self.inner.db, &[id]).await?.pop().ok_or_else(|| Error::of(Code::NotFound))?;
        self.content_of(found).read(range).await
    }

    async fn write(&self, call: &HostCall, new: NewFile) -> Result<FileInfo> {
        let tree = self.inner.tree.snapshot();
        let node = tree.get(&call.path).ok_or_else(|| Error::of(Code::NotFound))?;
        let mut upload = self.begin(&call.actor, &new.name, &new.media_type).await?;
        upload.push(&new.bytes).await?;
        let Staged { id, name, media_type, size, sha256 } = upload.finish().await?;
        let at = self.inner.env.now();
        let key = super::Objects::key(id);
        let made = Stored {
            id,
            node: Some(node.id),
            state: State::Made,
            name,
            media_type,
            size,
            sha256,
            key,
            created_at: at,
            created_by: call.actor.id,
        };
        let info = made.info(&node.path);
        if call.dry_run {
            self.drop_staged(id).await;
            return Ok(info);
        }
        self.note_claim(call.id);
        let call = call.id;
        let done = self
            .inner
            .db
            .write_with(made, move |made, tx| Box::pin(async move { store::make(tx, made, call, at).await }));
        done.await.map_err(|error: SqlError| Error::from(error))?;
        Ok(info)
    }
}
