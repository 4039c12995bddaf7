use axum::Json;

use super::info;
use crate::{caller::Caller, problem::Answer, wire::SessionInfo};

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionInfo)))]
pub(in crate::routes) async fn current(caller: Caller) -> Answer<Json<SessionInfo>> {
    Ok(Json(info(&caller)?))
}
