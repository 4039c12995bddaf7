//! Events inside one process.

use std::sync::Arc;

use async_trait::async_trait;

use super::hub::Hub;
use super::{Bus, EventBody, EventId, Follower, Health, Listener, Missed};
use crate::StreamId;

/// The events of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    hub: Arc<Hub>,
}

impl Events {
    /// Events numbered in `stream`.
    #[must_use]
    pub fn new(stream: StreamId) -> Self {
        Self { hub: Arc::new(Hub::new(stream)) }
    }
}

#[async_trait]
impl Bus for Events {
    fn publish(&self, body: EventBody) {
        self.hub.tell(body);
    }

    fn listen(&self, last: Option<EventId>) -> Result<Listener, Missed> {
        self.hub.listen(last)
    }

    fn follow(&self, _: Arc<dyn Follower>) {}

    fn reset(&self) {
        self.hub.reset();
    }

    fn health(&self) -> Option<Health> {
        None
    }

    async fn close(&self) {}
}
