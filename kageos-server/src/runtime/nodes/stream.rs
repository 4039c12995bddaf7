//! A stream of bytes between two clients of NATS.
//!
//! NATS delivers a message once or not at all, so each says how many bytes came before it: a stream that has lost one ends,
//! and within one nothing is missing or out of order. Neither end sends more than [`WINDOW`] bytes that the other has not
//! taken, so what waits at an end is bounded.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_nats::{Client, Subject, Subscriber};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::timeout,
};

/// Bytes that are sent and not taken, at most.
const WINDOW: u64 = 1024 * 1024;
/// Messages of a window that wait to be taken, at most: those of a link have some sixty bytes and more.
const QUEUE: usize = 32 * 1024;
/// Bytes of one message, at most.
const CHUNK: usize = 64 * 1024;
/// How long what has come may take to be taken when the other end is done.
const FLUSH: Duration = Duration::from_secs(5);
/// A kind and a number come before the bytes.
const HEAD: usize = 1 + 8;

/// Why a stream broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// A message did not arrive.
    #[error("a message was lost")]
    Lost,
    /// The other end sends what is no frame, or more than it may.
    #[error("the other end breaks the protocol")]
    Strange,
    /// This client is closed.
    #[error("NATS is closed")]
    Closed,
}

/// One message of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    /// Bytes, and how many came before them.
    Data(u64, Bytes),
    /// So many bytes are taken in all.
    Taken(u64),
    /// No more come.
    End,
}

impl Frame {
    fn write(&self) -> Bytes {
        let (kind, number, bytes) = match self {
            Self::Data(before, bytes) => (0, *before, bytes.as_ref()),
            Self::Taken(all) => (1, *all, &[][..]),
            Self::End => (2, 0, &[][..]),
        };
        let mut message = BytesMut::with_capacity(HEAD + bytes.len());
        message.put_u8(kind);
        message.put_u64(number);
        message.put_slice(bytes);
        message.freeze()
    }

    fn read(mut message: Bytes) -> Option<Self> {
        let head: [u8; HEAD] = message.get(..HEAD)?.try_into().ok()?;
        let [kind, number @ ..] = head;
        let (number, bytes) = (u64::from_be_bytes(number), message.split_off(HEAD));
        match kind {
            0 => Some(Self::Data(number, bytes)),
            1 => Some(Self::Taken(number)),
            2 => Some(Self::End),
            _ => None,
        }
    }
}

/// The way to the other end.
pub(super) struct Wire {
    /// Where its messages come.
    pub(super) incoming: Subscriber,
    pub(super) out: Out,
}

/// Where the other end listens.
#[derive(Clone)]
pub(super) struct Out {
    pub(super) client: Client,
    pub(super) to: Subject,
}

impl Out {
    /// Says that nothing more comes, whatever became of what carried the stream.
    pub(super) async fn end(&self) {
        let _ = self.say(&Frame::End).await;
    }

    async fn say(&self, frame: &Frame) -> Result<(), Broken> {
        self.client.publish(self.to.clone(), frame.write()).await.map_err(|_| Broken::Closed)
    }
}

impl Wire {
    /// Carries what `local` says to the other end, and back, until either has ended.
    ///
    /// # Errors
    /// Why the stream broke.
    pub(super) async fn carry(self, local: impl AsyncRead + AsyncWrite + Send) -> Result<(), Broken> {
        let Self { incoming, out } = self;
        let (reading, writing) = tokio::io::split(local);
        let (credit, taken) = watch::channel(0);
        let (queue, waiting) = mpsc::channel(QUEUE);
        let written = AtomicU64::new(0);
        let receive = receive(incoming, queue, &credit, &written);
        let mut write = pin!(write(writing, waiting, &written, &out));
        let done = tokio::select! {
            received = receive => match received {
                // What came before the end is still taken.
                Ok(()) => timeout(FLUSH, &mut write).await.unwrap_or(Ok(())),
                Err(broken) => Err(broken),
            },
            written = &mut write => written,
            read = read(reading, taken, &out) => read,
        };
        // Whatever the reason: nothing more comes from here.
        out.end().await;
        done
    }
}

/// Takes messages in order; answers when the other end is done.
async fn receive(
    mut incoming: Subscriber,
    queue: mpsc::Sender<Bytes>,
    credit: &watch::Sender<u64>,
    written: &AtomicU64,
) -> Result<(), Broken> {
    let mut received = 0;
    while let Some(message) = incoming.next().await {
        match Frame::read(message.payload).ok_or(Broken::Strange)? {
            Frame::Data(before, _) if before != received => return Err(Broken::Lost),
            Frame::Data(_, bytes) => {
                received += bytes.len() as u64;
                if bytes.is_empty() || received - written.load(Ordering::Acquire) > WINDOW {
                    return Err(Broken::Strange);
                }
                match queue.try_send(bytes) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => return Err(Broken::Strange),
                    Err(TrySendError::Closed(_)) => return Ok(()),
                }
            }
            Frame::Taken(all) => drop(credit.send_replace(all)),
            Frame::End => return Ok(()),
        }
    }
    Err(Broken::Closed)
}

/// Hands on what has come, and says how much of it is taken before the other end has to wait.
async fn write(
    mut local: impl AsyncWrite + Unpin,
    mut waiting: mpsc::Receiver<Bytes>,
    written: &AtomicU64,
    out: &Out,
) -> Result<(), Broken> {
    let mut told = 0;
    while let Some(bytes) = waiting.recv().await {
        if local.write_all(&bytes).await.is_err() || local.flush().await.is_err() {
            break;
        }
        let all = written.fetch_add(bytes.len() as u64, Ordering::AcqRel) + bytes.len() as u64;
        if all - told >= WINDOW / 4 {
            told = all;
            out.say(&Frame::Taken(all)).await?;
        }
    }
    Ok(())
}

