use axum::{Json, extract::State};
use kageos_core::{
    ActionName, Code, Error, ResourcePath, Result,
    platform::{handover::Item, identity::SYSTEM_LOGIN},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::{Transfer, TransferInput, TransferItem},
};

/// What the action answers.
#[derive(Debug, Deserialize)]
struct Output {
    items: Vec<Item>,
}

/// Hands everything that an account holds over to another one, or shows what that would be. An administrator does it
/// for anybody; everybody does it for themselves, with what they could grant.
#[utoipa::path(post, path = "/api/v1/transfers", tag = "users", operation_id = "transfer", request_body = TransferInput, responses((status = 200, body = Transfer)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Input(input): Input<TransferInput>,
) -> Answer<Json<Transfer>> {
    caller.in_person()?;
    let TransferInput { from, to, end_tokens, preview } = input;
    let asked = json!({ "from": from, "to": to, "end_tokens": end_tokens });
    let action = ActionName::new("transfer").ok_or_else(|| Error::of(Code::Internal))?;
    let ask = Ask { dry_run: preview, ..Ask::new(place(&shared).await?, action, asked) };
    let reply = dispatch(&shared, &caller, ask).await?;
    let Output { items } = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
    let items = items.into_iter().map(TransferItem::from).collect();
    Ok(Json(Transfer { call: reply.call, preview: reply.dry_run, items }))
}

/// Where accounts are administered; a service that we are mounted in may not have made it yet.
async fn place(shared: &Shared) -> Result<ResourcePath> {
    let path: ResourcePath = format!("/{SYSTEM_LOGIN}").parse().map_err(Error::internal)?;
    if shared.platform().tree().snapshot().get(&path).is_none()
        && let Some(system) = shared.platform().identity().user_by_login(SYSTEM_LOGIN).await?
    {
        shared.platform().tree().ensure_namespace(&path, &system.name, system.id).await?;
    }
    Ok(path)
}
