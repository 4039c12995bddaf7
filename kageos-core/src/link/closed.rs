//! How a link ends.

use std::{fmt, io};

use super::frame::FrameError;

/// Longest text about what an app did, in characters.
const MAX_TOLD: usize = 200;

/// Why a link has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// This side has closed it.
    #[error("closed here")]
    Here,
    /// The other side has closed it, or is gone.
    #[error("closed by the other side")]
    There,
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Broken(String),
    /// The other side does not take what it is sent.
    #[error("the other side takes nothing any more")]
    Stalled,
    /// The other side does not keep to the protocol.
    #[error("the other side breaks the protocol: {0}")]
    Violated(String),
}

impl Closed {
    /// The other side broke the protocol; what it said itself is shown without what could be taken for more than text.
    pub(super) fn violated(why: impl fmt::Display) -> Self {
        Self::Violated(why.to_string().chars().take(MAX_TOLD).flat_map(char::escape_debug).collect())
    }
}

impl From<FrameError> for Closed {
    fn from(error: FrameError) -> Self {
        Self::violated(error)
    }
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}
