//! Files: uploaded, read and listed in readable form. Each request is lowered to a call through the one door; only
//! the bytes travel beside it.

mod content;
pub(super) mod discard;
pub(super) mod download;
pub(super) mod info;
pub(super) mod list;
mod range;
mod receive;
pub(super) mod upload;

use kageos_core::{ActionName, Code, Error, FileId, FileInfo, ResourcePath, Result};
use serde_json::{Value, json};

use super::call::{Ask, dispatch};
use crate::{caller::Caller, extract, shared::Shared};

/// A call about the files of a node.
fn ask(path: ResourcePath, action: &str, input: Value) -> Result<Ask> {
    let action = ActionName::new(action).ok_or_else(|| Error::of(Code::UnknownAction))?;
    Ok(Ask::new(path, action, input))
}

/// Where a file belongs. Whether the caller may know of it is for the door to say.
async fn place(shared: &Shared, id: &str) -> Result<(FileId, ResourcePath)> {
    let id: FileId = extract::id(id)?;
    let place = shared.platform().files().place(id).await?;
    place.map(|path| (id, path)).ok_or_else(|| Error::of(Code::NotFound))
}

/// What is known of a file, for somebody who may read it.
async fn found(shared: &Shared, caller: &Caller, id: &str) -> Result<FileInfo> {
    let (id, path) = place(shared, id).await?;
    let reply = dispatch(shared, caller, ask(path, "read_file", json!({ "file": id }))?).await?;
    serde_json::from_str(reply.output.get()).map_err(Error::internal)
}
