//! The runtime nodes that a server hears, and which of them is to run an app.

use std::{collections::HashMap, time::Duration};

use kageos_core::{Code, Error, Result, platform::release::RuntimePlace};
use tokio::time::Instant;

use super::wire::{NodeBeat, VERSION};

/// A node that says nothing for so long is not heard any more.
pub(super) const SILENT: Duration = Duration::from_secs(3);
/// What a node may need beyond a lease to end what it runs.
const ENDS: Duration = Duration::from_secs(3);
/// Most nodes that are kept in mind.
const MAX_NODES: usize = 1000;
/// Longest name of a node or a label.
const MAX_NAME: usize = 64;
/// Most labels of a node.
const MAX_LABELS: usize = 32;

/// The nodes that were heard.
#[derive(Debug)]
pub(super) struct Known {
    nodes: HashMap<String, Heard>,
    /// When it was begun to listen.
    since: Instant,
    lease: Duration,
}

#[derive(Debug)]
struct Heard {
    beat: NodeBeat,
    at: Instant,
    /// Apps that have a place there, of this server.
    placed: u32,
}

impl Heard {
    fn is_there(&self, now: Instant) -> bool {
        now < self.at + SILENT && !self.beat.ended
    }

    /// How many apps it has, with those that it does not tell of yet.
    fn apps(&self) -> u32 {
        self.beat.apps.max(self.placed)
    }
}

/// A node that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) life: String,
    pub(super) sandbox: String,
}

/// Whether nothing runs any more in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freed {
    Yes,
    /// Its node tells.
    Ask,
    /// The node is not heard; what it ran has ended at this moment.
    At(Instant),
}

/// Whether a word may be the name of a node or a label, and part of a subject.
pub(crate) fn is_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !word.is_empty() && word.len() <= MAX_NAME && word.chars().all(plain)
}

impl Known {
    pub(super) fn new(now: Instant, lease: Duration) -> Self {
        Self { nodes: HashMap::new(), since: now, lease }
    }

    /// Takes in what a node says of itself.
    pub(super) fn hear(&mut self, beat: NodeBeat, now: Instant) {
        let names = [&beat.name, &beat.life].into_iter().chain(&beat.labels);
        if beat.labels.len() > MAX_LABELS || !names.into_iter().all(|name| is_name(name)) {
            tracing::warn!(node = beat.name, "a runtime node has a name or a label that is none");
            return;
        }
        let room = self.nodes.len() < MAX_NODES;
        match self.nodes.get_mut(&beat.name) {
            // Two nodes have one name; the first keeps it.
            Some(heard) if heard.beat.life != beat.life && heard.is_there(now) => {
                tracing::warn!(
                    node = beat.name,
                    "two runtime nodes have the same name, or one started again"
                );
            }
            Some(heard) => (heard.beat, heard.at) = (beat, now),
            None if !room => {}
            None => {
                tracing::info!(node = beat.name, sandbox = beat.sandbox, "a runtime node is there");
                self.nodes.insert(beat.name.clone(), Heard { beat, at: now, placed: 0 });
            }
        }
    }

    fn heard(&self, now: Instant) -> impl Iterator<Item = &Heard> {
        self.nodes.values().filter(move |heard| heard.is_there(now))
    }

    /// The lives that are heard.
    pub(super) fn lives(&self, now: Instant) -> Vec<String> {
        let mut lives: Vec<_> = self.heard(now).map(|heard| heard.beat.life.clone()).collect();
        lives.sort_unstable();
        lives
    }

    fn at(&self, place: &RuntimePlace, now: Instant) -> Option<&Heard> {
        let heard = self.nodes.get(&place.node)?;
        (heard.beat.life == place.life && heard.is_there(now)).then_some(heard)
    }

    /// Whether the node of a place is heard.
    pub(super) fn hears(&self, place: &RuntimePlace, now: Instant) -> bool {
        self.at(place, now).is_some()
    }

    /// Whether the node of a place is about to end.
    pub(super) fn is_leaving(&self, place: &RuntimePlace, now: Instant) -> bool {
        self.at(place, now).is_some_and(|heard| heard.beat.leaving)
    }

    /// Whether nothing runs any more in a place. A node that this server has not heard for a while, and is told so by
    /// hearing nothing, ends what it runs; so does one whose server is another process now.
    pub(super) fn freed(&self, place: &RuntimePlace, now: Instant) -> Freed {
        let last = match self.nodes.get(&place.node) {
            Some(heard) if heard.beat.life != place.life || heard.beat.ended => return Freed::Yes,
            Some(heard) if now < heard.at + SILENT => return Freed::Ask,
            Some(heard) => heard.at,
            None => self.since,
        };
        let ended = last + SILENT + self.lease + ENDS;
        if now < ended { Freed::At(ended) } else { Freed::Yes }
    }

    /// The node that has the most room, of those with all these labels.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason that there is none.
    pub(super) fn choose(&self, labels: &[String], now: Instant) -> Result<Chosen> {
        let load = |heard: &Heard| f64::from(heard.apps()) / f64::from(heard.beat.capacity.max(1));
        let usable =
            self.heard(now).filter(|heard| unusable(&heard.beat, labels).is_none() && load(heard) < 1.0);
        let best = usable.min_by(|one, other| {
            load(one).total_cmp(&load(other)).then_with(|| one.beat.name.cmp(&other.beat.name))
        });
        match best {
            Some(Heard { beat, .. }) => {
                Ok(Chosen { name: beat.name.clone(), life: beat.life.clone(), sandbox: beat.sandbox.clone() })
            }
            None => {
                let there = self.told(labels, now);
                let message = format!("No runtime node has room for the app: {there}.");
                Err(Error::new(Code::Unavailable, message))
            }
        }
    }

