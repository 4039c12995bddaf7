use axum::{Json, extract::State, http::StatusCode};
use kageos_core::{
    Scope,
    platform::identity::{self, TOKEN_LONGEST},
};

use serde_json::json;

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    record::recorded,
    shared::Shared,
    wire::{NewToken, Token, TokenInput},
};

/// Makes an API token. The token itself is in this answer and in no other.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token", request_body = TokenInput, responses((status = 201, body = NewToken)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Input(input): Input<TokenInput>,
) -> Answer<(StatusCode, Json<NewToken>)> {
    caller.in_person()?;
    let user = input.user.unwrap_or(caller.user.id);
    if user != caller.user.id {
        caller.admin()?;
    }
    let expires_at = input.expires_at.unwrap_or_else(|| shared.env().now().plus(TOKEN_LONGEST));
    let scope = Scope { path: input.scope.path, rights: input.scope.rights };
    let new = identity::NewToken { user, name: input.name, scope, expires_at };
    let said = json!({ "user": user, "name": new.name, "scope": new.scope });
    let identity = shared.platform().identity().clone();
    let work = async move {
        let issued = identity.create_token(new).await?;
        let made = json!({ "id": issued.token.id });
        Ok((issued, made))
    };
    let issued = recorded(&shared, &caller, "create_token", said, work).await?;
    let token = issued.secret.expose().to_owned();
    Ok((StatusCode::CREATED, Json(NewToken { token, listed: Token::from(issued.token) })))
}
