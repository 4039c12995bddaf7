//! Questions and answers of two sides over one stream.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::{Notify, oneshot, watch},
    task::AbortHandle,
    time::Instant,
};

use super::{
    Closed, MAX_ASKED_BYTES, MAX_ASKS, MAX_FRAME,
    frame::{self, Decoder, Frame, FrameError},
    handler::{Answered, Handler},
    message::{Answer, Message, Note},
    out::{HIGH_WATER, Out},
};
use crate::{Code, Error, HostError};

/// Bytes that wait to be sent before a side that asks on and on is taken for one that takes nothing.
const MAX_WAITING: usize = MAX_FRAME + 16 * HIGH_WATER;
/// Bytes that are read at once.
const READ: usize = 64 * 1024;
/// How long the other side may take nothing of what waits for it.
const STALLED: Duration = Duration::from_secs(10);
/// How long what waits may still take to go when the link is closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One end of a link; it is closed when nobody has it any more.
#[derive(Clone)]
pub struct Session(Arc<Owner>);

/// An end of a link that does not keep it open.
pub(super) struct WeakSession(Weak<Owner>);

impl WeakSession {
    pub(super) fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(Session)
    }
}

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close(Closed::Here);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.closed_now()).finish()
    }
}

struct Shared {
    out: Mutex<Out>,
    /// There is something to be sent that did not go at once.
    more: Notify,
    /// Something of it has gone.
    room: Notify,
    waiting: Mutex<HashMap<u64, Asker>>,
    running: Mutex<Running>,
    closed: watch::Sender<Option<Closed>>,
}

/// Who waits for an answer and its body.
type Asker = oneshot::Sender<(Answer, Vec<u8>)>;

/// The questions of the other side that are worked on.
#[derive(Default)]
struct Running {
    last: u64,
    bytes: usize,
    tasks: HashMap<u64, Task>,
}

struct Task {
    /// Until it is known, or was used.
    handle: Option<AbortHandle>,
    /// Of the question, and of the answer when there is one.
    bytes: usize,
    /// Nobody waits for the answer.
    cancelled: bool,
}

impl Running {
    fn end(&mut self, id: u64) -> Option<Task> {
        let task = self.tasks.remove(&id)?;
        self.bytes -= task.bytes;
        Some(task)
    }
}

/// The end of work on a question; one that panicked is answered too.
struct End {
    shared: Arc<Shared>,
    id: u64,
}

impl End {
    fn with(self, answer: Result<Answered, HostError>) {
        if self.is_awaited() {
            self.shared.answer(self.id, answer);
        }
    }

    /// Gives the place up; whether somebody still waits for the answer.
    fn is_awaited(&self) -> bool {
        lock(&self.shared.running).end(self.id).is_some_and(|task| !task.cancelled)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.is_awaited() {
            self.shared.answer(self.id, Err(HostError::Ended(Error::of(Code::Internal))));
        }
    }
}

