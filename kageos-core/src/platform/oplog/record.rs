//! One record of the chain: what it says, and how it is sealed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ActionName, Actor, CallId, Code, NodeId, ResourcePath, Source, StreamId, Timestamp, Trace, hex};

/// Separates these hashes from every other use of SHA-256.
const DOMAIN: &[u8] = b"kageos.oplog.record.1\0";
/// The hash before the first record of a stream.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A call that may change something is about to run.
    Intent,
    /// How a call with an intent ended.
    Outcome,
    /// A call that had no intent: it only read, or was refused.
    Final,
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It runs, or it is not known yet how it ended.
    Pending,
    /// It took effect.
    Ok,
    /// It ran and nothing was changed.
    Failed,
    /// It was not let through the door.
    Refused,
    /// It was cut off and nothing was changed.
    NotApplied,
    /// It was cut off and may have touched something outside.
    Unknown,
}

impl Status {
    /// The status as text, as in tables and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// What every record says, in the order in which it is hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The stream.
    pub stream: StreamId,
    /// The place in the stream, from one.
    pub seq: i64,
    /// The hash of the record before, [`GENESIS`] for the first.
    pub prev: String,
    /// What the record tells.
    pub kind: RecordKind,
    /// When it was written.
    pub at: Timestamp,
    /// The call.
    pub call: CallId,
    /// The path that was called.
    pub path: ResourcePath,
    /// The node behind the path, which stays when the path changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// What was asked.
    pub action: ActionName,
    /// Who asked.
    pub actor: Actor,
    /// What started it.
    pub source: Source,
    /// Where it stands in a trace.
    pub trace: Trace,
    /// How the call stands after this record.
    pub status: Status,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How long it took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
    /// How many times more the same was refused since the last such record.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u32,
    /// SHA-256 of the payload; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_hash: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A record as it is stored: the header's text, the payload's text, and the hash over the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The header as JSON; these bytes are what is hashed.
    pub header: String,
    /// The input or the changes as JSON, redacted; may be purged later.
    pub payload: Option<String>,
    /// Over the header's bytes, hexadecimal.
    pub hash: String,
}

impl Header {
    /// Fixes the header's text and its hash.
    ///
    /// # Errors
    /// Never for the values of the contract; the error is JSON's.
    pub fn seal(&self, payload: Option<String>) -> serde_json::Result<Sealed> {
        let header = serde_json::to_string(self)?;
        let hash = hash_header(&header);
        Ok(Sealed { header, payload, hash })
    }
}

/// The hash of a header's text.
#[must_use]
pub fn hash_header(header: &str) -> String {
    let length = (header.len() as u64).to_be_bytes();
    hex(&Sha256::new().chain_update(DOMAIN).chain_update(length).chain_update(header).finalize())
}

/// The hash of a payload's text.
#[must_use]
pub fn hash_payload(payload: &str) -> String {
    hex(&Sha256::digest(payload))
}
