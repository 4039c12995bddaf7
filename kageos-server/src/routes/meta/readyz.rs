use axum::{Json, extract::State, http::StatusCode};

use crate::{
    shared::{BUS, Shared},
    wire::Readiness,
};

/// Whether the server can do its work, with each thing that it depends on. `degraded` when it can, and only the way to
/// other servers is cut.
#[utoipa::path(get, path = "/readyz", tag = "meta",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Something that it depends on is out of reach")))]
pub(in crate::routes) async fn readyz(State(shared): State<Shared>) -> (StatusCode, Json<Readiness>) {
    let dependencies = shared.dependencies().await;
    let mut failing = dependencies.iter().filter(|dependency| !dependency.ok).peekable();
    let (code, status) = match (failing.peek().is_some(), failing.all(|it| it.name == BUS)) {
        (false, _) => (StatusCode::OK, "ok"),
        (true, true) => (StatusCode::OK, "degraded"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(Readiness { status: status.to_owned(), dependencies }))
}
