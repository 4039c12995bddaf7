//! What runs here: how much of each actor, how far each call has come, and which shall end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::bus::{Bus, EventBody};
use crate::host::{CallControl, Progress};
use crate::{
    Actor, CallId, Code, Error, LogCall, LogEntry, LogLevel, LogSink, LogSource, ResourcePath, Result, Trace,
    UserId,
};

/// Calls of one actor that run at the same time.
const MAX_RUNNING: u32 = 128;
/// Shortest time between two events about the progress of one call.
const BETWEEN_EVENTS: Duration = Duration::from_millis(100);

/// The calls that run in this process; cheap to clone.
#[derive(Debug, Default, Clone)]
pub(in crate::platform) struct Running(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    of_actor: HashMap<UserId, u32>,
    calls: HashMap<CallId, Arc<Run>>,
}

/// A running call, seen by those who follow it.
#[derive(Debug)]
struct Run {
    progress: Mutex<Option<Progress>>,
    cancelled: watch::Sender<bool>,
    outside: Mutex<Outside>,
}

/// What a call has done outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Outside {
    #[default]
    Nothing,
    Something,
    /// Nothing, and it will do nothing any more.
    GivenUp,
}

/// A call's place among those that run; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    running: Running,
    actor: Option<UserId>,
    call: CallId,
    run: Arc<Run>,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when all of the actor are taken.
    pub(super) fn enter(&self, actor: &Actor, call: CallId) -> Result<Place> {
        let mut state = self.state();
        if let Some(id) = actor.id {
            let count = state.of_actor.entry(id).or_default();
            if *count >= MAX_RUNNING {
                return Err(Error::of(Code::TooManyRequests));
            }
            *count += 1;
        }
        let run = Arc::new(Run {
            progress: Mutex::default(),
            cancelled: watch::Sender::new(false),
            outside: Mutex::default(),
        });
        state.calls.insert(call, Arc::clone(&run));
        Ok(Place { running: self.clone(), actor: actor.id, call, run })
    }

    /// How far a call has come that runs here and has said so.
    pub(super) fn progress(&self, call: CallId) -> Option<Progress> {
        let run = self.state().calls.get(&call).cloned()?;
        run.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells a call to end; answers whether it runs here.
    pub(in crate::platform) fn cancel(&self, call: CallId) -> bool {
        let run = self.state().calls.get(&call).cloned();
        run.is_some_and(|run| {
            run.cancelled.send_replace(true);
            true
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Place {
    /// The call runs no more, whoever still has its place.
    pub(super) fn leave(&self) {
        let mut state = self.running.state();
        if state.calls.remove(&self.call).is_none() {
            return;
        }
        let Some(id) = self.actor else { return };
        if let Some(count) = state.of_actor.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                state.of_actor.remove(&id);
            }
        }
    }
}

impl Place {
    /// Returns once the call is told to end, and had `grace` to do so by itself.
    pub(super) async fn cancelled(&self, grace: Duration) {
        let mut cancelled = self.run.cancelled.subscribe();
        // The sender lives as long as this place.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
        tokio::time::sleep(grace).await;
    }

    /// Whether the call has done something outside; when not, it does nothing there from now on.
    pub(super) fn acted_outside(&self) -> bool {
        let mut outside = self.run.outside.lock().unwrap_or_else(PoisonError::into_inner);
        if *outside == Outside::Nothing {
            *outside = Outside::GivenUp;
        }
        *outside == Outside::Something
    }

    /// The call's line to those who follow it.
    pub(super) fn control(
        &self,
        (path, trace): (ResourcePath, Trace),
        events: Arc<dyn Bus>,
        logs: Option<Arc<dyn LogSink>>,
    ) -> Control {
        let (call, run) = (LogCall { id: self.call, path, trace }, Arc::clone(&self.run));
        Control { call, events, logs, run, told_at: Mutex::default() }
    }
}

/// Passes on how far a call has come, what it logs, and that it shall end.
#[derive(Debug)]
pub(super) struct Control {
    call: LogCall,
    events: Arc<dyn Bus>,
    logs: Option<Arc<dyn LogSink>>,
    run: Arc<Run>,
    told_at: Mutex<Option<Instant>>,
}

impl CallControl for Control {
    fn report(&self, progress: Progress) {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let tells = told_at.is_none_or(|at| now.duration_since(at) >= BETWEEN_EVENTS);
        if tells {
            *told_at = Some(now);
            let (path, call, progress) = (self.call.path.clone(), self.call.id, progress.clone());
            self.events.publish(EventBody::Progress { path, call, progress });
        }
        *self.run.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    fn is_cancelled(&self) -> bool {
        *self.run.cancelled.borrow()
    }

    fn acts_outside(&self) -> bool {
        let mut outside = self.run.outside.lock().unwrap_or_else(PoisonError::into_inner);
        if *outside == Outside::Nothing {
            *outside = Outside::Something;
        }
        *outside == Outside::Something
    }

    /// Where nobody keeps what apps log it goes to the log of the process.
    fn log(&self, entry: LogEntry) {
        if let Some(logs) = &self.logs {
            return logs.take(LogSource::App, Some(self.call.clone()), entry.bounded());
        }
        let LogEntry { level, message, fields } = entry.bounded();
        let fields = serde_json::Value::Object(fields);
        let LogCall { id: call, path, trace } = &self.call;
        macro_rules! told {
            ($level:ident) => {
                tracing::event!(tracing::Level::$level, %call, %path, trace = trace.id(), %fields, "{message}")
            };
        }
        match level {
            LogLevel::Debug => told!(DEBUG),
            LogLevel::Info => told!(INFO),
            LogLevel::Warn => told!(WARN),
            LogLevel::Error => told!(ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Env, StreamId, bus::Events};

    #[test]
    fn a_call_that_was_given_up_does_nothing_outside() {
        let (running, env) = (Running::default(), Env::system());
        let control = |place: &Place| {
            let path = "/demo/notes/note.table".parse().unwrap();
            place.control((path, env.trace()), Arc::new(Events::new(StreamId::new(&env))), None)
        };
        let acted = running.enter(&Actor::system(), CallId::new(&env)).unwrap();
        assert!(control(&acted).acts_outside() && acted.acted_outside() && control(&acted).acts_outside());
        let given_up = running.enter(&Actor::system(), CallId::new(&env)).unwrap();
        assert!(!given_up.acted_outside() && !control(&given_up).acts_outside() && !given_up.acted_outside());
    }
}
