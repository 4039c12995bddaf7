use axum::{Json, extract::State, http::StatusCode};
use kageos_core::{
    Code, Error, ResourcePath, Result,
    bus::EventBody,
    platform::identity::{NewUser, Secret, UserKind},
};

use serde_json::json;

use crate::{
    caller::Admin,
    extract::Input,
    problem::Answer,
    record::recorded,
    shared::Shared,
    wire::{User, UserInput},
};

/// Makes an account, and a namespace of its own for a person.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", operation_id = "create_user", request_body = UserInput, responses((status = 201, body = User)))]
pub(in crate::routes) async fn create(
    State(shared): State<Shared>,
    Admin(caller): Admin,
    Input(input): Input<UserInput>,
) -> Answer<(StatusCode, Json<User>)> {
    let namespace = namespace(&shared, &input)?;
    let new = NewUser {
        kind: if input.password.is_some() { UserKind::Person } else { UserKind::Service },
        login: input.login,
        name: input.name,
        email: input.email,
        namespace: namespace.as_ref().map(|path| path.code().to_owned()),
        admin: input.admin,
        password: input.password.map(Secret::new),
    };
    let said = json!({ "login": new.login, "admin": new.admin });
    let platform = shared.platform().clone();
    let work = async move {
        let user = platform.identity().create_user(new).await?;
        if let Some(path) = namespace {
            platform.tree().ensure_namespace(&path, &user.name, user.id).await?;
            platform.events().publish(EventBody::Tree { path });
        }
        let made = json!({ "id": user.id });
        Ok((user, made))
    };
    let user = recorded(&shared, &caller, "create_user", said, work).await?;
    Ok((StatusCode::CREATED, Json(User::from(&user))))
}

/// The namespace that was asked for; without a wish, a person's login where that can be one.
fn namespace(shared: &Shared, input: &UserInput) -> Result<Option<ResourcePath>> {
    let tree = shared.platform().tree().snapshot();
    let free = |path: &ResourcePath| tree.get(path).is_none();
    let Some(code) = &input.namespace else {
        let own: Option<ResourcePath> = format!("/{}", input.login.trim()).parse().ok();
        return Ok(own.filter(|path| input.password.is_some() && path.depth() == 1 && free(path)));
    };
    let path = format!("/{code}").parse().ok().filter(|path: &ResourcePath| path.depth() == 1);
    let path = path.ok_or_else(|| Error::field("/namespace", "format", "not a code, or reserved"))?;
    if free(&path) { Ok(Some(path)) } else { Err(Error::new(Code::Conflict, "The namespace is taken.")) }
}
