//! The real server is killed and stopped in the middle of writes, and must have lost, doubled and hidden nothing.
//!
//! Writers call it over HTTP and keep in their own memory what was acknowledged. After every fault the two database
//! files are read past the server and compared with that.
//!
//! `KAGEOS_FAULT_ROUNDS` says how many faults, `KAGEOS_FAULT_SEED` which ones; both are printed when a test fails.
//!
//! To see that it can fail, break the server and run `cargo test -p kageos-server --test it faults::`:
//!
//! - `Dispatcher::recover` answers `Ok(0)` at once: *an intent of an earlier process is open*;
//! - `recover_one` takes every receipt for `None`: *an effect without its record*;
//! - `recover_one` leaves the idempotency key alone: a repetition is refused as `in_progress`;
//! - `Store::apply` leaves out `write_receipt`: *rows without a receipt*;
//! - SQLite's `commit` does nothing and answers `Ok`: *was acknowledged*.

mod backup;
mod check;
mod client;
mod machine;
mod nodes;
mod people;
mod random;
mod several;
mod sharing;
mod storage;
mod writer;

pub(crate) use people::{admin_of, copy_state, drop_rows};

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::task::JoinSet;

use check::Look;
use client::Door;
use machine::Machine;
use random::Random;
use writer::Writer;

const WRITERS: u64 = 6;
const ROUNDS: u64 = 50;
const SEED: u64 = 2026;
/// How long writers write before a fault.
const BEFORE_MS: std::ops::Range<u64> = 20..500;
/// A server that is killed again while it starts is killed so long after.
const STARTING_MS: std::ops::Range<u64> = 1..300;
/// Most pauses are short …
const PAUSE_MS: std::ops::Range<u64> = 100..1500;
/// … and the first outlasts the deadline of a call (30 s) and the grace that the dispatcher gives (5 s).
const LONG_PAUSE_MS: u64 = 36_000;

/// What happens to the server.
#[derive(Debug)]
enum Fault {
    Kill,
    /// It is killed, and again while it starts.
    KillTwice(Duration),
    /// It is stopped and goes on.
    Pause(Duration),
    /// It is stopped and killed.
    PauseAndKill(Duration),
}

struct Campaign {
    machine: Machine,
    door: Door,
    writers: Vec<Writer>,
    random: Random,
    paused: bool,
    folder: TempDir,
}

impl Campaign {
    async fn start(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = Machine::new(folder.path());
        let door = machine.bootstrap().await;
        let writers = (0..WRITERS).map(|number| Writer::new(number, WRITERS, seed)).collect();
        Self { machine, door, writers, random: Random::new(seed), paused: false, folder }
    }

    async fn round(&mut self, round: u64) {
        let (before, fault) = (self.millis(BEFORE_MS), self.fault());
        println!("round {round}: {fault:?} after {before:?}");
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = JoinSet::new();
        for writer in self.writers.drain(..) {
            running.spawn(writer.run(self.door.clone(), Arc::clone(&stop)));
        }
        tokio::time::sleep(before).await;
        let killed = self.strike(&fault).await;
        if !killed {
            tokio::time::sleep(before).await;
            stop.store(true, Ordering::Relaxed);
        }
        self.writers = running.join_all().await;
        if killed {
            self.door.authority = self.machine.start().await;
        }
        self.check(killed).await;
    }

    fn fault(&mut self) -> Fault {
        if !self.random.once_in(4) {
            let again = self.millis(STARTING_MS);
            return if self.random.once_in(4) { Fault::KillTwice(again) } else { Fault::Kill };
        }
        let pause = self.millis(PAUSE_MS);
        if !std::mem::replace(&mut self.paused, true) {
            return Fault::Pause(Duration::from_millis(LONG_PAUSE_MS));
        }
        if self.random.once_in(2) { Fault::PauseAndKill(pause) } else { Fault::Pause(pause) }
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.within(range))
    }

    /// Whether the server is gone.
    async fn strike(&mut self, fault: &Fault) -> bool {
        if let Fault::Pause(pause) | Fault::PauseAndKill(pause) = fault {
            self.machine.signal(Signal::STOP);
            tokio::time::sleep(*pause).await;
        }
        if let Fault::Pause(_) = fault {
            self.machine.signal(Signal::CONT);
            return false;
        }
        self.machine.kill().await;
        if let Fault::KillTwice(after) = fault {
            self.machine.start_and_kill(*after).await;
        }
        true
    }

    async fn check(&mut self, restarted: bool) {
        let mut client = self.door.client();
        let ready = client.get("/readyz").await.ok();
        assert_eq!(ready["status"], "ok", "{ready}");
        let look = Look::at(&self.machine).await;
        if restarted {
            look.nothing_is_left_open().await;
        }
        look.outcomes_arrive().await;
        look.check(&self.writers).await;
        for writer in &mut self.writers {
            writer.repeat(&mut client).await;
        }
        look.outcomes_arrive().await;
        look.check(&self.writers).await;
        look.close().await;
        self.machine.verify().await;
    }

    /// Everything is anchored once the server was stopped in order.
    async fn finish(mut self) -> usize {
        self.machine.stop().await;
        let report = self.machine.verify().await;
        println!("{report}");
        self.writers.iter().map(|writer| writer.acknowledged.len()).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_stopped_it_loses_doubles_and_hides_nothing() {
    let (rounds, seed) = (number("KAGEOS_FAULT_ROUNDS", ROUNDS), number("KAGEOS_FAULT_SEED", SEED));
    println!("KAGEOS_FAULT_ROUNDS={rounds} KAGEOS_FAULT_SEED={seed}");
    let mut campaign = Campaign::start(seed).await;
    for round in 1..=rounds {
        campaign.round(round).await;
    }
    let acknowledged = campaign.finish().await;
    println!("{rounds} faults, {acknowledged} acknowledged calls");
    assert!(acknowledged > 0, "somebody wrote");
}

#[expect(clippy::disallowed_methods, reason = "how long a campaign is, is said from outside")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
