//! Who answers what the other side asks.

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::message::Note;
use crate::{Code, Error, HostError};

/// Answers what the other side asks.
#[async_trait]
pub(super) trait Handler: Send + Sync + 'static {
    /// The answer to a question, and its body.
    async fn answer(&self, ask: &RawValue, body: Vec<u8>) -> Result<Answered, HostError>;

    /// Takes what is only told. It does not wait.
    fn note(&self, note: Note);

    /// Whether work ends when nobody waits for the answer any more. What goes on somewhere else keeps its place until
    /// it has ended.
    fn cancels(&self) -> bool;
}

/// An answer and its body.
pub(super) type Answered = (Box<RawValue>, Vec<u8>);

/// An answer that has no body.
pub(super) fn answered(value: &impl Serialize) -> Result<Answered, HostError> {
    with_body(value, Vec::new())
}

/// An answer with a body.
pub(super) fn with_body(value: &impl Serialize, body: Vec<u8>) -> Result<Answered, HostError> {
    Ok((serde_json::value::to_raw_value(value).map_err(Error::internal)?, body))
}

/// A question as `T`.
pub(super) fn asked<T: DeserializeOwned>(ask: &RawValue) -> Result<T, HostError> {
    serde_json::from_str(ask.get()).map_err(|error| {
        Error::new(Code::InvalidInput, format!("This is no question of the protocol: {error}.")).into()
    })
}
