use axum::{Json, extract::State};

use super::Whose;
use crate::{
    caller::Caller,
    extract::Params,
    problem::Answer,
    shared::Shared,
    wire::{Token, TokenList},
};

/// The API tokens of the caller or, for administrators, of another account.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens", params(Whose), responses((status = 200, body = TokenList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Params(whose): Params<Whose>,
) -> Answer<Json<TokenList>> {
    let tokens = shared.platform().identity().tokens(whose.user(&caller)?).await?;
    Ok(Json(TokenList { items: tokens.into_iter().map(Token::from).collect(), next: None }))
}
