use axum::Json;

use crate::wire::Health;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "meta", responses((status = 200, body = Health)))]
pub(in crate::routes) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}
