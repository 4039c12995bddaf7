//! The runtime nodes that a server hears, and which of them is to run an app.
//!
//! No clock is compared with another one. A node numbers what it says; a server names the number that it heard last, and
//! the node counts its lease from when it had *said* that. So whatever waited on the way makes no lease longer, and a place
//! is free a lease after its node was heard last.

use std::{collections::HashMap, time::Duration};

use kageos_core::{Code, Error, Result, platform::release::RuntimePlace};
use tokio::time::Instant;

use super::wire::{NodeBeat, VERSION};

/// A node that says nothing for so long is not heard any more, at least.
pub(super) const SILENT: Duration = Duration::from_secs(2);
/// What a node may need beyond a lease to end what it runs.
const ENDS: Duration = Duration::from_secs(3);
/// How long a node comes last that could not start something.
const AVOIDED: Duration = Duration::from_secs(30);
/// Most nodes that are kept in mind.
const MAX_NODES: usize = 1000;
/// Longest name of a node or a label.
const MAX_NAME: usize = 64;
/// Most labels of a node.
const MAX_LABELS: usize = 32;
/// Longest text of a node that is told to people, in characters.
const MAX_TOLD: usize = 200;

/// The nodes that were heard.
#[derive(Debug)]
pub(super) struct Known {
    nodes: HashMap<String, Heard>,
    /// When it was begun to listen.
    since: Instant,
    lease: Duration,
    /// More nodes were heard than are kept in mind.
    full: bool,
}

#[derive(Debug)]
struct Heard {
    beat: NodeBeat,
    at: Instant,
    /// Lives before, while something that they ran may run on.
    before: Vec<(String, Instant)>,
    /// Apps that have a place there, of this server.
    placed: u32,
    /// When it could not start something.
    failed: Option<Instant>,
}

impl Heard {
    fn is_there(&self, now: Instant, lease: Duration) -> bool {
        now < self.at + silent(lease) && !self.beat.ended
    }

    /// How much of its room is taken, also by apps that it does not tell of yet.
    fn load(&self) -> f64 {
        f64::from(self.apps()) / f64::from(self.beat.capacity.max(1))
    }

    fn apps(&self) -> u32 {
        self.beat.apps.max(self.placed)
    }

    fn is_avoided(&self, now: Instant) -> bool {
        self.failed.is_some_and(|at| now < at + AVOIDED)
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
    /// The process of its node is over.
    Over,
    /// Its node was not heard for so long that what it ran has ended.
    Elapsed,
    /// Its node tells.
    Ask,
    /// The node is not heard; what it ran has ended at this moment.
    At(Instant),
}

/// How long a node may say nothing: a machine that is busy for a moment is not lost.
pub(super) fn silent(lease: Duration) -> Duration {
    (lease / 3).max(SILENT)
}

/// Whether a word may be the name of a node or a label, and part of a subject.
pub(crate) fn is_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !word.is_empty() && word.len() <= MAX_NAME && word.chars().all(plain)
}

impl Known {
    pub(super) fn new(now: Instant, lease: Duration) -> Self {
        Self { nodes: HashMap::new(), since: now, lease, full: false }
    }

    /// Takes in what the node of this name says of itself.
    pub(super) fn hear(&mut self, name: &str, mut beat: NodeBeat, now: Instant) {
        let words = [&beat.name, &beat.life].into_iter().chain(&beat.labels);
        if beat.name != name || beat.labels.len() > MAX_LABELS || !words.into_iter().all(|word| is_name(word))
        {
            return tracing::warn!(node = name, "a runtime node says what is not understood");
        }
        beat.sandbox = shortened(&beat.sandbox);
        beat.trouble = beat.trouble.as_deref().map(shortened);
        let ended = self.lease + ENDS;
        if let Some(heard) = self.nodes.get_mut(name) {
            if heard.beat.life == beat.life {
                // What was overtaken on the way is no news.
                if beat.number > heard.beat.number {
                    (heard.beat, heard.at) = (beat, now);
                }
                return;
            }
            if heard.is_there(now, self.lease) {
                return tracing::warn!(node = name, "two runtime nodes have this name, or one started again");
            }
            // On the same folder it has ended what ran there.
            let over = heard.beat.ended || beat.before.as_ref() == Some(&heard.beat.life);
            heard.before.retain(|(_, until)| now < *until);
            if !over {
                heard.before.push((heard.beat.life.clone(), heard.at + ended));
            }
            (heard.beat, heard.at, heard.failed) = (beat, now, None);
            return;
        }
        if self.nodes.len() >= MAX_NODES {
            self.nodes.retain(|_, heard| now < heard.at + ended || heard.placed > 0);
        }
        let full = self.nodes.len() >= MAX_NODES;
        if full && !self.full {
            tracing::warn!(node = name, "there are more runtime nodes than this server keeps in mind");
        }
        self.full = full;
        if !full {
            tracing::info!(node = name, sandbox = beat.sandbox, "a runtime node is there");
            let heard = Heard { beat, at: now, before: Vec::new(), placed: 0, failed: None };
            self.nodes.insert(name.to_owned(), heard);
        }
    }

