//! The link: how a platform and an app in another process talk over any byte stream.
//!
//! Frames, messages and their limits need no runtime and stand here as data; the feature `link` adds the two ends.
//! [`Session`] carries questions and answers of both sides over one stream, [`LinkHost`] is the platform's end, a
//! [`Host`] like every other, and [`serve`] is the app's end, which runs a `Host` of its own. `docs/link.md` describes
//! the bytes.
//!
//! [`Host`]: crate::Host

pub mod frame;
pub mod message;

#[cfg(feature = "link")]
mod app;
#[cfg(feature = "link")]
mod closed;
#[cfg(feature = "link")]
mod handler;
#[cfg(feature = "link")]
mod host;
#[cfg(feature = "link")]
mod out;
#[cfg(feature = "link")]
mod ports;
#[cfg(feature = "link")]
mod session;

#[cfg(feature = "link")]
pub use app::{Served, serve};
#[cfg(feature = "link")]
pub use closed::Closed;
#[cfg(feature = "link")]
pub use host::{LinkHost, LinkOptions};
#[cfg(feature = "link")]
pub use ports::{LinkDispatch, LinkFiles, LinkHttp, LinkPython, LinkSteps};
#[cfg(feature = "link")]
pub use session::Session;

/// The versions of the protocol that this crate speaks, the first and the last.
pub const VERSIONS: (u32, u32) = (1, 1);
/// Longest frame, in bytes: an import of the largest CSV as JSON, and a file of the largest size.
pub const MAX_FRAME: usize = 128 * 1024 * 1024;
/// Most questions of one side that the other one works on at a time.
pub const MAX_ASKS: usize = 256;
/// Most bytes of questions that one side works on at a time.
pub const MAX_ASKED_BYTES: usize = 128 * 1024 * 1024;
