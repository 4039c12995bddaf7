//! Sends what this process did, in order, and again until it is taken.

use std::time::Duration;

use tokio::sync::mpsc;

use super::wire::{Outgoing, Sender, Wire};
use super::{Inner, Trouble};

/// Messages that are on their way at a time.
const BATCH: usize = 256;
/// Pause before messages that were not taken are sent again.
const RETRY: Duration = Duration::from_millis(250);

/// Sends until the bus is closed and the queue is empty.
pub(super) async fn run(bus: &Inner, mut queue: mpsc::Receiver<Outgoing>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut attached = bus.attached.subscribe();
    let mut told = false;
    loop {
        if batch.is_empty() && queue.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        if attached.wait_for(|attached| *attached).await.is_err() {
            return;
        }
        match send(bus, &batch).await {
            Ok(()) => {
                batch.clear();
                if queue.is_empty() {
                    batch.extend(bus.gap_to_tell());
                }
                told = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "events cannot be sent to other processes; they are kept");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn send(bus: &Inner, batch: &[Outgoing]) -> Result<(), Trouble> {
    let mut acks = Vec::with_capacity(batch.len());
    for Outgoing { number, wire } in batch {
        let payload = payload(wire)?;
        let headers = Sender { from: bus.own, number: *number }.headers();
        let sent = bus.jetstream.publish_with_headers(bus.subject.clone(), headers, payload.into()).await;
        acks.push(sent.map_err(Trouble::of)?);
    }
    for ack in acks {
        ack.await.map_err(Trouble::of)?;
    }
    Ok(())
}

fn payload(wire: &Wire) -> Result<Vec<u8>, Trouble> {
    serde_json::to_vec(wire).map_err(Trouble::of)
}