/// What goes out, in the form of a [`Message`].
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Sent<'a, T> {
    Ask { id: u64, ask: &'a T },
    Answer { id: u64, answer: &'a Answer },
    Cancel { id: u64 },
    Note(&'a Note),
}

impl Session {
    /// Begins to talk.
    pub(super) fn start(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        handler: Arc<dyn Handler>,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let shared = Arc::new(Shared {
            out: Mutex::new(Out::new(writer)),
            more: Notify::new(),
            room: Notify::new(),
            waiting: Mutex::default(),
            running: Mutex::default(),
            closed: watch::Sender::new(None),
        });
        tokio::spawn(write(Arc::clone(&shared)));
        tokio::spawn(read(Arc::clone(&shared), reader, handler));
        Self(Arc::new(Owner(shared)))
    }

    pub(super) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.0))
    }

    /// Asks, and waits for the answer. Dropping the future cancels the question.
    ///
    /// # Errors
    /// What the other side answers; [`HostError::Refused`] when the link was closed before the question went,
    /// [`HostError::CutOff`] when it was closed before the answer came.
    pub(super) async fn ask<R: DeserializeOwned>(
        &self,
        ask: &impl Serialize,
        body: &[u8],
    ) -> Result<(R, Vec<u8>), HostError> {
        let shared = &*self.0.0;
        shared.room().await;
        let (sender, answer) = oneshot::channel();
        let id = shared.send_ask(ask, body, sender)?;
        let mut asked = Asked { shared, id, answered: false };
        let answer = answer.await;
        asked.answered = true;
        let (answer, body) = answer.map_err(|_| HostError::CutOff(gone()))?;
        match answer {
            Answer::Done(value) => match serde_json::from_str(value.get()) {
                Ok(value) => Ok((value, body)),
                Err(error) => {
                    shared.close(Closed::violated(format_args!(
                        "an answer is not what was asked for: {error}"
                    )));
                    Err(HostError::CutOff(gone().caused_by(error)))
                }
            },
            Answer::Failed(error) => Err(error),
        }
    }

    /// Tells something, unless much waits to be sent already; answers whether it was told.
    pub(super) fn note(&self, note: &Note) -> bool {
        let shared = &*self.0.0;
        lock(&shared.out).waits() < HIGH_WATER && shared.send(&Sent::Note(note), &[]).is_ok()
    }

    /// Tells something once not much waits to be sent.
    pub(super) async fn tell(&self, note: &Note) {
        let shared = &*self.0.0;
        shared.room().await;
        let _ = shared.send(&Sent::Note(note), &[]);
    }

    /// Ends the link.
    pub(super) fn close(&self) {
        self.0.0.close(Closed::Here);
    }

    /// Why the link has ended; `None` while it has not.
    #[must_use]
    pub fn closed_now(&self) -> Option<Closed> {
        self.0.0.closed.borrow().clone()
    }

    /// Waits for the end of the link.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.0.0.closed.subscribe();
        // The sender is as old as the session.
        let end = closed.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or(Closed::Here)
    }
}

/// A question whose asker may go away.
struct Asked<'a> {
    shared: &'a Shared,
    id: u64,
    answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered && lock(&self.shared.waiting).remove(&self.id).is_some() {
            let _ = self.shared.send(&Sent::Cancel { id: self.id }, &[]);
        }
    }
}

impl Shared {
    /// Waits until not much waits to be sent.
    async fn room(&self) {
        loop {
            let room = self.room.notified();
            if lock(&self.out).waits() < HIGH_WATER || self.closed.borrow().is_some() {
                return;
            }
            room.await;
        }
    }

    fn send_ask(&self, ask: &impl Serialize, body: &[u8], answer: Asker) -> Result<u64, HostError> {
        let mut out = lock(&self.out);
        let id = out.last + 1;
        let head = serde_json::to_vec(&Sent::Ask { id, ask }).map_err(Error::internal)?;
        frame::check(&head, body).map_err(|error| Error::new(Code::PayloadTooLarge, error.to_string()))?;
        // Before the question goes, for the answer may be quick.
        let mut waiting = lock(&self.waiting);
        // Under this lock, for who closes the link takes it to tell all that wait.
        if self.closed.borrow().is_some() {
            return Err(gone().into());
        }
        if waiting.len() >= MAX_ASKS {
            return Err(Error::new(Code::Unavailable, "Too much is asked of the other side at once.").into());
        }
        waiting.insert(id, answer);
        drop(waiting);
        out.last = id;
        self.go(out, &head, body);
        Ok(id)
    }

    fn send(&self, message: &Sent<'_, ()>, body: &[u8]) -> Result<(), FrameError> {
        let head = serde_json::to_vec(message).unwrap_or_default();
        frame::check(&head, body)?;
        let out = lock(&self.out);
        if self.closed.borrow().is_none() {
            self.go(out, &head, body);
        }
        Ok(())
    }

