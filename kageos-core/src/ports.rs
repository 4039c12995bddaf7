//! The ports through which libraries meet without knowing each other.

use std::ops::Range;

use async_trait::async_trait;

use crate::file::NewFile;
use crate::{Call, FileId, FileInfo, HostCall, Reply, Result};

/// The one door: every use of a function goes through here.
#[async_trait]
pub trait Dispatch: Send + Sync + std::fmt::Debug {
    /// Resolves, authorises, validates, records, runs, records and announces a call.
    ///
    /// # Errors
    /// Whatever refuses the call, with a stable code.
    async fn dispatch(&self, call: Call) -> Result<Reply>;
}

/// The files of a workspace, as a function sees them that runs for somebody: only those that its actor may read.
#[async_trait]
pub trait Files: Send + Sync + std::fmt::Debug {
    /// What is known of files of the call's workspace; those that are not there for its actor are left out.
    ///
    /// # Errors
    /// What the database answers.
    async fn find(&self, call: &HostCall, ids: &[FileId]) -> Result<Vec<FileInfo>>;

    /// Says, before the call's rows are written, that they name these files: from then on none of them goes away
    /// unless the call takes no effect. In a dry run it only looks whether they are there.
    ///
    /// # Errors
    /// [`crate::Code::InvalidInput`] naming one that is not there for the call's actor.
    async fn claim(&self, call: &HostCall, ids: &[FileId]) -> Result<()>;

    /// Some of a file's bytes.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], or what the storage answers.
    async fn read(&self, call: &HostCall, id: FileId, range: Range<u64>) -> Result<Vec<u8>>;

    /// Makes a file of the called function. It is there for others when the call has taken effect; a dry run keeps
    /// nothing.
    ///
    /// # Errors
    /// [`crate::Code::PayloadTooLarge`], [`crate::Code::UnsupportedMediaType`], or what the storage answers.
    async fn write(&self, call: &HostCall, new: NewFile) -> Result<FileInfo>;
}
