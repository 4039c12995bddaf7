use std::net::{IpAddr, Ipv6Addr};

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use kageos_core::{
    Code, Error, Result, Source, SourceKind, Trace,
    platform::identity::{Login, Opened, Secret},
};
use serde_json::json;

use super::cookie;
use crate::{
    caller,
    extract::Input,
    problem::Answer,
    record::{Who, refused_login, write},
    shared::Shared,
    wire::{LoginInput, SessionInfo, User},
};

/// Signs in; the answer sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LoginInput, responses((status = 200, body = SessionInfo)))]
pub(in crate::routes) async fn login(State(shared): State<Shared>, request: Request) -> Answer<Response> {
    let address = caller::peer(request.extensions());
    let client = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let attempt = Attempt {
        address,
        client: client.map(str::to_owned),
        previous: caller::cookie(request.headers()),
        trace: request.extensions().get().copied().unwrap_or_else(|| shared.env().trace()),
    };
    let busy = || Error::new(Code::Unavailable, "Too many logins are under way; try again.");
    let _place = shared.0.logins.take(address.map(network)).ok_or_else(busy)?;
    let Input(input) = Input::from_request(request, &shared).await?;
    let at = shared.clone();
    let opened =
        tokio::spawn(async move { attempt.run(&at, input).await }).await.map_err(Error::internal)??;
    let lasts = opened.who.expires_at.since(shared.env().now()).as_secs();
    let info = SessionInfo { user: User::from(&*opened.who.user), expires_at: opened.who.expires_at };
    Ok((cookie::set(&shared, opened.token.expose(), lasts)?, Json(info)).into_response())
}

/// What came with a login besides its body.
struct Attempt {
    address: Option<IpAddr>,
    client: Option<String>,
    previous: Option<Secret>,
    trace: Trace,
}

impl Attempt {
    /// Tries it and records how it went, whoever still waits for it.
    async fn run(self, shared: &Shared, input: LoginInput) -> Result<Opened> {
        let login = Login {
            login: &input.login,
            password: &Secret::new(input.password),
            address: self.address,
            client: self.client.as_deref(),
            previous: self.previous.as_ref(),
        };
        let opened = shared.platform().identity().login(login).await;
        match &opened {
            Ok(opened) => {
                let (actor, source) = (opened.who.actor.clone(), Source::of(SourceKind::Web));
                let said = json!({ "login": actor.name, "addresses": self.address.as_slice() });
                write(shared, Who { actor, source, trace: self.trace }, "login", &said, None, 0).await;
            }
            Err(error) if matches!(error.code, Code::LoginFailed | Code::TooManyRequests) => {
                refused_login(shared, &input.login, self.address);
            }
            Err(_) => {}
        }
        opened
    }
}

/// What one client easily has: an IPv4 address, or an IPv6 network of 2^64 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}
