use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::cookie;
use crate::{
    caller::{Caller, Shown},
    problem::Answer,
    shared::Shared,
};

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(in crate::routes) async fn logout(State(shared): State<Shared>, caller: Caller) -> Answer<Response> {
    if let Shown::Session(token) = &caller.shown {
        shared.platform().identity().logout(token).await?;
    }
    Ok((StatusCode::NO_CONTENT, cookie::set(&shared, "", 0)?).into_response())
}
