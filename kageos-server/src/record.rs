//! What concerns accounts has no function and so does not come through the dispatcher; it stands in the operation
//! log all the same, at the path `/system`, where administrators read it.

use kageos_core::{
    ActionName, Call, CallId, Result,
    platform::oplog::{Draft, Status},
};
use serde_json::{Value, json};

use crate::{caller::Caller, shared::Shared};

/// Where it stands.
const PATH: &str = "/system";

/// Records that `caller` did `action`, after it was done. `input` holds no secret.
///
/// # Errors
/// Never for the names written in this crate.
pub(crate) async fn record(shared: &Shared, caller: &Caller, action: &str, input: Value) -> Result<()> {
    let Some(action) = ActionName::new(action) else { return Ok(()) };
    let call = Call {
        id: CallId::new(shared.env()),
        path: PATH.parse()?,
        action,
        input: json!({}),
        actor: caller.actor.clone(),
        source: caller.source.clone(),
        trace: caller.trace,
        deadline: None,
        idempotency_key: None,
        dry_run: false,
    };
    let node = shared.platform().tree().snapshot().get(&call.path).map(|node| node.id);
    let draft = Draft::settled(&call, node, shared.env().now(), Status::Ok).payload(&input);
    shared.platform().log().settled(draft).await;
    Ok(())
}
