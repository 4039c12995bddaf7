use axum::{Json, extract::State};
use kageos_core::{
    UserId,
    platform::identity::{self, Secret},
};

use serde_json::json;

use crate::{
    caller::Caller,
    extract::{Input, Segments, id},
    problem::Answer,
    record::record,
    shared::Shared,
    wire::{User, UserPatch},
};

/// Changes an account.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "change_user", params(("id" = String, Path)), request_body = UserPatch, responses((status = 200, body = User)))]
pub(in crate::routes) async fn change(
    State(shared): State<Shared>,
    caller: Caller,
    Segments(user): Segments,
    Input(patch): Input<UserPatch>,
) -> Answer<Json<User>> {
    caller.admin()?;
    let user: UserId = id(&user)?;
    let identity = shared.platform().identity();
    let changed = json!({
        "id": user, "name": patch.name, "email": patch.email, "admin": patch.admin, "disabled": patch.disabled,
        "password": patch.password.is_some(),
    });
    if let Some(password) = patch.password {
        identity.set_password(user, &Secret::new(password)).await?;
    }
    let UserPatch { name, email, admin, disabled, .. } = patch;
    let patch = identity::UserPatch { name, email, admin, disabled, ..identity::UserPatch::default() };
    let user = identity.update_user(user, patch).await?;
    record(&shared, &caller, "change_user", changed).await?;
    Ok(Json(User::from(&user)))
}