    fn heard(&self, now: Instant) -> impl Iterator<Item = &Heard> {
        self.nodes.values().filter(move |heard| heard.is_there(now, self.lease))
    }

    /// The lives that are heard, and the last number of each.
    pub(super) fn lives(&self, now: Instant) -> HashMap<String, u64> {
        self.heard(now).map(|heard| (heard.beat.life.clone(), heard.beat.number)).collect()
    }

    fn at(&self, place: &RuntimePlace, now: Instant) -> Option<&Heard> {
        let heard = self.nodes.get(&place.node)?;
        (heard.beat.life == place.life && heard.is_there(now, self.lease)).then_some(heard)
    }

    /// The last number of the node of a place, when it is heard.
    pub(super) fn number(&self, place: &RuntimePlace, now: Instant) -> Option<u64> {
        self.at(place, now).map(|heard| heard.beat.number)
    }

    /// Whether the node of a place is about to end.
    pub(super) fn is_leaving(&self, place: &RuntimePlace, now: Instant) -> bool {
        self.at(place, now).is_some_and(|heard| heard.beat.leaving)
    }

    /// Whether nothing runs any more in a place.
    pub(super) fn freed(&self, place: &RuntimePlace, now: Instant) -> Freed {
        let ended = self.lease + ENDS;
        let heard = self.nodes.get(&place.node);
        let before = heard.and_then(|heard| heard.before.iter().find(|(life, _)| *life == place.life));
        let at = match (heard, before) {
            (Some(heard), _) if heard.beat.life == place.life => match heard.is_there(now, self.lease) {
                true => return Freed::Ask,
                false if heard.beat.ended => return Freed::Over,
                false => heard.at + ended,
            },
            // It says itself that this was the life of its folder before.
            (Some(heard), _) if heard.beat.before.as_ref() == Some(&place.life) => return Freed::Over,
            (_, Some((_, until))) => *until,
            _ => self.since + ended,
        };
        if now < at { Freed::At(at) } else { Freed::Elapsed }
    }

