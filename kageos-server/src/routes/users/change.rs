use axum::{Json, extract::State};
use kageos_core::{
    UserId,
    platform::identity::{self, Secret},
};

use serde_json::{Value, json};

use crate::{
    caller::Admin,
    extract::{Input, Segments, id},
    problem::Answer,
    record::recorded,
    shared::Shared,
    wire::{User, UserPatch},
};

/// Changes an account.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "change_user", params(("id" = String, Path)), request_body = UserPatch, responses((status = 200, body = User)))]
pub(in crate::routes) async fn change(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Segments(user): Segments,
    Input(patch): Input<UserPatch>,
) -> Answer<Json<User>> {
    let user: UserId = id(&user)?;
    let identity = shared.platform().identity().clone();
    let changed = json!({
        "id": user, "name": patch.name, "email": patch.email, "admin": patch.admin, "disabled": patch.disabled,
        "password": patch.password.is_some(),
    });
    let UserPatch { name, email, admin, disabled, password } = patch;
    let patch = identity::UserPatch { name, email, admin, disabled, ..identity::UserPatch::default() };
    let password = password.map(Secret::new);
    let work = async move { Ok((identity.change_user(user, patch, password.as_ref()).await?, Value::Null)) };
    let user = recorded(&shared, &caller, "change_user", changed, work).await?;
    Ok(Json(User::from(&user)))
}
