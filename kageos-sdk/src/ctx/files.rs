//! The files of the workspace, for the actor of the call.

use std::ops::Range;

use kageos_core::{Change, ChangeOp, Code, Error, FileInfo, Files, Result, file::NewFile};
use serde_json::json;

use super::Ctx;
use crate::FileRef;

/// Bytes that [`FileReader::next`] gives at most.
const PIECE: u64 = 1024 * 1024;

/// The files of the workspace: those that the call's actor may read, and those that the call makes.
#[derive(Debug)]
pub struct FilesOf<'a> {
    ctx: &'a Ctx,
}

/// The bytes of a file, a piece at a time.
#[derive(Debug)]
pub struct FileReader<'a> {
    ctx: &'a Ctx,
    file: FileRef,
    rest: Range<u64>,
}

impl Ctx {
    /// The files of the workspace.
    #[must_use]
    pub fn files(&self) -> FilesOf<'_> {
        FilesOf { ctx: self }
    }

    fn port(&self) -> Result<&dyn Files> {
        let files = self.ports.files.as_deref();
        files.ok_or_else(|| Error::new(Code::Unavailable, "there are no files here"))
    }

    /// Says that the rows to be written name their files, so that none of them goes away.
    pub(crate) async fn claim_files(&self) -> Result<()> {
        let made = self.made.lock().await;
        let mut named = self.unit.lock().await.new_files();
        // What the call has made itself is claimed already, and in a dry run nowhere to be found.
        named.retain(|id| made.iter().all(|file| file.id != *id));
        match &self.ports.files {
            Some(files) if !named.is_empty() => files.claim(&self.call, &named).await,
            _ => Ok(()),
        }
    }

    /// The files that the call has made, as changes.
    pub(crate) async fn made_files(&self) -> Vec<Change> {
        let made = self.made.lock().await;
        let change = |file: &FileInfo| {
            let shown = json!({ "name": file.name, "type": file.media_type, "size": file.size, "sha256": file.sha256 });
            let new = Some(json!({ "file": shown }));
            Change { path: file.path.clone(), row: None, version: None, op: ChangeOp::Create, old: None, new }
        };
        made.iter().map(change).collect()
    }
}

impl<'a> FilesOf<'a> {
    /// What is known of a file.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none for the call's actor, or what the database answers.
    pub async fn info(&self, file: FileRef) -> Result<FileInfo> {
        let made = self.ctx.made.lock().await.iter().find(|made| made.id == file.0).cloned();
        if let Some(made) = made {
            return Ok(made);
        }
        let found = self.ctx.port()?.find(&self.ctx.call, &[file.0]).await?.pop();
        found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no file {file}")))
    }

    /// The bytes of a file, to be read in pieces.
    ///
    /// # Errors
    /// As [`FilesOf::info`].
    pub async fn open(&self, file: FileRef) -> Result<FileReader<'a>> {
        let size = self.info(file).await?.size;
        Ok(FileReader { ctx: self.ctx, file, rest: 0..size })
    }

    /// The whole of a file that has at most `most` bytes.
    ///
    /// # Errors
    /// As [`FilesOf::info`]; [`Code::PayloadTooLarge`] for a larger one.
    pub async fn read(&self, file: FileRef, most: usize) -> Result<Vec<u8>> {
        let mut reader = self.open(file).await?;
        if reader.rest.end > most as u64 {
            let message = format!("the file {file} has more than {most} bytes");
            return Err(Error::new(Code::PayloadTooLarge, message));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Makes a file of the called function; it is there for others once the call has taken effect.
    ///
    /// # Errors
    /// [`Code::PayloadTooLarge`], [`Code::UnsupportedMediaType`] when the bytes are not what is said, or what the
    /// storage answers.
    pub async fn write(
        &self,
        name: impl Into<String>,
        media_type: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<FileRef> {
        self.ctx.allow(|it| it.creates, "creates")?;
        let new = NewFile { name: name.into(), media_type: media_type.into(), bytes: bytes.into() };
        let made = self.ctx.port()?.write(&self.ctx.call, new).await?;
        let id = made.id;
        self.ctx.made.lock().await.push(made);
        Ok(FileRef(id))
    }
}

impl FileReader<'_> {
    /// Some more bytes; `None` when there are none.
    ///
    /// # Errors
    /// What the storage answers.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let piece = self.rest.start..self.rest.end.min(self.rest.start + PIECE);
        let bytes = self.ctx.port()?.read(&self.ctx.call, self.file.0, piece).await?;
        if bytes.is_empty() {
            return Err(Error::of(Code::Unavailable));
        }
        self.rest.start += bytes.len() as u64;
        Ok(Some(bytes))
    }
}
