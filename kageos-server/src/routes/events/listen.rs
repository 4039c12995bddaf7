use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{KeepAlive, Sse},
    },
};
use kageos_core::{Code, Error, bus::EventId};

use super::stream;
use crate::{caller::Caller, problem::Answer, shared::Shared};

/// How often a silent stream says that it lives, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Server-Sent Events: `change`, `tree`, `access`, `progress`, `log`, and `reset` when some were missed. `Last-Event-ID`
/// resumes without a gap.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(("Last-Event-ID" = Option<String>, Header, description = "Where the stream before ended")), responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(in crate::routes) async fn listen(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Answer<Response> {
    let last =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    // An id that is none was not given here: the listener starts over as after a gap.
    let last = last.map(|text| text.parse::<EventId>().ok());
    let place = Arc::clone(&shared.0.streams).try_acquire_owned();
    let place = place.map_err(|_| Error::new(Code::Unavailable, "Too many event streams are open."))?;
    let events = stream::events(shared, caller, last, place);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}
