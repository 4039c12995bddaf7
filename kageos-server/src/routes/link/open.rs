use std::{io, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::FutureExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use kageos_core::{Code, Error, NodeId, Right, platform::release::workspace_of};

use crate::{
    caller::{Caller, Shown},
    extract::At,
    problem::Answer,
    record,
    runtime::StillIn,
    shared::Shared,
    view::View,
};

/// What the connection becomes.
pub(crate) const PROTOCOL: &str = "kageos-link";
/// The header that says which link it is.
pub(crate) const LINK: HeaderName = HeaderName::from_static("kageos-link");

/// The link of an app that somebody attaches to a workspace: with `Upgrade: kageos-link` the connection becomes one,
/// and `Kageos-Link` is its id. The action `attach` of the workspace takes it from there, within 45 seconds. For API tokens with `admin`.
#[utoipa::path(get, path = "/api/v1/link/{path}", tag = "tree", operation_id = "open_link", params(("path" = String, Path, description = "The path without its first slash")), responses((status = 101, description = "The connection is a link", headers(("Kageos-Link" = String, description = "The id of the link")))))]
pub(in crate::routes) async fn open(
    State(shared): State<Shared>,
    caller: Caller,
    At(path): At,
    mut request: Request,
) -> Answer<Response> {
    let view = View::of(&shared, &caller.actor);
    let node = match view.node_with(&path, Right::Admin) {
        Ok(node) => node,
        Err(error) => {
            if error.code == Code::Forbidden {
                record::tried(&shared, &caller, "open_link", &error).await;
            }
            return Err(error.into());
        }
    };
    workspace_of(shared.platform().tree(), &path)?;
    if matches!(caller.shown, Shown::Session(_)) {
        // What a browser shows by itself is no sign that somebody wanted this.
        return Err(Error::new(Code::Forbidden, "A link is brought with an API token.").into());
    }
    let runtime = shared.0.runtime.as_ref();
    let runtime =
        runtime.ok_or_else(|| Error::new(Code::Unavailable, "This server runs no apps of others."))?;
    let wanted =
        request.headers().get(header::UPGRADE).is_some_and(|it| it.as_bytes() == PROTOCOL.as_bytes());
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| wanted).ok_or_else(|| {
        let message = "A link is asked for with `Upgrade: kageos-link`, over HTTP/1.1.";
        Error::field("/upgrade", "required", message)
    })?;
    let stream = async { Ok(TokioIo::new(upgrade.await.map_err(io::Error::other)?)) };
    runtime.may_attach(node.id).await?;
    let id = runtime.take_link(
        node,
        caller.actor.clone(),
        still_in(shared.clone(), caller.clone(), node.id),
        stream,
    )?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
    headers.insert(LINK, HeaderValue::from_str(&id.to_string()).map_err(Error::internal)?);
    Ok(response)
}

/// Asks whether a caller still administers a workspace; one that cannot be asked for does.
fn still_in(shared: Shared, caller: Caller, workspace: NodeId) -> StillIn {
    Arc::new(move || {
        let (shared, shown, trace) = (shared.clone(), caller.shown.clone(), caller.trace);
        async move {
            let Ok(found) = Caller::find(&shared, shown, trace).await else { return true };
            let tree = shared.platform().tree().snapshot();
            found.zip(tree.by_id(workspace)).is_some_and(|(caller, node)| {
                View::of(&shared, &caller.actor).rights(node).contains(Right::Admin)
            })
        }
        .boxed()
    })
}
