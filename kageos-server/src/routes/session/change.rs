use axum::{Json, extract::State};
use kageos_core::platform::identity::{Secret, UserPatch};

use super::info;
use serde_json::json;

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    record::record,
    shared::Shared,
    wire::{SessionInfo, SessionPatch, User},
};

/// Changes one's own account.
#[utoipa::path(patch, path = "/api/v1/session", tag = "session", request_body = SessionPatch, responses((status = 200, body = SessionInfo)))]
pub(in crate::routes) async fn change(
    State(shared): State<Shared>,
    caller: Caller,
    Input(patch): Input<SessionPatch>,
) -> Answer<Json<SessionInfo>> {
    caller.in_person()?;
    let info = info(&caller)?;
    let identity = shared.platform().identity();
    let changes_password = patch.password.is_some();
    if let Some(password) = patch.password {
        let (old, new) = (Secret::new(password.old), Secret::new(password.new));
        identity.change_password(caller.user.id, &old, &new, caller.session.map(|(id, _)| id)).await?;
    }
    let changed = json!({ "name": patch.name, "password": changes_password });
    let SessionPatch { name, locale, theme, time_zone, .. } = patch;
    let patch = UserPatch { name, locale, theme, time_zone, ..UserPatch::default() };
    let user = identity.update_user(caller.user.id, patch).await?;
    record(&shared, &caller, "change_own_account", changed).await?;
    Ok(Json(SessionInfo { user: User::from(&user), ..info }))
}