    /// Sends at once what the stream takes, unless older bytes wait; the rest is left to the task that writes.
    fn go(&self, mut out: MutexGuard<'_, Out>, head: &[u8], body: &[u8]) {
        let alone = out.waits() == 0;
        out.forget();
        frame::encode(head, body, &mut out.buffer);
        let sent = alone.then(|| out.drive(&mut Context::from_waker(Waker::noop())));
        drop(out);
        match sent {
            Some(Poll::Ready(Ok(()))) => {}
            Some(Poll::Ready(Err(error))) => self.close(error.into()),
            _ => self.more.notify_one(),
        }
    }

    /// Works on a question of the other side, in a task of its own.
    fn run(
        self: &Arc<Self>,
        id: u64,
        ask: Box<RawValue>,
        body: Vec<u8>,
        handler: &Arc<dyn Handler>,
    ) -> Result<(), Closed> {
        let mut running = lock(&self.running);
        // Under this lock, for who closes the link takes it to end all that runs.
        if self.closed.borrow().is_some() {
            return Ok(());
        }
        if id != running.last + 1 {
            return Err(Closed::violated(format_args!("question {id} comes after {}", running.last)));
        }
        running.last = id;
        let bytes = ask.get().len() + body.len();
        if running.tasks.len() >= MAX_ASKS || running.bytes + bytes > MAX_ASKED_BYTES {
            drop(running);
            if lock(&self.out).waits() > MAX_WAITING {
                return Err(Closed::Stalled);
            }
            self.answer(id, Err(Error::new(Code::Unavailable, "Too much is asked at once.").into()));
            return Ok(());
        }
        running.bytes += bytes;
        running.tasks.insert(id, Task { handle: None, bytes, cancelled: false });
        drop(running);
        let (handler, end) = (Arc::clone(handler), End { shared: Arc::clone(self), id });
        let task = tokio::spawn(async move {
            let answer = handler.answer(&ask, body).await;
            let answer = end.shared.keep(id, answer);
            // The place is free when the answer can go, not before.
            end.shared.room().await;
            end.with(answer);
        });
        match lock(&self.running).tasks.get_mut(&id) {
            Some(running) => running.handle = Some(task.abort_handle()),
            // It has ended, or the link has.
            None => task.abort(),
        }
        Ok(())
    }

    /// Counts an answer that waits to go, or refuses it.
    fn keep(&self, id: u64, answer: Result<Answered, HostError>) -> Result<Answered, HostError> {
        let (value, body) = answer?;
        let (bytes, mut running) = (value.get().len() + body.len(), lock(&self.running));
        if running.bytes + bytes > MAX_ASKED_BYTES {
            return Err(HostError::Ended(Error::new(Code::PayloadTooLarge, "Too much is answered at once.")));
        }
        if let Some(task) = running.tasks.get_mut(&id) {
            task.bytes += bytes;
            running.bytes += bytes;
        }
        Ok((value, body))
    }

    /// Nobody waits for the answer to a question any more.
    fn cancel(&self, id: u64, handler: &Arc<dyn Handler>) {
        let mut running = lock(&self.running);
        let Some(task) = running.tasks.get_mut(&id) else { return };
        task.cancelled = true;
        if let Some(handle) = task.handle.take().filter(|_| handler.cancels()) {
            drop(running);
            handle.abort();
        }
    }

    /// Hands an answer to whoever asked. One that comes after its question was given up is for nobody.
    fn answered(&self, id: u64, answer: Answer, body: Vec<u8>) -> Result<(), Closed> {
        if let Some(waits) = lock(&self.waiting).remove(&id) {
            let _ = waits.send((answer, body));
            return Ok(());
        }
        match lock(&self.out).last {
            last if id == 0 || id > last => {
                Err(Closed::violated(format_args!("question {id} was never asked")))
            }
            _ => Ok(()),
        }
    }

