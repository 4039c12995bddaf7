use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Admin,
    extract::Params,
    page,
    problem::Answer,
    shared::Shared,
    wire::{User, UserList},
};

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// Only the account with this login.
    login: Option<String>,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// Accounts by login.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", operation_id = "list_users", params(Which), responses((status = 200, body = UserList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    _: Admin,
    Params(which): Params<Which>,
) -> Answer<Json<UserList>> {
    let (limit, after) = (page::limit(which.limit)?, page::text(which.next.as_deref())?);
    if let Some(login) = which.login {
        let user = shared.platform().identity().user_by_login(&login).await?;
        return Ok(Json(UserList { items: user.iter().map(User::from).collect(), next: None }));
    }
    let users = shared.platform().identity().users(after, limit + 1).await?;
    let (users, next) = page::cut(users.iter(), limit, |user| user.login.clone());
    Ok(Json(UserList { items: users.into_iter().map(User::from).collect(), next }))
}
