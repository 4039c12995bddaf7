//! What every [`Bus`] keeps, as tests that run on any.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Bus, Event, EventBody, EventId, Follower, Listener, Missed, WINDOW};
use crate::{ActionName, CallId, Env, Progress, ResourcePath, StreamId};

/// Where NATS with JetStream is.
pub const NATS_URL: &str = "KAGEOS_TEST_NATS_URL";
/// Longest wait for an event, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// The address of NATS, when this machine offers it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests have no main that could hand the address in")]
pub fn nats_url() -> Option<String> {
    std::env::var(NATS_URL).ok()
}

/// Deletes the stream of a test.
///
/// # Errors
/// What NATS answers.
#[cfg(feature = "nats")]
pub async fn delete_stream(url: &str, prefix: &str) -> Result<(), async_nats::Error> {
    let jetstream = async_nats::jetstream::new(async_nats::connect(url).await?);
    jetstream.delete_stream(format!("{prefix}_events")).await?;
    Ok(())
}

/// An event that is told apart by its number.
#[must_use]
pub fn numbered(number: u64) -> EventBody {
    EventBody::Tree { path: path(number) }
}

fn path(number: u64) -> ResourcePath {
    format!("/test/number/n{number}").parse().unwrap_or_else(|_| unreachable!("a path"))
}

/// What a listener hears next.
///
/// # Errors
/// [`Missed`] as [`Listener::next`].
pub async fn hear(listener: &mut Listener) -> Result<Arc<Event>, Missed> {
    let heard = tokio::time::timeout(PATIENCE, listener.next()).await;
    assert!(heard.is_ok(), "nothing was told in time");
    let heard = heard.unwrap_or(Ok(None))?;
    assert!(heard.is_some(), "the bus ended");
    heard.ok_or(Missed)
}

/// Hears numbered events up to the last of `numbers`: all of them, in order, and none but repeated ones between.
async fn hears(listener: &mut Listener, numbers: std::ops::RangeInclusive<u64>) -> Arc<Event> {
    let (mut next, end) = numbers.into_inner();
    loop {
        let event = hear(listener).await;
        assert!(event.is_ok(), "missed something before {next}");
        let Ok(event) = event else { continue };
        if event.body == numbered(next) {
            if next == end {
                return event;
            }
            next += 1;
        } else {
            let repeated = (0..next).any(|earlier| event.body == numbered(earlier));
            assert!(repeated, "{:?} came before {next}", event.body);
        }
    }
}

async fn begin(bus: &dyn Bus, last: Option<EventId>) -> Listener {
    let listener = bus.listen(last);
    assert!(listener.is_ok(), "{last:?} was missed");
    listener.unwrap_or_else(|_| unreachable!("asserted"))
}

fn publish(bus: &dyn Bus, numbers: std::ops::RangeInclusive<u64>) {
    numbers.for_each(|number| bus.publish(numbered(number)));
}

/// What holds for the end of a bus in one process.
pub async fn conforms(bus: &dyn Bus, env: &Env) {
    tells_all_in_order(bus).await;
    goes_on_after_an_event(bus).await;
    carries_every_kind(bus, env).await;
    tells_of_a_reset(bus).await;
    does_not_guess(bus, env);
    tells_who_is_too_slow(bus).await;
    keeps_a_window(bus).await;
}

async fn tells_all_in_order(bus: &dyn Bus) {
    let (mut one, mut other) = (begin(bus, None).await, begin(bus, None).await);
    publish(bus, 1..=50);
    hears(&mut one, 1..=50).await;
    hears(&mut other, 1..=50).await;
}

async fn goes_on_after_an_event(bus: &dyn Bus) {
    let mut listener = begin(bus, None).await;
    publish(bus, 100..=104);
    let mut last = hears(&mut listener, 100..=102).await.id;
    drop(listener);
    publish(bus, 105..=110);
    // Coming back again and again, each time after what was heard last.
    for number in 103..=110 {
        let mut again = begin(bus, Some(last)).await;
        last = hears_one(&mut again, number).await.id;
    }
}

/// Hears repeated events until the one with this number comes.
async fn hears_one(listener: &mut Listener, number: u64) -> Arc<Event> {
    loop {
        if let Ok(event) = hear(listener).await
            && event.body == numbered(number)
        {
            return event;
        }
    }
}

