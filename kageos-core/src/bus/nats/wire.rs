//! What goes over the wire: JSON, with who sent it in the headers.

use async_nats::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::StreamId;
use crate::bus::EventBody;

/// The process that sent it.
const FROM: &str = "Kageos-From";
/// How many that process had sent before, and one.
const NUMBER: &str = "Kageos-Number";

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wire {
    /// An event.
    Event(EventBody),
    /// Earlier events of the sender are lost.
    Gap,
}

/// A message that waits to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub number: u64,
    pub wire: Wire,
}

/// Who sent a message, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    pub from: StreamId,
    pub number: u64,
}

impl Sender {
    pub(super) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(FROM, self.from.to_string());
        headers.insert(NUMBER, self.number.to_string());
        // JetStream takes a message that was sent twice once.
        headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("{}-{}", self.from, self.number));
        headers
    }

    pub(super) fn read(headers: Option<&HeaderMap>) -> Option<Self> {
        let headers = headers?;
        let from = headers.get(FROM)?.as_str().parse().ok()?;
        let number = headers.get(NUMBER)?.as_str().parse().ok()?;
        Some(Self { from, number })
    }
}
