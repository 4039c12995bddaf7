//! Figures: they equal a recount of the log, whatever was written, by how many, and when.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kageos_core::clock::ManualClock;
use kageos_core::entropy::SeededEntropy;
use kageos_core::platform::oplog::{self, Draft, Header, Log, RecordKind, Status};
use kageos_core::platform::usage::{self, Durations, Tally, Usage};
use kageos_core::sql::{Db, migrate, params, testing};
use kageos_core::{Code, Env, NodeId, Timestamp};
use serde_json::json;

use crate::support::{HeadsFile, call, log_key, start};

const HOUR_US: i64 = 3_600_000_000;
const ENDS: [Status; 4] = [Status::Ok, Status::Failed, Status::NotApplied, Status::Unknown];

/// A log on a database, at a time that the test moves.
struct World {
    db: Db,
    env: Env,
    clock: Arc<ManualClock>,
    heads: HeadsFile,
    nodes: Vec<NodeId>,
}

/// What a look at every record counts.
#[derive(Debug, Default, PartialEq)]
struct Recount {
    calls: u64,
    failed: u64,
    refused: u64,
    last_at: Option<Timestamp>,
    micros: Vec<i64>,
}

impl World {
    fn new(db: Db, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let env =
            Env { clock: Arc::<ManualClock>::clone(&clock), entropy: Arc::new(SeededEntropy::new(seed)) };
        let nodes = (0..6).map(|_| NodeId::new(&env)).collect();
        Self { db, heads: HeadsFile::new(&env), nodes, env, clock }
    }

    async fn open(&self) -> Log {
        for (component, migrations) in [("oplog", oplog::MIGRATIONS), ("usage", usage::MIGRATIONS)] {
            migrate(&self.db, component, migrations, self.env.now().as_micros()).await.unwrap();
        }
        Log::open(self.db.clone(), self.env.clone(), log_key(), self.heads.0.clone(), None).await.unwrap()
    }

    /// Every record that settles a call, each call once.
    async fn settled(&self) -> Vec<Header> {
        let sql = "SELECT header FROM op_record ORDER BY stream_id, seq";
        let rows = self.db.fetch_all(sql, params![]).await.unwrap();
        let mut seen = HashSet::new();
        let headers = rows.iter().map(|row| serde_json::from_str(row.text("header").unwrap()).unwrap());
        headers
            .filter(|header: &Header| header.kind != RecordKind::Intent)
            .filter(|header| header.kind == RecordKind::Final || seen.insert(header.call))
            .collect()
    }

    /// Compares the figures of nodes, each alone and all together, with a look at every record.
    async fn check(&self, what: &str) {
        let settled = self.settled().await;
        let now = self.env.now().as_micros();
        let (first_hour, first_day) = (now.div_euclid(HOUR_US) - 24, now.div_euclid(24 * HOUR_US) - 30);
        let usage = Usage::new(self.db.clone(), self.env.clone());
        let sets = self.nodes.iter().map(|node| vec![*node]).chain([self.nodes.clone(), Vec::new()]);
        for nodes in sets {
            let figures = usage.figures(&nodes).await.unwrap();
            let of_nodes =
                || settled.iter().filter(|header| header.node.is_some_and(|id| nodes.contains(&id)));
            let hour = |header: &Header| header.at.as_micros().div_euclid(HOUR_US);
            let day = Recount::of(of_nodes().filter(|header| hour(header) >= first_hour));
            let month = Recount::of(of_nodes().filter(|header| hour(header).div_euclid(24) >= first_day));
            day.equals(&figures.day, what);
            month.equals(&figures.month, what);
            assert_eq!(figures.last_at, Recount::of(of_nodes()).last_at, "{what}");
        }
    }

    async fn rows(&self, span: &str) -> i64 {
        let sql = "SELECT COUNT(*) AS n FROM usage_tally WHERE span = ?";
        self.db.fetch_one(sql, params![span]).await.unwrap().int("n").unwrap()
    }
}

