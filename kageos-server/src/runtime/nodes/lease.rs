//! Until when a node may run what servers have asked it to.
//!
//! A node numbers what it says of itself, and a server names the last number that it heard. A lease counts from when that
//! was said, so whatever waited on the way, there or back, makes it no longer.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// What a node has said lately: in a quarter of an hour, at its usual pace.
const REMEMBERED: usize = 2048;
/// Longest lease.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// What a node has said, and who has heard it.
#[derive(Debug, Default)]
pub(super) struct Leases {
    number: u64,
    /// When the last things were said, the newest last.
    said: VecDeque<(u64, Instant)>,
    /// Until when each server holds the node for being there.
    until: HashMap<String, Instant>,
}

impl Leases {
    /// Says something; answers its number.
    pub(super) fn say(&mut self, now: Instant) -> u64 {
        self.number += 1;
        self.said.push_back((self.number, now));
        if self.said.len() > REMEMBERED {
            self.said.pop_front();
        }
        self.number
    }

    /// When that was said; `None` when it was long ago, or never.
    pub(super) fn said(&self, number: u64) -> Option<Instant> {
        self.said.iter().rev().find(|(said, _)| *said == number).map(|(_, at)| *at)
    }

    /// A server has heard what was said under a number; answers whether its lease holds.
    pub(super) fn named(&mut self, server: &str, lease: Duration, number: u64, now: Instant) -> bool {
        let Some(until) = self.said(number).map(|at| at + lease.min(LONGEST)) else { return false };
        if now >= until {
            return false;
        }
        match self.until.get_mut(server) {
            // One that has run out stays so until what ran under it is told to end.
            Some(lease) if now >= *lease => return false,
            Some(lease) => *lease = until.max(*lease),
            None => drop(self.until.insert(server.to_owned(), until)),
        }
        true
    }

    /// Forgets the leases that have run out; what runs for their servers has to end.
    pub(super) fn run_out(&mut self, now: Instant) {
        self.until.retain(|_, until| now < *until);
    }

    pub(super) fn holds(&self, server: &str) -> bool {
        self.until.contains_key(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[test]
    fn a_lease_counts_from_when_the_node_had_said_what_the_server_heard() {
        let now = Instant::now();
        let mut leases = Leases::default();
        let first = leases.say(now);
        let then = now + LEASE - Duration::from_secs(1);
        // It waited nine seconds on the way, and is good for one more.
        assert!(leases.named("a", LEASE, first, then));
        leases.run_out(then);
        assert!(leases.holds("a"));
        leases.run_out(now + LEASE);
        assert!(!leases.holds("a"));
        assert!(!leases.named("a", LEASE, first, now + LEASE), "what is too old begins none");
        assert!(!leases.named("a", LEASE, first + 1, now), "nobody has said that");
    }

    #[test]
    fn a_lease_that_has_run_out_is_not_renewed_before_that_was_seen() {
        let now = Instant::now();
        let mut leases = Leases::default();
        let first = leases.say(now);
        assert!(leases.named("a", LEASE, first, now) && leases.named("b", LEASE, first, now));
        let later = now + LEASE;
        let second = leases.say(later);
        assert!(!leases.named("a", LEASE, second, later));
        leases.run_out(later);
        assert!(!leases.holds("a") && !leases.holds("b"));
        assert!(leases.named("a", LEASE, second, later) && leases.holds("a") && !leases.holds("b"));
    }

    #[test]
    fn an_older_number_makes_a_lease_no_shorter_and_no_lease_is_endless() {
        let now = Instant::now();
        let mut leases = Leases::default();
        let first = leases.say(now);
        let later = now + Duration::from_secs(5);
        let second = leases.say(later);
        assert!(leases.named("a", LEASE, second, later) && leases.named("a", LEASE, first, later));
        leases.run_out(now + LEASE);
        assert!(leases.holds("a"));
        assert!(leases.named("b", Duration::MAX, second, later));
        leases.run_out(later + LONGEST);
        assert!(!leases.holds("b"));
    }
}
