//! The listeners of one process and the window of events that is kept for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use super::{Event, EventBody, EventId, Missed};
use crate::StreamId;

/// Events kept for listeners that come back, and for slow ones.
pub const WINDOW: usize = 4_096;

/// What a listener finds in its queue.
#[derive(Debug, Clone)]
enum Told {
    /// An event; with its place, unless it was told before it had one.
    Event(Arc<Event>, Option<u64>),
    /// Something was missed; where another numbering begins, what happened before goes up to this place.
    Missed(Option<u64>),
}

/// Where events meet listeners.
#[derive(Debug)]
pub(super) struct Hub {
    window: Mutex<Window>,
    sender: broadcast::Sender<Told>,
}

#[derive(Debug)]
struct Window {
    stream: StreamId,
    /// The last place.
    seq: u64,
    /// Whoever stands before this has missed something.
    floor: u64,
    kept: VecDeque<Arc<Event>>,
    /// Up to this place events happened before: they are for those who come back.
    history: u64,
    /// Own events that were told and have no place yet, each with its number.
    early: VecDeque<(u64, Arc<Event>)>,
    /// The number of the last own event that others will never get: nobody can go on before it has been made known.
    lost: Option<u64>,
}

impl Window {
    fn place(&self) -> EventId {
        EventId { stream: self.stream, seq: self.seq }
    }

    fn keep(&mut self, event: Arc<Event>) {
        if self.kept.len() == WINDOW {
            self.floor = self.kept.pop_front().map_or(self.floor, |oldest| oldest.id.seq);
        }
        self.kept.push_back(event);
    }

    #[cfg(feature = "nats")]
    fn forget(&mut self, floor: u64) {
        self.kept.clear();
        self.floor = floor;
        self.seq = self.seq.max(floor);
    }

    /// Takes an own event out of those that wait for their place.
    #[cfg(feature = "nats")]
    fn placed(&mut self, number: u64) {
        if let Some(at) = self.early.iter().position(|(waiting, _)| *waiting == number) {
            self.early.remove(at);
        }
    }

    fn knows(&self, last: EventId) -> bool {
        // Another process may be ahead of this one, but not by more than is kept.
        let newest = self.seq.saturating_add(WINDOW as u64);
        last.stream == self.stream && (self.floor..=newest).contains(&last.seq) && self.lost.is_none()
    }
}

impl Hub {
    pub(super) fn new(stream: StreamId) -> Self {
        let window = Window {
            stream,
            seq: 0,
            floor: 0,
            kept: VecDeque::new(),
            history: 0,
            early: VecDeque::new(),
            lost: None,
        };
        Self { window: Mutex::new(window), sender: broadcast::Sender::new(WINDOW) }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Everything is sent under the lock, so that a new listener misses nothing and gets nothing twice.

    /// Gives an event the next place and tells it.
    pub(super) fn tell(&self, body: EventBody) {
        let mut window = self.window();
        let seq = window.seq + 1;
        self.place(&mut window, seq, body);
    }

    fn place(&self, window: &mut Window, seq: u64, body: EventBody) {
        window.seq = seq;
        let event = Arc::new(Event { id: window.place(), body });
        window.keep(Arc::clone(&event));
        let _ = self.sender.send(Told::Event(event, Some(seq)));
    }

    /// Listens from now on, or from after `last`.
    pub(super) fn listen(&self, last: Option<EventId>) -> Result<Listener, Missed> {
        let window = self.window();
        let mut replay = VecDeque::new();
        if let Some(last) = last {
            if !window.knows(last) {
                return Err(Missed);
            }
            replay.extend(window.kept.iter().filter(|event| event.id.seq > last.seq).cloned());
            replay.extend(window.early.iter().map(|(_, event)| Arc::clone(event)));
        }
        let heard = last.map_or(window.history, |last| last.seq);
        Ok(Listener { replay, receiver: self.sender.subscribe(), heard })
    }

    /// Tells all who listen that they missed something.
    pub(super) fn reset(&self) {
        let _window = self.window();
        let _ = self.sender.send(Told::Missed(None));
    }
}

/// What only a bus between several processes needs.
#[cfg(feature = "nats")]
impl Hub {
    /// The last place.
    pub(super) fn last(&self) -> EventId {
        self.window().place()
    }

    /// Whether what stands there happened before this process listened.
    pub(super) fn is_history(&self, seq: u64) -> bool {
        seq <= self.window().history
    }

    /// Whether every own event has its place.
    pub(super) fn all_placed(&self) -> bool {
        self.window().early.is_empty()
    }

    /// Tells an own event that has no place yet; `carried` when it is on its way to one.
    pub(super) fn tell_early(&self, number: u64, body: EventBody, carried: bool) {
        let mut window = self.window();
        let event = Arc::new(Event { id: window.place(), body });
        if carried {
            // One whose place was lost with a whole stream waits in vain.
            if window.early.len() == 2 * WINDOW {
                window.early.pop_front();
            }
            window.early.push_back((number, Arc::clone(&event)));
        } else {
            window.lost = Some(number);
        }
        let _ = self.sender.send(Told::Event(event, None));
    }

    /// Another numbering begins, or goes on after a gap: nothing up to `seq` can be had. What comes up to `history`
    /// happened before.
    pub(super) fn begin(&self, stream: StreamId, seq: u64, history: u64) {
        let mut window = self.window();
        (window.stream, window.seq, window.history) = (stream, seq, history);
        window.forget(seq);
        let _ = self.sender.send(Told::Missed(Some(history)));
    }

    /// Events between the last place and this one are gone.
    pub(super) fn skip(&self, seq: u64) {
        let mut window = self.window();
        window.forget(seq.saturating_sub(1));
        let _ = self.sender.send(Told::Missed(None));
    }

    /// An event of another process has come to its place.
    pub(super) fn arrive(&self, seq: u64, body: EventBody) {
        self.place(&mut self.window(), seq, body);
    }

    /// An own event has come to its place; it was told before.
    pub(super) fn come_back(&self, seq: u64, number: u64, body: EventBody) {
        let mut window = self.window();
        window.placed(number);
        window.seq = seq;
        let event = Arc::new(Event { id: window.place(), body });
        window.keep(event);
    }

    /// It is made known that own events up to `number` were lost to others. Whoever listens here has heard them.
    pub(super) fn made_known(&self, seq: u64, number: u64) {
        let mut window = self.window();
        window.forget(seq);
        window.lost = window.lost.filter(|lost| *lost > number);
    }
}

/// One listener's place in the events.
#[derive(Debug)]
pub struct Listener {
    replay: VecDeque<Arc<Event>>,
    receiver: broadcast::Receiver<Told>,
    /// Up to this place everything was heard, perhaps from another process that was ahead.
    heard: u64,
}

impl Listener {
    /// The next event; `None` when there will be no more.
    ///
    /// # Errors
    /// [`Missed`] when some can no longer be had; the events after the gap follow.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, Missed> {
        if let Some(event) = self.replay.pop_front() {
            return Ok(Some(event));
        }
        loop {
            match self.receiver.recv().await {
                Ok(Told::Event(_, Some(seq))) if seq <= self.heard => {}
                Ok(Told::Event(event, _)) => return Ok(Some(event)),
                Ok(Told::Missed(history)) => {
                    self.heard = history.unwrap_or(self.heard);
                    return Err(Missed);
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
                Err(broadcast::error::RecvError::Lagged(_)) => return Err(Missed),
            }
        }
    }
}
