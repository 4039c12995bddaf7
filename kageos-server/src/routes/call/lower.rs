//! A request as a call, and the call through the one door.

use std::time::Duration;

use kageos_core::{
    ActionName, Call, CallId, Dispatch, Kind, Reply, ResourcePath, Result, platform::dispatcher::Started,
};
use serde_json::Value;

use crate::{caller::Caller, docs, shared::Shared};

/// What is asked of which function.
#[derive(Debug, Clone)]
pub(in crate::routes) struct Ask {
    pub(in crate::routes) path: ResourcePath,
    pub(in crate::routes) action: ActionName,
    pub(in crate::routes) input: Value,
    pub(in crate::routes) dry_run: bool,
    pub(in crate::routes) idempotency_key: Option<String>,
}

impl Ask {
    pub(in crate::routes) fn new(path: ResourcePath, action: ActionName, input: Value) -> Self {
        Self { path, action, input, dry_run: false, idempotency_key: None }
    }
}

/// Calls; a document that was read is rendered on the way back.
pub(in crate::routes) async fn dispatch(shared: &Shared, caller: &Caller, ask: Ask) -> Result<Reply> {
    let path = ask.path.clone();
    let document = path.kind() == Some(Kind::Docs) && ask.action == ActionName::READ;
    let reply = shared.platform().dispatcher().dispatch(call(shared, caller, ask)).await?;
    if document { docs::rendered(reply, &path) } else { Ok(reply) }
}

/// Calls and waits for so long; then the call runs on.
pub(in crate::routes) async fn start(
    shared: &Shared,
    caller: &Caller,
    ask: Ask,
    wait: Duration,
) -> Result<Started> {
    shared.platform().dispatcher().start(call(shared, caller, ask), wait).await
}

fn call(shared: &Shared, caller: &Caller, ask: Ask) -> Call {
    Call {
        id: CallId::new(shared.env()),
        path: ask.path,
        action: ask.action,
        input: ask.input,
        actor: caller.actor.clone(),
        source: caller.source.clone(),
        trace: caller.trace,
        deadline: None,
        idempotency_key: ask.idempotency_key,
        dry_run: ask.dry_run,
    }
}
