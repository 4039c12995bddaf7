use axum::{Json, extract::State};

use crate::{caller::Admin, health, shared::Shared, wire::FindingList};

/// How the parts are that may fail alone, the apps and their databases, and what to do about each. For administrators.
#[utoipa::path(get, path = "/api/v1/doctor", tag = "meta", responses((status = 200, body = FindingList)))]
pub(in crate::routes) async fn doctor(State(shared): State<Shared>, _: Admin) -> Json<FindingList> {
    Json(FindingList { items: health::findings(&shared).await, next: None })
}