impl Recount {
    fn of<'a>(headers: impl Iterator<Item = &'a Header>) -> Self {
        let mut sum = Self::default();
        for header in headers {
            let times = 1 + u64::from(header.repeated);
            match header.status {
                Status::Refused => sum.refused += times,
                status => {
                    sum.calls += times;
                    sum.failed += if status == Status::Ok { 0 } else { times };
                    sum.last_at = sum.last_at.max(Some(header.at));
                    sum.micros.extend(header.duration_us);
                }
            }
        }
        sum.micros.sort_unstable();
        sum
    }

    fn equals(&self, tally: &Tally, what: &str) {
        assert_eq!(
            (tally.calls, tally.failed, tally.refused),
            (self.calls, self.failed, self.refused),
            "{what}"
        );
        assert_eq!(tally.last_at, self.last_at, "{what}");
        assert_eq!(tally.durations.count(), self.micros.len() as u64, "{what}");
        for (share, found) in [(0.5, tally.p50()), (0.95, tally.p95())] {
            near(&self.micros, share, found);
        }
    }
}

/// A quantile of a histogram is off by less than 10 % from the one of the sorted list.
#[track_caller]
fn near(sorted: &[i64], share: f64, found: Option<Duration>) {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let exact = rank.checked_sub(1).map(|at| sorted[at] as f64);
    assert_eq!(exact.is_some(), found.is_some());
    if let (Some(exact), Some(found)) = (exact, found) {
        let factor = found.as_secs_f64() * 1e6 / exact;
        assert!((0.9..1.1).contains(&factor), "{share}: {found:?} for {exact} µs");
    }
}

fn below(env: &Env, limit: u64) -> u64 {
    u64::from_le_bytes(env.random()) % limit
}

/// From ten microseconds to about an hour, as often short as long.
fn some_duration(env: &Env) -> Duration {
    Duration::from_micros(10 * (1 << below(env, 28)) + below(env, 7))
}

/// Writes what a door writes: reads, failures, refusals that were counted, calls with an intent, some of which are
/// settled twice and some not at all.
async fn write(log: &Log, world: &World, count: usize) {
    let env = &world.env;
    for _ in 0..count {
        let node = world.nodes[below(env, world.nodes.len() as u64) as usize];
        let call = call(env, "/demo/crm/customer.table", "create", json!({}));
        let end = ENDS[below(env, 4) as usize];
        let outcome = || Draft::outcome(&call, node, env.now(), end).duration(some_duration(env));
        let settled = |status| Draft::settled(&call, Some(node), env.now(), status);
        match below(env, 8) {
            0 | 1 => log.settled(settled(Status::Ok).duration(some_duration(env))).await,
            2 => log.settled(settled(Status::Failed).code(Some(Code::Conflict))).await,
            3 => log.settled(settled(Status::Refused).repeated(below(env, 9) as u32)).await,
            4 => log.settled(Draft::settled(&call, None, env.now(), Status::Refused)).await,
            kind => {
                log.intent(Draft::intent(&call, node, env.now(), &json!({})), None).await.unwrap().unwrap();
                for _ in 5..kind {
                    log.outcome(outcome(), None).await;
                }
            }
        }
        world.clock.advance(Duration::from_secs(below(env, 1_200)));
    }
    log.flush().await.unwrap();
}

#[tokio::test]
async fn figures_equal_a_recount_of_the_log() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let world = World::new(db.db(), 70 + seed as u64);
        let first = world.open().await;
        write(&first, &world, 120).await;
        world.check("one writer").await;

        // That process is gone without a word; the next one settles what it left, one call even twice.
        let second = world.open().await;
        for intent in second.left_open(None).await.unwrap() {
            for _ in 0..2 {
                second
                    .outcome(Draft::recovered(&intent.header, world.env.now(), Status::NotApplied), None)
                    .await;
            }
        }
        second.flush().await.unwrap();
        world.check("what was left open").await;

        let third = world.open().await;
        tokio::join!(write(&second, &world, 60), write(&third, &world, 60));
        world.check("two writers at once").await;
    }
}

