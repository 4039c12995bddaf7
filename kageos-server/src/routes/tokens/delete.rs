use axum::{extract::State, http::StatusCode};

use kageos_core::TokenId;
use serde_json::{Value, json};

use super::Whose;
use crate::{
    caller::Caller,
    extract::{Params, Segments, id},
    problem::Answer,
    record::recorded,
    shared::Shared,
};

/// Ends an API token of the caller or, for administrators, of another account.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "delete_token", params(("id" = String, Path), Whose), responses((status = 204)))]
pub(in crate::routes) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(token): Segments,
    Params(whose): Params<Whose>,
) -> Answer<StatusCode> {
    let (user, token) = (whose.user(&caller)?, id::<TokenId>(&token)?);
    let identity = shared.platform().identity().clone();
    let work = async move { Ok((identity.end_token(user, token).await?, Value::Null)) };
    recorded(&shared, &caller, "delete_token", json!({ "id": token, "user": user }), work).await?;
    Ok(StatusCode::NO_CONTENT)
}
