//! What one side sends.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

/// Bytes that wait to be sent before whoever wants to send more has to wait.
pub(super) const HIGH_WATER: usize = 1024 * 1024;
/// Bytes that a buffer keeps.
const KEPT: usize = 64 * 1024;

/// What is on its way out.
pub(super) struct Out {
    stream: Pin<Box<dyn AsyncWrite + Send>>,
    pub(super) buffer: Vec<u8>,
    /// What of the buffer has gone.
    gone: usize,
    /// What has gone in all.
    pub(super) total: u64,
    /// The last question's id.
    pub(super) last: u64,
}

impl Out {
    pub(super) fn new(stream: impl AsyncWrite + Send + 'static) -> Self {
        Self { stream: Box::pin(stream), buffer: Vec::new(), gone: 0, total: 0, last: 0 }
    }

    pub(super) fn waits(&self) -> usize {
        self.buffer.len() - self.gone
    }

    /// Lets go of what has gone, when that is most of the buffer.
    pub(super) fn forget(&mut self) {
        if self.gone > KEPT && self.gone * 2 >= self.buffer.len() {
            self.buffer.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// Sends what waits.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.gone < self.buffer.len() {
            match ready!(self.stream.as_mut().poll_write(cx, &self.buffer[self.gone..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    self.gone += sent;
                    self.total += sent as u64;
                }
            }
        }
        self.buffer.clear();
        self.gone = 0;
        if self.buffer.capacity() > HIGH_WATER {
            self.buffer.shrink_to(KEPT);
        }
        self.stream.as_mut().poll_flush(cx)
    }

    /// Sends what waits and ends the stream.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drive(cx))?;
        self.stream.as_mut().poll_shutdown(cx)
    }
}