    fn answer(&self, id: u64, answer: Result<Answered, HostError>) {
        let (answer, body) = match answer {
            Ok((value, body)) => (Answer::Done(value), body),
            Err(error) => (Answer::Failed(error), Vec::new()),
        };
        let sent = self.send(&Sent::Answer { id, answer: &answer }, &body);
        if let Err(error) = sent {
            let error = Error::new(Code::PayloadTooLarge, format!("The answer is too long: {error}."));
            let answer = Answer::Failed(HostError::Ended(error));
            let _ = self.send(&Sent::Answer { id, answer: &answer }, &[]);
        }
    }

    fn close(&self, why: Closed) {
        let first = self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(why);
            first
        });
        if !first {
            return;
        }
        // Whoever waits for an answer learns that none comes.
        lock(&self.waiting).clear();
        let tasks = std::mem::take(&mut lock(&self.running).tasks);
        tasks.into_values().filter_map(|task| task.handle).for_each(|handle| handle.abort());
        self.more.notify_one();
        self.room.notify_waiters();
    }
}

/// Sends what did not go at once.
async fn write(shared: Arc<Shared>) {
    let mut closed = shared.closed.subscribe();
    while closed.borrow().is_none() {
        tokio::select! {
            biased;
            _ = closed.changed() => {}
            () = shared.more.notified() => {
                if let Err(why) = drain(&shared, &mut closed).await {
                    shared.close(why);
                }
            }
        }
    }
    // What was said before the end still goes, if it goes soon.
    let end = poll_fn(|cx| lock(&shared.out).end(cx));
    let _ = tokio::time::timeout(LAST_WORDS, end).await;
}

/// Sends until nothing waits any more.
async fn drain(shared: &Shared, closed: &mut watch::Receiver<Option<Closed>>) -> Result<(), Closed> {
    let (mut total, mut since) = (lock(&shared.out).total, Instant::now());
    loop {
        let sent = poll_fn(|cx| {
            let mut out = lock(&shared.out);
            let sent = out.drive(cx);
            if out.waits() < HIGH_WATER {
                shared.room.notify_waiters();
            }
            sent
        });
        tokio::select! {
            biased;
            sent = sent => return Ok(sent?),
            _ = closed.changed() => return Ok(()),
            // Who sends in between takes the place of this task with the stream; it asks again.
            () = shared.more.notified() => {}
            () = tokio::time::sleep_until(since + STALLED) => {}
        }
        if since.elapsed() >= STALLED {
            let now = lock(&shared.out).total;
            if now == total {
                return Err(Closed::Stalled);
            }
            (total, since) = (now, Instant::now());
        }
    }
}

/// Takes what comes.
async fn read(shared: Arc<Shared>, mut stream: impl AsyncRead + Unpin, handler: Arc<dyn Handler>) {
    let mut closed = shared.closed.subscribe();
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; READ];
    while closed.borrow().is_none() {
        tokio::select! {
            biased;
            _ = closed.changed() => {}
            count = stream.read(&mut bytes) => match count {
                Ok(0) if decoder.is_empty() => shared.close(Closed::There),
                Ok(0) => shared.close(Closed::violated("the stream ends within a frame")),
                Ok(count) => {
                    decoder.push(&bytes[..count]);
                    if let Err(why) = take(&shared, &mut decoder, &handler) {
                        shared.close(why);
                    }
                }
                Err(error) => shared.close(error.into()),
            },
        }
    }
}

fn take(shared: &Arc<Shared>, decoder: &mut Decoder, handler: &Arc<dyn Handler>) -> Result<(), Closed> {
    while let Some(Frame { head, body }) = decoder.take()? {
        let message = serde_json::from_slice(&head);
        let message =
            message.map_err(|error| Closed::violated(format_args!("a head is no message: {error}")))?;
        match message {
            Message::Ask { id, ask } => shared.run(id, ask, body, handler)?,
            Message::Answer { id, answer } => shared.answered(id, answer, body)?,
            Message::Cancel { id } => shared.cancel(id, handler),
            Message::Note(note) => handler.note(note),
        }
    }
    Ok(())
}

fn gone() -> Error {
    Error::new(Code::Unavailable, "The other side of the link is gone.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
