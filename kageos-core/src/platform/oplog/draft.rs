//! A record before it has its place in the chain.

use serde_json::Value;

use super::record::{Header, RecordKind, Sealed, Status, hash_payload};
use crate::{Call, CallId, Code, NodeId, StreamId, Timestamp};

/// Longest payload of a record, in bytes; of a longer one the record keeps its size and its digest.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// What a record will say, apart from its place.
#[derive(Debug, Clone)]
pub struct Draft {
    header: Header,
    payload: Option<String>,
    followed: bool,
}

impl Draft {
    /// The intent of a call.
    #[must_use]
    pub fn intent(call: &Call, node: NodeId, at: Timestamp, input: &Value) -> Self {
        Self::new(call, Some(node), RecordKind::Intent, Status::Pending, at).payload(input)
    }

    /// How a call with an intent ended.
    #[must_use]
    pub fn outcome(call: &Call, node: NodeId, at: Timestamp, status: Status) -> Self {
        Self::new(call, Some(node), RecordKind::Outcome, status, at)
    }

    /// A call that only read, or was refused.
    #[must_use]
    pub fn settled(call: &Call, node: Option<NodeId>, at: Timestamp, status: Status) -> Self {
        Self::new(call, node, RecordKind::Final, status, at)
    }

    /// How a call that an earlier process left behind ended; `intent` is what that process wrote.
    #[must_use]
    pub fn recovered(intent: &Header, at: Timestamp, status: Status) -> Self {
        let header = Header { kind: RecordKind::Outcome, at, status, payload_hash: None, ..intent.clone() };
        Self { header, payload: None, followed: false }
    }

    fn new(call: &Call, node: Option<NodeId>, kind: RecordKind, status: Status, at: Timestamp) -> Self {
        let header = Header {
            // Stream, place and predecessor are known when the record is sealed.
            stream: StreamId::NIL,
            seq: 0,
            prev: String::new(),
            kind,
            at,
            call: call.id,
            path: call.path.clone(),
            node,
            action: call.action.clone(),
            actor: call.actor.clone(),
            source: call.source.clone(),
            trace: call.trace,
            status,
            code: None,
            duration_us: None,
            repeated: 0,
            payload_hash: None,
        };
        Self { header, payload: None, followed: false }
    }

    /// With the reason of a refusal or failure.
    #[must_use]
    pub fn code(mut self, code: Option<Code>) -> Self {
        self.header.code = code;
        self
    }

    /// Somebody will ask for the call later: how it ends is kept for a day, see [`super::Log::call`].
    #[must_use]
    pub fn followed(self, followed: bool) -> Self {
        Self { followed, ..self }
    }

    pub(super) fn is_followed(&self) -> bool {
        self.followed
    }

    /// With the time it took.
    #[must_use]
    pub fn duration(mut self, duration: std::time::Duration) -> Self {
        self.header.duration_us = i64::try_from(duration.as_micros()).ok();
        self
    }

    /// With the number of equal refusals that this record stands for besides its own.
    #[must_use]
    pub fn repeated(mut self, times: u32) -> Self {
        self.header.repeated = times;
        self
    }

    /// With a payload, which was redacted before. One over [`MAX_PAYLOAD`] is replaced by its size and digest.
    #[must_use]
    pub fn payload(mut self, payload: &Value) -> Self {
        let mut text = payload.to_string();
        if text.len() > MAX_PAYLOAD {
            let digest = hash_payload(&text);
            text = serde_json::json!({ "omitted": { "bytes": text.len(), "sha256": digest } }).to_string();
        }
        self.header.payload_hash = Some(hash_payload(&text));
        self.payload = Some(text);
        self
    }

    /// The call it belongs to.
    #[must_use]
    pub fn call(&self) -> CallId {
        self.header.call
    }

    /// Its header, still without a place.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The record at a place of a stream.
    ///
    /// # Errors
    /// Never for the values of the contract; the error is JSON's.
    pub fn seal(&self, stream: StreamId, seq: i64, prev: &str) -> serde_json::Result<Sealed> {
        let header = Header { stream, seq, prev: prev.to_owned(), ..self.header.clone() };
        header.seal(self.payload.clone())
    }
}
