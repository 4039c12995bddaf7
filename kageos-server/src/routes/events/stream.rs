//! The events that one caller may see, while it may.

use std::{convert::Infallible, time::Duration};

use axum::response::sse;
use futures_util::{Stream, stream};
use kageos_core::{
    Right,
    bus::{Event, EventBody, EventId, Listener},
};
use serde_json::{Value, json};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use crate::{caller::Caller, shared::Shared, view::View};

/// How often it is asked whether the caller is still let in; revocation cuts a stream within five seconds.
const ASK_AGAIN: Duration = Duration::from_secs(3);

struct Open {
    shared: Shared,
    caller: Caller,
    listener: Listener,
    /// The first thing to tell is that something was missed.
    missed: bool,
    ask_at: Instant,
    _place: OwnedSemaphorePermit,
}

/// Events from now on, or from after `last` on; an unreadable `last` (`Some(None)`) is one that was missed.
pub(super) fn events(
    shared: Shared,
    caller: Caller,
    last: Option<Option<EventId>>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let bus = shared.platform().events();
    let resumed = match last {
        None => bus.listen(None).ok().map(|listener| (listener, false)),
        Some(id) => id.and_then(|id| bus.listen(Some(id)).ok()).map(|listener| (listener, false)),
    };
    let begun = resumed.or_else(|| bus.listen(None).ok().map(|listener| (listener, true)));
    let ask_at = Instant::now() + ASK_AGAIN;
    let open =
        begun.map(|(listener, missed)| Open { shared, caller, listener, missed, ask_at, _place: place });
    stream::unfold(open, |open| async move {
        let mut open = open?;
        let event = open.next().await?;
        Some((Ok(event), Some(open)))
    })
}

impl Open {
    /// The next event; `None` when the stream ends.
    async fn next(&mut self) -> Option<sse::Event> {
        if std::mem::take(&mut self.missed) {
            return Some(reset());
        }
        loop {
            tokio::select! {
                () = self.shared.0.stopping.cancelled() => return None,
                () = sleep_until(self.ask_at) => self.ask_again().await?,
                heard = self.listener.next() => match heard {
                    Ok(Some(event)) => {
                        if let Some(shown) = self.show(&event) {
                            return Some(shown);
                        }
                    }
                    Ok(None) => return None,
                    Err(_) => return Some(reset()),
                },
            }
        }
    }

    /// `None` when the caller is let in no more, or it cannot be known.
    async fn ask_again(&mut self) -> Option<()> {
        self.ask_at = Instant::now() + ASK_AGAIN;
        let caller = Caller::find(&self.shared, self.caller.shown.clone(), self.caller.trace).await;
        self.caller = caller.ok().flatten()?;
        Some(())
    }

    /// The event as far as the caller may know it. Where something is gone, all who read what was above it learn that
    /// the tree there changed, and not what it was.
    fn show(&self, event: &Event) -> Option<sse::Event> {
        let view = View::of(&self.shared, &self.caller.actor);
        match (event.body.path(), &event.body) {
            (Some(path), EventBody::Log { .. }) if view.node_with(path, Right::Admin).is_err() => None,
            (Some(path), _) if view.sees_path(path) => Some(show(event.id, &event.body)),
            (Some(path), EventBody::Tree { .. }) if view.tree().get(path).is_none() => {
                let above = view.above(path).filter(|node| view.sees(node))?;
                Some(show(event.id, &EventBody::Tree { path: above.path.clone() }))
            }
            (Some(_), _) | (None, EventBody::Renew | EventBody::Cancel { .. }) => None,
            (None, body) => Some(show(event.id, body)),
        }
    }
}

fn show(id: EventId, body: &EventBody) -> sse::Event {
    let data = match body {
        EventBody::Change { path, action, call, rows } => {
            json!({ "path": path, "action": action, "call": call, "rows": rows })
        }
        EventBody::Tree { path } | EventBody::Log { path } => json!({ "path": path }),
        EventBody::Access { path } => json!({ "path": path }),
        EventBody::Progress { path, call, progress } => json!({
            "path": path, "call": call, "done": progress.done, "total": progress.total, "message": progress.message,
        }),
        _ => Value::Object(serde_json::Map::new()),
    };
    sse::Event::default().id(id.to_string()).event(body.name()).data(data.to_string())
}

fn reset() -> sse::Event {
    sse::Event::default().event("reset").data("{}")
}
