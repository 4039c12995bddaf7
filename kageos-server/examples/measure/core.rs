//! What costs without storage and without HTTP.

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use kageos_core::{
    ActionName, ActionSchema, Actor, ActorKind, CallId, Clock, Effect, Effects, Env, Error, FunctionEntry,
    FunctionSchema, GrantId, Host, HostCall, HostError, HostReply, Kind, Manifest, NodeId, Receipt,
    ResourcePath, Right, Role, SystemClock, UserId,
    manifest::SCHEMA_VERSION,
    platform::access::{AccessSnapshot, Grant, Subject},
};
use serde_json::{Value, json, value::RawValue};

use crate::door::Place;

const CALLS: u32 = 20_000;
const NODES: usize = 10_000;
const GRANTS: usize = 1_000;
const ACTORS: usize = 100;
const DECISIONS: u32 = 1_000_000;
const SEARCHES: u32 = 50;
const ROUNDS: u32 = 5;

/// Answers at once.
#[derive(Debug)]
struct Nothing(Arc<Manifest>);

#[async_trait]
impl Host for Nothing {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.0)
    }

    async fn call(&self, _: HostCall) -> Result<HostReply, HostError> {
        let output: Arc<RawValue> = RawValue::NULL.to_owned().into();
        Ok(HostReply::read(output))
    }

    async fn receipt(&self, _: CallId) -> Result<Option<Receipt>, Error> {
        Ok(None)
    }
}

/// All of it, as JSON.
pub(crate) async fn measure() -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let place = Place::open(folder.path()).await?;
    let dispatch_us = dispatch(&place).await?;
    let (search_ms, nodes) = search(&place).await?;
    place.platform.close().await;
    let (first_ns, cached_ns) = decisions();
    Ok(json!({ "dispatch_us": dispatch_us, "tree_search_ms": search_ms, "tree_nodes": nodes,
        "access_first_ns": first_ns, "access_cached_ns": cached_ns }))
}

/// The shortest of some rounds, for one of `count`.
fn each(rounds: &[Duration], count: u32) -> f64 {
    let best = rounds.iter().min().copied().unwrap_or_default();
    best.as_secs_f64() / f64::from(count)
}

fn function(path: String, title: String) -> FunctionEntry {
    let run = ActionSchema {
        name: ActionName::RUN,
        title: "Run".to_owned(),
        right: Right::Read,
        effect: Effect::of(Effects::READS),
        input: json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "additionalProperties": false }),
        output: json!({}),
    };
    let (description, tags) = (String::new(), Vec::new());
    let schema = FunctionSchema { kind: Kind::Fn, title, description, tags, actions: vec![run], table: None };
    FunctionEntry { path, schema }
}

fn host(functions: usize) -> Arc<Nothing> {
    let functions = (0..functions).map(|n| function(format!("f{n}.fn"), format!("Function number {n}")));
    Arc::new(Nothing(Arc::new(Manifest {
        schema_version: SCHEMA_VERSION,
        app: "bench".to_owned(),
        title: "Bench".to_owned(),
        description: String::new(),
        directories: Vec::new(),
        functions: functions.collect(),
        egress: kageos_core::Egress::default(),
    })))
}

/// A call from resolving to the event, its record written behind.
async fn dispatch(place: &Place) -> Result<f64> {
    let workspace: ResourcePath = "/bench/nothing".parse()?;
    place.platform.mount(&workspace, place.actor.id.context("an id")?, host(1)).await?;
    let (path, clock) = ("/bench/nothing/f0.fn".parse()?, SystemClock::new());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = clock.monotonic();
        for n in 0..CALLS {
            black_box(place.call(&path, ActionName::RUN, json!({ "n": n })).await?);
        }
        rounds.push(clock.monotonic() - begun);
    }
    Ok(each(&rounds, CALLS) * 1e6)
}

async fn search(place: &Place) -> Result<(f64, usize)> {
    let workspace: ResourcePath = "/bench/many".parse()?;
    place.platform.mount(&workspace, place.actor.id.context("an id")?, host(NODES)).await?;
    let (tree, clock) = (place.platform.tree().snapshot(), SystemClock::new());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = clock.monotonic();
        for _ in 0..SEARCHES {
            let visible = |node: &kageos_core::platform::tree::Node| {
                let rights = place.platform.access().rights(&place.actor, &node.chain, &node.path);
                rights.contains(Right::Read)
            };
            black_box(tree.search("function 99", visible));
        }
        rounds.push(clock.monotonic() - begun);
    }
    Ok((each(&rounds, SEARCHES) * 1e3, tree.len()))
}

/// Nanoseconds of a decision that nobody made before, and of one from the cache.
fn decisions() -> (f64, f64) {
    let (env, clock) = (Env::system(), SystemClock::new());
    let tops: Vec<_> = (0..100).map(|_| [NodeId::new(&env), NodeId::new(&env)]).collect();
    let chain = |n: usize| [tops[n % 100].as_slice(), &[NodeId::new(&env), NodeId::new(&env)]].concat();
    let chains: Vec<Vec<NodeId>> = (0..NODES).map(chain).collect();
    let actors: Vec<Actor> =
        (0..ACTORS).map(|_| Actor::principal(ActorKind::User, UserId::new(&env), "someone")).collect();
    let grants = (0..GRANTS).filter_map(|n| {
        let (chain, user) = (&chains[n * 7 % NODES], actors[n % ACTORS].id?);
        Some(Grant {
            id: GrantId::new(&env),
            node: chain[n % chain.len()],
            subject: Subject::User(user),
            role: Role::Member,
            deny: false,
            expires_at: None,
            created_at: env.now(),
            created_by: None,
        })
    });
    let snapshot = AccessSnapshot::new(1, grants, HashMap::new());
    let (now, Ok(path)) = (env.now(), "/a/b/c/d.table".parse()) else { return (f64::NAN, f64::NAN) };
    let ask = |count: u32| {
        let begun = clock.monotonic();
        for n in 0..count as usize {
            black_box(snapshot.rights(&actors[n % ACTORS], &chains[n % NODES], &path, now));
        }
        clock.monotonic() - begun
    };
    // The first pass meets each pair for the first time; the second finds all in the cache.
    let first = ask(NODES as u32);
    let rounds: Vec<Duration> = (0..ROUNDS).map(|_| ask(DECISIONS)).collect();
    (each(&[first], NODES as u32) * 1e9, each(&rounds, DECISIONS) * 1e9)
}
