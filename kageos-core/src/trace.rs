//! W3C trace context, level 1 (<https://www.w3.org/TR/trace-context/>).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Entropy;

/// Where a call stands in a trace; as text a `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trace {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// Why a text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct TraceError;

impl Trace {
    /// A new trace, sampled.
    #[must_use]
    pub fn start(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 24];
        entropy.fill(&mut bytes);
        let (trace, parent) = bytes.split_at(16);
        let number = |bytes: &[u8]| bytes.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        Self { trace_id: number(trace).max(1), parent_id: (number(parent) as u64).max(1), flags: 1 }
    }

    /// The same trace one step further.
    #[must_use]
    pub fn child(self, entropy: &dyn Entropy) -> Self {
        Self { parent_id: Self::start(entropy).parent_id, ..self }
    }

    /// The trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut parts = text.split('-');
        let mut hex = |len: usize| {
            let part = parts.next().filter(|part| part.len() == len).ok_or(TraceError)?;
            let lower = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            u128::from_str_radix(part, 16).ok().filter(|_| lower).ok_or(TraceError)
        };
        let version = hex(2)?;
        let trace = Self { trace_id: hex(32)?, parent_id: hex(16)? as u64, flags: hex(2)? as u8 };
        let whole = version == 0 && parts.next().is_none() && trace.trace_id != 0 && trace.parent_id != 0;
        if whole { Ok(trace) } else { Err(TraceError) }
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