#[tokio::test]
async fn a_call_belongs_to_the_hour_in_which_it_ended() {
    for db in testing::engines().await.unwrap() {
        let world = World::new(db.db(), 80);
        let log = world.open().await;
        for minutes in [0, 59, 1, 60] {
            world.clock.advance(Duration::from_secs(minutes * 60));
            let call = call(&world.env, "/demo/crm/customer.table", "search", json!({}));
            log.settled(Draft::settled(&call, Some(world.nodes[0]), world.env.now(), Status::Ok)).await;
        }
        log.flush().await.unwrap();
        // 00:00 and 00:59, then 01:00, then 02:00.
        assert_eq!(world.rows("hour").await, 3);
        world.check("three hours").await;
        world.clock.advance(Duration::from_secs(22 * 3_600 + 3_599));
        world.check("a second before the first hour leaves the day").await;
        world.clock.advance(Duration::from_secs(1));
        world.check("and at that moment").await;
    }
}

#[tokio::test]
async fn hours_become_days_and_days_end() {
    for (seed, db) in testing::engines().await.unwrap().into_iter().enumerate() {
        let world = World::new(db.db(), 90 + seed as u64);
        let log = world.open().await;
        write(&log, &world, 200).await;
        world.clock.advance(Duration::from_secs(50 * 3_600));
        let hours = world.rows("hour").await;
        assert!(hours > 40, "{hours}");
        // A log that ends folds what has passed; two that end at once fold it once.
        let other = world.open().await;
        tokio::join!(log.close(), other.close());
        // Where both met, one has left it to the next time.
        world.open().await.close().await;
        assert_eq!(world.rows("hour").await, 0);
        assert!(world.rows("day").await > 0);
        world.check("days").await;

        world.clock.advance(Duration::from_secs(60 * 24 * 3_600));
        world.check("the last use of what was not used for two months").await;
        world.clock.advance(Duration::from_secs(400 * 24 * 3_600));
        world.open().await.close().await;
        assert_eq!(world.rows("day").await, 0, "a year later nothing is left");
    }
}

#[tokio::test]
async fn a_hot_node_costs_one_row() {
    let db = testing::sqlite().await.unwrap();
    let world = World::new(db.db(), 95);
    let log = world.open().await;
    for _ in 0..2_000 {
        let call = call(&world.env, "/demo/crm/customer.table", "search", json!({}));
        log.settled(Draft::settled(&call, Some(world.nodes[0]), world.env.now(), Status::Ok)).await;
    }
    log.flush().await.unwrap();
    assert_eq!(world.rows("hour").await, 1);
    world.check("two thousand calls").await;
}

#[test]
fn a_histogram_is_off_by_less_than_a_tenth() {
    let env = crate::support::env(96);
    let (mut all, mut sum) = (Vec::new(), Durations::default());
    for _ in 0..50 {
        let mut part = Durations::default();
        for _ in 0..below(&env, 40) {
            let micros = some_duration(&env).as_micros() as i64;
            all.push(micros);
            part.add(micros);
        }
        assert_eq!(part.to_string().parse(), Ok(part.clone()));
        sum.merge(&part);
    }
    all.sort_unstable();
    for share in [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0] {
        near(&all, share, sum.quantile(share));
    }
    assert_eq!(Durations::default().quantile(0.5), None);
    for text in ["1", "x:1", "1:x", "110:1", "1:-1"] {
        assert!(text.parse::<Durations>().is_err(), "{text}");
    }
    sum.add(i64::MIN);
    sum.add(i64::MAX);
    assert_eq!(sum.count(), all.len() as u64 + 2);
}
