use axum::Json;
use kageos_core::Code;

use crate::wire::{CodeList, ErrorCode};

/// Every error code, its status and what it means.
#[utoipa::path(get, path = "/api/v1/codes", tag = "meta", responses((status = 200, body = CodeList)))]
pub(in crate::routes) async fn codes() -> Json<CodeList> {
    Json(CodeList { items: Code::ALL.iter().copied().map(ErrorCode::from).collect(), next: None })
}
