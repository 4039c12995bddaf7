use axum::{
    Json,
    extract::State,
    http::{Extensions, HeaderMap, header},
    response::{IntoResponse, Response},
};
use kageos_core::platform::identity::{Login, Secret};

use super::cookie;
use crate::{
    caller,
    extract::Input,
    problem::Answer,
    shared::Shared,
    wire::{LoginInput, SessionInfo, User},
};

/// Signs in; the answer sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LoginInput, responses((status = 200, body = SessionInfo)))]
pub(in crate::routes) async fn login(
    State(shared): State<Shared>,
    extensions: Extensions,
    headers: HeaderMap,
    Input(input): Input<LoginInput>,
) -> Answer<Response> {
    let previous = caller::cookie(&headers);
    let login = Login {
        login: &input.login,
        password: &Secret::new(input.password),
        address: caller::peer(&extensions),
        client: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
        previous: previous.as_ref(),
    };
    let opened = shared.platform().identity().login(login).await?;
    let lasts = opened.who.expires_at.since(shared.env().now()).as_secs();
    let info = SessionInfo { user: User::from(&*opened.who.user), expires_at: opened.who.expires_at };
    Ok((cookie::set(&shared, opened.token.expose(), lasts)?, Json(info)).into_response())
}