async fn carries_every_kind(bus: &dyn Bus, env: &Env) {
    let (call, path) = (CallId::new(env), path(200));
    let progress = Progress { done: 1, total: Some(2), message: "half".to_owned() };
    let bodies = [
        EventBody::Change {
            path: path.clone(),
            action: ActionName::CREATE,
            call,
            rows: vec!["1".to_owned(), "2".to_owned()],
        },
        EventBody::Tree { path: path.clone() },
        EventBody::Access { path: Some(path.clone()) },
        EventBody::Access { path: None },
        EventBody::Progress { path, call, progress },
    ];
    let mut listener = begin(bus, None).await;
    bodies.iter().for_each(|body| bus.publish(body.clone()));
    for body in &bodies {
        assert_eq!(hear(&mut listener).await.as_ref().map(|event| &event.body), Ok(body));
    }
}

async fn tells_of_a_reset(bus: &dyn Bus) {
    let mut listener = begin(bus, None).await;
    bus.reset();
    publish(bus, 300..=300);
    assert_eq!(hear(&mut listener).await.map(|event| event.body.clone()), Err(Missed));
    hears(&mut listener, 300..=300).await;
}

fn does_not_guess(bus: &dyn Bus, env: &Env) {
    let elsewhere = EventId { stream: StreamId::new(env), seq: 1 };
    assert!(bus.listen(Some(elsewhere)).is_err(), "it does not know that stream");
}

/// Publishes a whole window, in steps that a queue to elsewhere can take; answers the last number.
async fn fill(bus: &dyn Bus, from: u64) -> u64 {
    let (steps, step) = (WINDOW as u64 / 512 + 1, 512);
    for at in 0..steps {
        let mut listener = begin(bus, None).await;
        let numbers = from + at * step..=from + (at + 1) * step - 1;
        publish(bus, numbers.clone());
        hears(&mut listener, numbers).await;
        settled(bus).await;
    }
    from + steps * step - 1
}

/// Waits until every event has its place: then who goes on after the last is told nothing.
async fn settled(bus: &dyn Bus) {
    let mut listener = begin(bus, None).await;
    bus.publish(EventBody::Access { path: None });
    let Ok(mut last) = hear(&mut listener).await.map(|event| event.id) else { return };
    loop {
        let mut again = begin(bus, Some(last)).await;
        let mut nothing = true;
        while let Ok(Ok(Some(event))) = tokio::time::timeout(Duration::from_millis(20), again.next()).await {
            nothing = false;
            last.seq = last.seq.max(event.id.seq);
        }
        if nothing {
            return;
        }
    }
}

async fn tells_who_is_too_slow(bus: &dyn Bus) {
    let mut slow = begin(bus, None).await;
    let last = fill(bus, 1_000).await;
    assert!(hear(&mut slow).await.is_err(), "more came than a listener's queue holds");
    publish(bus, last + 1..=last + 1);
    hears_one(&mut slow, last + 1).await;
}

async fn keeps_a_window(bus: &dyn Bus) {
    let mut listener = begin(bus, None).await;
    publish(bus, 20_000..=20_000);
    let Ok(old) = hear(&mut listener).await.map(|event| event.id) else { return };
    let last = fill(bus, 21_000).await;
    assert!(bus.listen(Some(old)).is_err(), "what came after is not kept any more");
    let mut listener = begin(bus, None).await;
    publish(bus, last + 1..=last + 3);
    let recent = hears(&mut listener, last + 1..=last + 1).await.id;
    hears_one(&mut begin(bus, Some(recent)).await, last + 3).await;
}

/// What a follower was asked, in order.
#[derive(Debug, Default)]
pub struct Asked(Mutex<Vec<Option<EventBody>>>);

impl Asked {
    /// What it was asked so far; `None` stands for events that were missed.
    #[must_use]
    pub fn so_far(&self) -> Vec<Option<EventBody>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Follower for Asked {
    async fn follow(&self, body: &EventBody) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Some(body.clone()));
    }

    async fn renew(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(None);
    }
}

/// What holds between the ends of a bus in two processes.
pub async fn connects(one: &dyn Bus, other: &dyn Bus) {
    let asked = Arc::new(Asked::default());
    other.follow(Arc::clone(&asked) as Arc<dyn Follower>);
    let (mut here, mut there) = (begin(one, None).await, begin(other, None).await);
    publish(one, 1..=20);
    hears(&mut here, 1..=20).await;
    let last = hears(&mut there, 1..=20).await.id;
    assert_eq!(asked.so_far(), (1..=20).map(|number| Some(numbered(number))).collect::<Vec<_>>());
    // A listener goes on at the other end, in both directions.
    publish(other, 21..=22);
    let last = hears(&mut begin(one, Some(last)).await, 21..=22).await.id;
    publish(one, 23..=25);
    hears(&mut begin(other, Some(last)).await, 23..=25).await;
    hears(&mut here, 21..=25).await;
    hears(&mut there, 21..=25).await;
    assert_eq!(asked.so_far().len(), 23, "its own events are nobody's to follow");
}
