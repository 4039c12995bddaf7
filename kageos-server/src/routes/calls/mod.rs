//! Calls by their id: what became of them, their end before their time, their undoing.

pub(super) mod cancel;
pub(super) mod state;
pub(super) mod undo;

use kageos_core::{ActionName, CallId, Code, Error, Reply, Result};
use serde_json::json;

use super::call::{Ask, dispatch};
use crate::{caller::Caller, shared::Shared};

/// The call that a part of an address names.
fn id(text: &str) -> Result<CallId> {
    text.parse().map_err(|_| Error::of(Code::NotFound))
}

/// Does something about a call, through the door like everything.
async fn about(
    shared: &Shared,
    caller: &Caller,
    named: &str,
    action: ActionName,
    dry_run: bool,
) -> Result<Reply> {
    let named = id(named)?;
    let path = shared.platform().dispatcher().path_of(&caller.actor, named).await?;
    let ask = Ask { dry_run, ..Ask::new(path, action, json!({ "call": named })) };
    dispatch(shared, caller, ask).await
}
