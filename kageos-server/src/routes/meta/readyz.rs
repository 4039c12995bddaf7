use axum::{Json, extract::State, http::StatusCode};

use crate::{shared::Shared, wire::Readiness};

/// Whether the server can do its work, with each thing that it depends on.
#[utoipa::path(get, path = "/readyz", tag = "meta",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Something that it depends on is out of reach")))]
pub(in crate::routes) async fn readyz(State(shared): State<Shared>) -> (StatusCode, Json<Readiness>) {
    let dependencies = shared.dependencies().await;
    let ready = dependencies.iter().all(|dependency| dependency.ok);
    let (code, status) =
        if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(Readiness { status: status.to_owned(), dependencies }))
}
