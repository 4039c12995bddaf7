use axum::{Json, extract::State};

use crate::{
    caller::Caller,
    problem::Answer,
    shared::Shared,
    wire::{Token, TokenList},
};

/// The caller's API tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens", responses((status = 200, body = TokenList)))]
pub(in crate::routes) async fn list(State(shared): State<Shared>, caller: Caller) -> Answer<Json<TokenList>> {
    caller.in_person()?;
    let tokens = shared.platform().identity().tokens(caller.user.id).await?;
    Ok(Json(TokenList { items: tokens.into_iter().map(Token::from).collect(), next: None }))
}
