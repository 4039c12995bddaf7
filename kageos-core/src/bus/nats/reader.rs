//! Reads what all processes did, from the place that was read last.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};
use async_nats::jetstream::{Message, stream::Stream};
use futures_util::StreamExt;

use super::wire::{Sender, Wire};
use super::{Inner, MAX_AGE, MAX_BYTES, MAX_MESSAGES, Trouble};
use crate::StreamId;
use crate::bus::WINDOW;

/// Pause before the stream is opened again after a failure.
const RETRY: Duration = Duration::from_millis(250);
/// The server says so often that it lives; twice that without a word, and the reading begins anew.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long one request for messages stands.
const EXPIRES: Duration = Duration::from_secs(30);
/// How long the server keeps the place of a process that has gone away.
const FORGET: Duration = Duration::from_secs(60);
/// Messages that are asked for at a time.
const BATCH: usize = 512;
/// Longest time in which a server that answers makes ready what is read.
const OPENING: Duration = Duration::from_secs(5);

/// Reads until the task is ended.
pub(super) async fn run(bus: &Inner) {
    loop {
        let Err(error) = read(bus).await;
        if bus.attached.send_replace(false) {
            tracing::warn!(%error, "events of other processes do not come; trying again");
        }
        bus.note(&error);
        tokio::time::sleep(RETRY).await;
    }
}

async fn read(bus: &Inner) -> Result<std::convert::Infallible, Trouble> {
    let mut messages = tokio::time::timeout(OPENING, open(bus)).await.map_err(|_| Trouble::silent())??;
    bus.attached.send_replace(true);
    loop {
        let message = messages.next().await.ok_or_else(Trouble::silent)?;
        take(bus, &message.map_err(Trouble::of)?).await?;
    }
}

async fn open(bus: &Inner) -> Result<pull::Stream, Trouble> {
    let stream = bus.jetstream.get_or_create_stream(config(bus)).await.map_err(Trouble::of)?;
    let start_sequence = place(bus, stream.cached_info()).await;
    consume(&stream, start_sequence).await
}

async fn consume(stream: &Stream, start_sequence: u64) -> Result<pull::Stream, Trouble> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        ack_policy: AckPolicy::None,
        inactive_threshold: FORGET,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(Trouble::of)?;
    let messages = consumer.stream().max_messages_per_batch(BATCH).heartbeat(HEARTBEAT).expires(EXPIRES);
    messages.messages().await.map_err(Trouble::of)
}

fn config(bus: &Inner) -> Config {
    Config {
        name: bus.name.clone(),
        description: Some("Events of Kageos: hints, kept for those who come back".to_owned()),
        subjects: vec![bus.subject.clone()],
        max_messages: MAX_MESSAGES,
        max_bytes: MAX_BYTES,
        max_age: MAX_AGE,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        num_replicas: 1,
        ..Config::default()
    }
}

/// Where to read on. Where that is not after what was read last, everybody here has missed something.
async fn place(bus: &Inner, info: &Info) -> u64 {
    let (stream, state) = (numbering(info), &info.state);
    let (place, last) = (bus.hub.last(), state.last_sequence);
    let next = place.seq + 1;
    if place.stream == stream && next <= last + 1 && state.first_sequence <= next {
        return next;
    }
    let first = state.first_sequence.max((last + 1).saturating_sub(WINDOW as u64)).max(1);
    bus.hub.begin(stream, first - 1, last);
    bus.renew().await;
    first
}

/// The stream from when it was made to when it is deleted: its numbers begin anew in another.
fn numbering(info: &Info) -> StreamId {
    let nanos = u128::try_from(info.created.unix_timestamp_nanos()).unwrap_or(0);
    let millis = u64::try_from(nanos / 1_000_000).unwrap_or(0);
    let id = ulid::Ulid::from_parts(millis, nanos % 1_000_000);
    id.to_string().to_ascii_lowercase().parse().unwrap_or(StreamId::NIL)
}

async fn take(bus: &Inner, message: &Message) -> Result<(), Trouble> {
    let seq = message.info().map_err(|error| Trouble::text(error.to_string()))?.stream_sequence;
    let last = bus.hub.last().seq;
    if seq <= last {
        return Ok(());
    }
    if seq > last + 1 {
        bus.hub.skip(seq);
        bus.renew().await;
    }
    let sender = Sender::read(message.headers.as_ref());
    let own = sender.filter(|sender| sender.from == bus.own).map(|sender| sender.number);
    match (serde_json::from_slice::<Wire>(&message.payload), own) {
        (Ok(Wire::Event(body)), Some(number)) => bus.hub.come_back(seq, number, body),
        (Ok(Wire::Gap), Some(number)) => bus.hub.made_known(seq, number),
        (Ok(Wire::Event(body)), None) => {
            if !bus.hub.is_history(seq) {
                bus.ask_follower(&body).await;
            }
            bus.hub.arrive(seq, body);
        }
        // What a newer release sends, and nobody here understands, was missed.
        (Ok(Wire::Gap) | Err(_), _) => {
            bus.renew().await;
            bus.hub.skip(seq + 1);
        }
    }
    Ok(())
}
