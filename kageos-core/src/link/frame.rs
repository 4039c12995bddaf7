//! Frames on a byte stream: `length: u32 | head length: u32 | head | body`, numbers big-endian.
//!
//! The length counts what follows it. The head is JSON, a [`Message`](super::message::Message); the body is whatever
//! the head says, often JSON that is handed on as it is.

use super::MAX_FRAME;

/// Longest head, in bytes: a call's or a manifest's, without its input.
pub const MAX_HEAD: usize = 8 * 1024 * 1024;
/// What a buffer keeps when a frame has left it.
const KEPT: usize = 64 * 1024;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// What it is, JSON.
    pub head: Vec<u8>,
    /// What it carries.
    pub body: Vec<u8>,
}

/// Why bytes are no frame. The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame is longer than [`MAX_FRAME`], or its head than [`MAX_HEAD`].
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// The head does not end within the frame.
    #[error("a frame of {frame} bytes has a head of {head}")]
    Torn {
        /// Length of the frame.
        frame: usize,
        /// Length of its head.
        head: usize,
    },
}

/// Whether a frame is short enough to be sent.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn check(head: &[u8], body: &[u8]) -> Result<(), FrameError> {
    let length = 4 + head.len() + body.len();
    if length > MAX_FRAME || head.len() > MAX_HEAD { Err(FrameError::TooLong(length)) } else { Ok(()) }
}

/// Appends a frame that was checked to what is to be sent.
pub fn encode(head: &[u8], body: &[u8], out: &mut Vec<u8>) {
    let length = 4 + head.len() + body.len();
    out.reserve(4 + length);
    // The longest frame is far below 4 GiB.
    out.extend((length as u32).to_be_bytes());
    out.extend((head.len() as u32).to_be_bytes());
    out.extend(head);
    out.extend(body);
}

/// Takes frames out of bytes, however they were cut. It holds what has come of one frame and no more than was read at
/// once beyond it, whatever length a frame claims to have.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// What of the buffer was taken already.
    taken: usize,
}

impl Decoder {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, when all of it is there.
    ///
    /// # Errors
    /// When the bytes cannot be a frame; they never will be.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.taken..];
        let Some((length, rest)) = number(rest) else { return Ok(self.wait()) };
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some((head, rest)) = number(rest) else {
            return if length < 4 {
                Err(FrameError::Torn { frame: length, head: 0 })
            } else {
                Ok(self.wait())
            };
        };
        if head > MAX_HEAD {
            return Err(FrameError::TooLong(head));
        }
        let Some(body) = length.checked_sub(4).and_then(|left| left.checked_sub(head)) else {
            return Err(FrameError::Torn { frame: length, head });
        };
        if rest.len() < head + body {
            return Ok(self.wait());
        }
        let frame = Frame { head: rest[..head].to_vec(), body: rest[head..head + body].to_vec() };
        self.taken += 4 + length;
        Ok(Some(frame))
    }

    /// Whether the stream could end here without tearing a frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }

    /// Makes room for what is still to come.
    fn wait(&mut self) -> Option<Frame> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer.shrink_to(KEPT);
        }
        None
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*first) as usize, rest))
}