    /// Counts an app at a node, or one less.
    pub(super) fn count(&mut self, node: &str, placed: bool) {
        if let Some(heard) = self.nodes.get_mut(node) {
            heard.placed = if placed { heard.placed + 1 } else { heard.placed.saturating_sub(1) };
        }
    }

    /// Which nodes there are, in words.
    pub(super) fn told(&self, labels: &[String], now: Instant) -> String {
        let mut told: Vec<_> = self
            .heard(now)
            .map(|heard| match (&heard.beat, unusable(&heard.beat, labels)) {
                (beat, Some(why)) => format!("{} {why}", beat.name),
                (NodeBeat { name, capacity, sandbox, .. }, None) => {
                    format!("{name} runs {} of {capacity} apps ({sandbox})", heard.apps())
                }
            })
            .collect();
        told.sort_unstable();
        match told.len() {
            0 => "none is there".to_owned(),
            _ => told.join(", "),
        }
    }
}

/// Why a node is not used.
fn unusable(beat: &NodeBeat, labels: &[String]) -> Option<String> {
    if beat.version != VERSION {
        return Some(format!("speaks version {} and not {VERSION}", beat.version));
    }
    if let Some(trouble) = &beat.trouble {
        return Some(format!("starts nothing: {}", trouble.trim_end_matches('.')));
    }
    if beat.leaving {
        return Some("is about to end".to_owned());
    }
    if !beat.sealed {
        return Some("has no sandbox".to_owned());
    }
    let missing: Vec<_> = labels.iter().filter(|label| !beat.labels.contains(label)).cloned().collect();
    (!missing.is_empty()).then(|| format!("lacks the label {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn beat(name: &str, life: &str) -> NodeBeat {
        NodeBeat {
            version: VERSION,
            name: name.to_owned(),
            life: life.to_owned(),
            labels: vec!["eu".to_owned()],
            capacity: 10,
            apps: 0,
            sandbox: "bubblewrap".to_owned(),
            sealed: true,
            leaving: false,
            ended: false,
            trouble: None,
        }
    }

    fn place(node: &str, life: &str) -> RuntimePlace {
        RuntimePlace { node: node.to_owned(), life: life.to_owned(), token: 1 }
    }

    #[test]
    fn the_node_with_the_most_room_is_chosen() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        known.hear(NodeBeat { apps: 3, ..beat("a", "1") }, now);
        known.hear(NodeBeat { apps: 5, capacity: 100, ..beat("b", "1") }, now);
        assert_eq!(known.choose(&[], now).unwrap().name, "b");
        (0..60).for_each(|_| known.count("b", true));
        assert_eq!(known.choose(&[], now).unwrap().name, "a", "what was placed meanwhile counts");
        known.count("b", false);
        (0..40).for_each(|_| known.count("b", false));
        assert_eq!(known.choose(&[], now).unwrap().name, "b");
    }

    #[test]
    fn why_no_node_is_used_is_told_for_each() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        assert!(known.choose(&[], now).unwrap_err().message.contains("none is there"));
        known.hear(NodeBeat { version: 2, ..beat("a", "1") }, now);
        known.hear(NodeBeat { leaving: true, ..beat("b", "1") }, now);
        known.hear(NodeBeat { sealed: false, ..beat("c", "1") }, now);
        known.hear(NodeBeat { trouble: Some("no memory limit.".to_owned()), ..beat("d", "1") }, now);
        known.hear(beat("e", "1"), now);
        known.hear(NodeBeat { apps: 10, labels: vec!["gpu".to_owned()], ..beat("f", "1") }, now);
        known.hear(beat("not a name", "1"), now);
        let why = known.choose(&["gpu".to_owned()], now).unwrap_err();
        assert_eq!(why.code, Code::Unavailable);
        assert_eq!(
            why.message,
            "No runtime node has room for the app: a speaks version 2 and not 1, b is about to end, c has no sandbox, \
             d starts nothing: no memory limit, e lacks the label gpu, f runs 10 of 10 apps (bubblewrap)."
        );
        assert!(known.choose(&[], now + SILENT).unwrap_err().message.contains("none is there"));
    }

    #[test]
    fn a_place_is_free_once_its_node_says_so_or_cannot_run_it_any_more() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        let of = place("a", "1");
        let ended = now + SILENT + LEASE + ENDS;
        assert_eq!(known.freed(&of, now), Freed::At(ended), "a server that starts knows of nothing");
        known.hear(beat("a", "1"), now);
        assert_eq!(known.freed(&of, now), Freed::Ask);
        assert!(known.hears(&of, now) && !known.hears(&of, now + SILENT));
        assert_eq!(known.freed(&of, now + SILENT), Freed::At(ended));
        assert_eq!(known.freed(&of, ended), Freed::Yes);
        // Another process of that name does not count while the first is heard.
        known.hear(beat("a", "2"), now);
        assert_eq!(known.freed(&of, now), Freed::Ask);
        known.hear(beat("a", "2"), now + SILENT);
        assert_eq!(known.freed(&of, now + SILENT), Freed::Yes);
        // One that has ended in order says so.
        let (of, now) = (place("a", "2"), now + SILENT);
        assert_eq!(known.freed(&of, now), Freed::Ask);
        known.hear(NodeBeat { leaving: true, ended: true, ..beat("a", "2") }, now);
        assert_eq!(known.freed(&of, now), Freed::Yes);
        known.hear(beat("a", "3"), now);
        assert!(known.hears(&place("a", "3"), now), "it has started again at once");
    }
}
