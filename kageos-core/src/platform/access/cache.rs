//! Decisions that were made, kept as long as their snapshot.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{PoisonError, RwLock},
};

use super::Decision;
use crate::{NodeId, Rights, Timestamp, UserId};

/// Parts that lock apart, so that readers on many threads seldom meet.
const SHARDS: usize = 64;
/// Decisions in one part: in all 131,072, about 25 MB at common depths, enough for 100 people on a whole tree
/// of a thousand nodes. A part that is full starts anew, which costs less than keeping an order of use.
const MAX_PER_SHARD: usize = 2048;

type Key = (UserId, NodeId);

/// A bounded map from (user, node) to the decision, valid for one chain of nodes and one snapshot.
#[derive(Debug)]
pub(super) struct DecisionCache {
    hasher: RandomState,
    shards: Box<[RwLock<HashMap<Key, Entry>>]>,
}

/// The chain belongs to the entry because a move changes it without changing any grant.
#[derive(Debug)]
struct Entry {
    chain: Box<[NodeId]>,
    decision: Decision,
}

impl DecisionCache {
    pub(super) fn new() -> Self {
        let shards = std::iter::repeat_with(RwLock::default).take(SHARDS).collect();
        Self { hasher: RandomState::new(), shards }
    }

    /// What was decided for `user` on this chain, if that still holds at `now`.
    pub(super) fn get(&self, user: UserId, chain: &[NodeId], now: Timestamp) -> Option<Rights> {
        let key = (user, *chain.last()?);
        let shard = self.shard(&key).read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.get(&key).filter(|entry| *entry.chain == *chain)?;
        let holds = entry.decision.until.is_none_or(|until| now < until);
        holds.then_some(entry.decision.rights)
    }

    pub(super) fn put(&self, user: UserId, chain: &[NodeId], decision: Decision) {
        let Some(node) = chain.last() else { return };
        let key = (user, *node);
        let mut shard = self.shard(&key).write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MAX_PER_SHARD && !shard.contains_key(&key) {
            shard.clear();
        }
        shard.insert(key, Entry { chain: chain.into(), decision });
    }

    fn shard(&self, key: &Key) -> &RwLock<HashMap<Key, Entry>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}