    /// The node that has the most room, of those with all these labels.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the reason that there is none.
    pub(super) fn choose(&self, labels: &[String], now: Instant) -> Result<Chosen> {
        let usable = self
            .heard(now)
            .filter(|heard| unusable(&heard.beat, labels).is_none() && heard.apps() < heard.beat.capacity);
        let best = usable.min_by(|one, other| {
            let avoided = one.is_avoided(now).cmp(&other.is_avoided(now));
            let name = || one.beat.name.cmp(&other.beat.name);
            avoided.then_with(|| one.load().total_cmp(&other.load())).then_with(name)
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

    /// A node could not start something: others come first for a while.
    pub(super) fn avoid(&mut self, node: &str, now: Instant) {
        if let Some(heard) = self.nodes.get_mut(node) {
            heard.failed = Some(now);
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

/// A text that people read, of a node that may say anything.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TOLD).collect()
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
            number: 1,
            before: None,
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

    fn hear(known: &mut Known, beat: NodeBeat, now: Instant) {
        let name = beat.name.clone();
        known.hear(&name, beat, now);
    }

    #[test]
    fn the_node_with_the_most_room_is_chosen() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        hear(&mut known, NodeBeat { apps: 3, ..beat("a", "1") }, now);
        hear(&mut known, NodeBeat { apps: 5, capacity: 100, ..beat("b", "1") }, now);
        assert_eq!(known.choose(&[], now).unwrap().name, "b");
        (0..60).for_each(|_| known.count("b", true));
        assert_eq!(known.choose(&[], now).unwrap().name, "a", "what was placed meanwhile counts");
        (0..41).for_each(|_| known.count("b", false));
        assert_eq!(known.choose(&[], now).unwrap().name, "b");
        // One that could not start something comes last, until it is alone.
        known.avoid("b", now);
        assert_eq!(known.choose(&[], now).unwrap().name, "a");
        known.avoid("a", now);
        assert_eq!(known.choose(&[], now).unwrap().name, "b");
    }

    #[test]
    fn why_no_node_is_used_is_told_for_each() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        assert!(known.choose(&[], now).unwrap_err().message.contains("none is there"));
        hear(&mut known, NodeBeat { version: 1, ..beat("a", "1") }, now);
        hear(&mut known, NodeBeat { leaving: true, ..beat("b", "1") }, now);
        hear(&mut known, NodeBeat { sealed: false, ..beat("c", "1") }, now);
        let trouble = Some(format!("no\nmemory limit{}", "x".repeat(1000)));
        hear(&mut known, NodeBeat { trouble, ..beat("d", "1") }, now);
        hear(&mut known, beat("e", "1"), now);
        hear(&mut known, NodeBeat { apps: 10, labels: vec!["gpu".to_owned()], ..beat("f", "1") }, now);
        hear(&mut known, beat("not a name", "1"), now);
        known.hear("another", beat("g", "1"), now);
        let why = known.choose(&["gpu".to_owned()], now).unwrap_err();
        assert_eq!(why.code, Code::Unavailable);
        assert_eq!(
            why.message.replace(&"x".repeat(MAX_TOLD - "nomemory limit".len()), ""),
            "No runtime node has room for the app: a speaks version 1 and not 2, b is about to end, c has no sandbox, \
             d starts nothing: nomemory limit, e lacks the label gpu, f runs 10 of 10 apps (bubblewrap)."
        );
        assert!(known.choose(&[], now + silent(LEASE)).unwrap_err().message.contains("none is there"));
    }

    #[test]
    fn a_place_is_free_once_its_node_says_so_or_cannot_run_it_any_more() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        let of = place("a", "1");
        let ended = now + LEASE + ENDS;
        assert_eq!(known.freed(&of, now), Freed::At(ended), "a server that starts knows of nothing");
        hear(&mut known, beat("a", "1"), now);
        assert_eq!(known.freed(&of, now), Freed::Ask);
        assert!(known.number(&of, now).is_some() && known.number(&of, now + silent(LEASE)).is_none());
        assert_eq!(known.freed(&of, now + silent(LEASE)), Freed::At(ended));
        assert_eq!(known.freed(&of, ended), Freed::Elapsed);
        // Another one of that name does not count while the first is heard.
        hear(&mut known, beat("a", "2"), now);
        assert_eq!(known.freed(&of, now), Freed::Ask);
        // On another machine, the first may still run.
        hear(&mut known, beat("a", "2"), now + silent(LEASE));
        assert_eq!(known.freed(&of, now + silent(LEASE)), Freed::At(ended));
        // Whatever becomes of the other one meanwhile.
        let later = now + silent(LEASE) * 2;
        hear(&mut known, NodeBeat { number: 2, ended: true, ..beat("a", "2") }, later);
        hear(&mut known, beat("a", "2b"), later);
        assert_eq!(known.freed(&of, later), Freed::At(ended));
        assert_eq!(known.freed(&of, ended), Freed::Elapsed);
        // One that started again on its folder has ended what ran there.
        hear(&mut known, NodeBeat { before: Some("2b".to_owned()), ..beat("a", "3") }, ended);
        assert_eq!(known.freed(&place("a", "2b"), ended), Freed::Over);
        // And one that ends in order says so.
        let of = place("a", "3");
        assert_eq!(known.freed(&of, ended), Freed::Ask);
        hear(&mut known, NodeBeat { number: 2, leaving: true, ended: true, ..beat("a", "3") }, ended);
        assert_eq!(known.freed(&of, ended), Freed::Over);
        hear(&mut known, beat("a", "4"), ended);
        assert!(known.number(&place("a", "4"), ended).is_some(), "it has started again at once");
    }

    #[test]
    fn what_was_overtaken_on_the_way_is_no_news() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        hear(&mut known, NodeBeat { number: 7, ..beat("a", "1") }, now);
        hear(&mut known, NodeBeat { number: 6, ..beat("a", "1") }, now + silent(LEASE));
        assert_eq!(known.lives(now), HashMap::from([("1".to_owned(), 7)]));
        assert!(known.lives(now + silent(LEASE)).is_empty());
    }

    #[test]
    fn nodes_that_are_gone_make_room_for_others() {
        let now = Instant::now();
        let mut known = Known::new(now, LEASE);
        (0..=MAX_NODES).for_each(|at| hear(&mut known, beat(&format!("n{at}"), "1"), now));
        assert_eq!(known.lives(now).len(), 1, "they all have one life here");
        assert_eq!(known.nodes.len(), MAX_NODES);
        let later = now + LEASE + ENDS;
        hear(&mut known, beat("late", "1"), later);
        assert_eq!(known.nodes.len(), 1);
    }
}
