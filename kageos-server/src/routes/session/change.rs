use axum::{Json, extract::State};
use kageos_core::platform::identity::{Secret, UserPatch};

use super::info;
use serde_json::{Value, json};

use crate::{
    caller::Caller,
    extract::Input,
    problem::Answer,
    record::recorded,
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
    let changed = json!({ "name": patch.name, "password": patch.password.is_some() });
    let SessionPatch { name, locale, theme, time_zone, password } = patch;
    let patch = UserPatch { name, locale, theme, time_zone, ..UserPatch::default() };
    let (identity, user, keep) =
        (shared.platform().identity().clone(), caller.user.id, caller.session.map(|(id, _)| id));
    let work = async move {
        if let Some(password) = password {
            let (old, new) = (Secret::new(password.old), Secret::new(password.new));
            identity.change_password(user, &old, &new, keep).await?;
        }
        Ok((identity.update_user(user, patch).await?, Value::Null))
    };
    let user = recorded(&shared, &caller, "change_own_account", changed, work).await?;
    Ok(Json(SessionInfo { user: User::from(&user), ..info }))
}