/// Sends what is said here, as long as the other end takes it.
async fn read(
    mut local: impl AsyncRead + Unpin,
    mut taken: watch::Receiver<u64>,
    out: &Out,
) -> Result<(), Broken> {
    let mut sent: u64 = 0;
    let mut buffer = BytesMut::new();
    loop {
        // An end that claims to have taken more than there was harms nobody but itself.
        let waits = |taken: &u64| sent.saturating_sub(*taken) < WINDOW;
        let credit = taken.wait_for(waits).await.map(|credit| *credit).map_err(|_| Broken::Closed)?;
        let room = WINDOW - sent.saturating_sub(credit);
        buffer.reserve(CHUNK);
        let most = CHUNK.min(usize::try_from(room).unwrap_or(CHUNK));
        let mut some = (&mut buffer).limit(most);
        if !matches!(local.read_buf(&mut some).await, Ok(1..)) {
            return Ok(());
        }
        let bytes = buffer.split().freeze();
        let before = sent;
        sent += bytes.len() as u64;
        out.say(&Frame::Data(before, bytes)).await?;
    }
}

#[cfg(test)]
mod tests {
    use kageos_core::bus::testing::nats_url;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    type Carried = tokio::task::JoinHandle<Result<(), Broken>>;

    /// Two ends on NATS, and what carries them.
    async fn pair(name: &str) -> Option<(Client, [DuplexStream; 2], [Carried; 2])> {
        let client = async_nats::connect(nats_url()?).await.unwrap();
        let subject = |end: &str| format!("test.stream.{name}.{}.{end}", std::process::id());
        let mut ends = Vec::new();
        for (own, to) in [("a", "b"), ("b", "a")] {
            let incoming = client.subscribe(subject(own)).await.unwrap();
            let wire = Wire { incoming, out: Out { client: client.clone(), to: subject(to).into() } };
            let (ours, theirs) = duplex(1024);
            ends.push((ours, tokio::spawn(wire.carry(theirs))));
        }
        client.flush().await.unwrap();
        let (b, carried_b) = ends.pop().unwrap();
        let (a, carried_a) = ends.pop().unwrap();
        Some((client, [a, b], [carried_a, carried_b]))
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn bytes_arrive_whole_and_in_order_in_both_directions() {
        let Some((_, [a, b], _)) = pair("whole").await else { return };
        let length = 5 * usize::try_from(WINDOW).unwrap() + 17;
        let send = |stream: DuplexStream| async move {
            let (mut reading, mut writing) = tokio::io::split(stream);
            let expected = pattern(length);
            let mut got = vec![0; length];
            let (sent, read) = tokio::join!(writing.write_all(&expected), reading.read_exact(&mut got));
            sent.unwrap();
            read.unwrap();
            assert!(got == expected);
            tokio::io::AsyncWriteExt::flush(&mut writing).await.unwrap();
            (reading, writing)
        };
        let _open = tokio::join!(send(a), send(b));
    }

    #[tokio::test]
    async fn an_end_that_takes_nothing_is_sent_no_more_than_a_window() {
        let Some((client, [mut a, _b], _)) = pair("window").await else { return };
        let mut seen =
            client.subscribe(format!("test.stream.window.{}.b", std::process::id())).await.unwrap();
        client.flush().await.unwrap();
        let bytes = pattern(3 * usize::try_from(WINDOW).unwrap());
        assert!(timeout(Duration::from_secs(1), a.write_all(&bytes)).await.is_err());
        let mut sent = 0;
        while let Ok(Some(message)) = timeout(Duration::from_millis(200), seen.next()).await {
            sent += (message.payload.len() - HEAD) as u64;
        }
        // `_b` holds a kilobyte that counts as taken only when all of its message is.
        assert!(sent > WINDOW / 2 && sent <= WINDOW, "{sent}");
    }

    #[tokio::test]
    async fn the_end_of_one_side_ends_the_other_with_all_that_was_said() {
        let Some((_, [mut a, mut b], [carried_a, carried_b])) = pair("end").await else { return };
        a.write_all(&pattern(100_000)).await.unwrap();
        drop(a);
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.unwrap();
        assert!(got == pattern(100_000));
        assert_eq!((carried_a.await.unwrap(), carried_b.await.unwrap()), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn what_is_lost_or_no_frame_ends_the_stream() {
        let gap = Frame::Data(7, Bytes::from_static(b"later")).write();
        let empty = Frame::Data(0, Bytes::new()).write();
        for (at, (message, why)) in
            [(gap, Broken::Lost), (empty, Broken::Strange), (Bytes::from_static(b"?"), Broken::Strange)]
                .into_iter()
                .enumerate()
        {
            let name = format!("broken{at}");
            let Some((client, [_a, mut b], [_, carried_b])) = pair(&name).await else { return };
            client.publish(format!("test.stream.{name}.{}.b", std::process::id()), message).await.unwrap();
            assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
            assert_eq!(carried_b.await.unwrap(), Err(why));
        }
    }

    #[test]
    fn a_frame_reads_as_it_was_written_and_nothing_else_does() {
        for frame in [Frame::Data(3, Bytes::from_static(b"abc")), Frame::Taken(u64::MAX), Frame::End] {
            assert_eq!(Frame::read(frame.write()).as_ref(), Some(&frame));
        }
        assert_eq!(Frame::read(Bytes::from_static(b"")), None);
        assert_eq!(Frame::read(Bytes::from_static(&[3, 0, 0, 0, 0, 0, 0, 0, 0])), None);
    }
}
