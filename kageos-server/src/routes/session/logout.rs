use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use serde_json::{Value, json};

use super::cookie;
use crate::{
    caller::{Caller, Shown},
    problem::Answer,
    record::recorded,
    shared::Shared,
};

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(in crate::routes) async fn logout(State(shared): State<Shared>, caller: Caller) -> Answer<Response> {
    if let Shown::Session(token) = caller.shown.clone() {
        let identity = shared.platform().identity().clone();
        let work = async move { Ok((identity.logout(&token).await?, Value::Null)) };
        recorded(&shared, &caller, "logout", json!({}), work).await?;
    }
    Ok((StatusCode::NO_CONTENT, cookie::set(&shared, "", 0)?).into_response())
}
