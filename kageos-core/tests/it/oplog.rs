//! The operation log: order, durability, tampering, what is left open.

use std::sync::Arc;
use std::time::Duration;

use kageos_core::clock::ManualClock;
use kageos_core::platform::oplog::{
    self, ActivityQuery, Checker, Draft, Finding, GENESIS, Kept, Key, Log, Sealed, Status, Stored,
    hash_header, read_heads, verify,
};
use kageos_core::platform::usage;
use kageos_core::sql::{Db, SqlError, migrate, params, testing};
use kageos_core::{Call, Clock, Env, NodeId, StreamId};
use serde_json::json;

use crate::support::{HeadsFile, call, env, log_key};

async fn open(db: &Db, env: &Env, heads: &HeadsFile) -> Log {
    for (component, migrations) in [("oplog", oplog::MIGRATIONS), ("usage", usage::MIGRATIONS)] {
        migrate(db, component, migrations, env.now().as_micros()).await.unwrap();
    }
    Log::open(db.clone(), env.clone(), log_key(), heads.0.clone(), None).await.unwrap()
}

/// `count` calls with an intent each; every second one also has its outcome.
async fn write(log: &Log, env: &Env, count: u64) {
    for n in 0..count {
        let call = call(env, "/demo/crm/customer.table", "create", json!({ "n": n }));
        let node = NodeId::NIL;
        log.intent(Draft::intent(&call, node, env.now(), &call.input), None).await.unwrap().unwrap();
        if n % 2 == 0 {
            log.outcome(Draft::outcome(&call, node, env.now(), Status::Ok), None).await;
        }
    }
    log.flush().await.unwrap();
}

#[tokio::test]
async fn a_log_of_many_writers_is_one_sound_chain() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(1), HeadsFile::new(&env(1)));
        let log = open(&db, &env, &heads).await;
        let writers = (0..16).map(|_| {
            let (log, env) = (log.clone(), env.clone());
            tokio::spawn(async move { write(&log, &env, 40).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        log.close().await;
        let signed = read_heads(&heads.0).unwrap();
        let report = verify(&db, &signed, &log_key().verifying_key()).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.records, report.streams, report.unanchored), (16 * 60, 1, 0));
    }
}

#[tokio::test]
async fn an_intent_is_on_disk_when_it_is_acknowledged() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(2), HeadsFile::new(&env(2)));
        let log = open(&db, &env, &heads).await;
        let call = call(&env, "/demo/crm/customer.table", "create", json!({}));
        log.intent(Draft::intent(&call, NodeId::NIL, env.now(), &call.input), None).await.unwrap().unwrap();
        let sql = "SELECT COUNT(*) AS n FROM op_record";
        assert_eq!(db.fetch_one(sql, params![]).await.unwrap().int("n").unwrap(), 1);
    }
}

#[tokio::test]
async fn what_a_process_left_open_is_found_by_the_next_and_only_that() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(3), HeadsFile::new(&env(3)));
        let first = open(&db, &env, &heads).await;
        write(&first, &env, 10).await;
        // The first process is gone without a word.
        let second = open(&db, &env, &heads).await;
        assert!(second.left_open(None).await.unwrap().is_empty(), "it is not known yet that it has ended");
        assert_eq!(second.fence_ended().await.unwrap(), 1);
        let open = second.left_open(None).await.unwrap();
        assert_eq!(open.len(), 5);
        for intent in &open {
            second.outcome(Draft::recovered(&intent.header, env.now(), Status::NotApplied), None).await;
        }
        second.flush().await.unwrap();
        assert!(second.left_open(None).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_the_first_call_until_that_fails() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(4), HeadsFile::new(&env(4)));
        let log = open(&db, &env, &heads).await;
        let key = || Some(Key { scope: "scope".to_owned(), input_hash: "input".to_owned() });
        let calls: Vec<_> = (0..3).map(|_| call(&env, "/demo/crm/pay.form", "submit", json!({}))).collect();
        let intent = |n: usize| Draft::intent(&calls[n], NodeId::NIL, env.now(), &json!({}));
        let outcome = |n: usize, status| Draft::outcome(&calls[n], NodeId::NIL, env.now(), status);

        log.intent(intent(0), key()).await.unwrap().unwrap();
        let earlier = log.intent(intent(1), key()).await.unwrap().unwrap_err();
        assert_eq!((earlier.call, earlier.reply), (calls[0].id, Kept::Running));

        log.outcome(outcome(0, Status::Failed), None).await;
        log.intent(intent(1), key()).await.unwrap().unwrap();
        log.outcome(outcome(1, Status::Ok), Some("{\"done\":1}".into())).await;
        let earlier = log.intent(intent(2), key()).await.unwrap().unwrap_err();
        assert_eq!((earlier.call, earlier.reply), (calls[1].id, Kept::Reply("{\"done\":1}".into())));
    }
}

#[tokio::test]
async fn activity_is_listed_newest_first_by_path_and_paged_without_loss() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(5), HeadsFile::new(&env(5)));
        let log = open(&db, &env, &heads).await;
        for path in
            ["/demo/crm/a.table", "/demo/crm/sub/b.table", "/demo/crm_two/a.table", "/other/crm/a.table"]
        {
            for _ in 0..5 {
                let call = call(&env, path, "search", json!({}));
                log.settled(Draft::settled(&call, None, env.now(), Status::Ok)).await;
            }
        }
        for (path, expected) in [
            ("/demo", 15),
            ("/demo/crm", 10),
            ("/demo/crm/sub", 5),
            ("/demo/crm/a.table", 5),
            ("/demo/cr", 0),
        ] {
            let mut query = ActivityQuery { path: path.parse().unwrap(), limit: 2, next: None };
            let mut found = Vec::new();
            loop {
                let (items, next) = log.activity(&query).await.unwrap();
                found.extend(items.into_iter().map(|item| item.call));
                if next.is_none() {
                    break;
                }
                query.next = next;
            }
            assert_eq!(found.len(), expected, "{path}");
            assert!(found.is_sorted_by(|one, other| one > other), "{path}");
        }
    }
}

/// A chain of `count` records in memory, with a signed head at its end.
fn chain(env: &Env, count: i64) -> Vec<Stored> {
    let stream = StreamId::new(env);
    let mut prev = GENESIS.to_owned();
    let seal = |seq| {
        let call = call(env, "/demo/crm/customer.table", "create", json!({ "n": seq }));
        let sealed =
            Draft::intent(&call, NodeId::NIL, env.now(), &call.input).seal(stream, seq, &prev).unwrap();
        prev.clone_from(&sealed.hash);
        Stored { stream: stream.to_string(), seq, sealed }
    };
    (1..=count).map(seal).collect()
}

/// Changes the chain in one way that `dice` picks; answers `false` when that changed nothing.
fn tamper(records: &mut Vec<Stored>, dice: &mut impl FnMut(usize) -> usize) -> bool {
    let at = dice(records.len());
    let other = dice(records.len());
    let before = records.clone();
    match dice(9) {
        0 => flip(&mut records[at].sealed.header, dice),
        1 => flip(&mut records[at].sealed.hash, dice),
        2 => records[at].sealed.payload.as_mut().map(|text| flip(text, dice)).unwrap_or_default(),
        3 => records[at].sealed.payload = None,
        4 => drop(records.remove(at)),
        5 => records.insert(at, records[other].clone()),
        6 => records.swap(at, other),
        7 => records.truncate(at),
        _ => rewrite(records, at),
    }
    let same = before.len() == records.len()
        && before
            .iter()
            .zip(records.iter())
            .all(|(one, other)| one.sealed == other.sealed && one.seq == other.seq);
    !same
}

fn flip(text: &mut String, dice: &mut impl FnMut(usize) -> usize) {
    let at = dice(text.len());
    let byte = text.as_bytes()[at];
    let new = if byte == b'0' { '1' } else { '0' };
    text.replace_range(at..=at, &new.to_string());
}

/// The end of the chain written anew by somebody who knows how hashes are made.
fn rewrite(records: &mut [Stored], at: usize) {
    let mut prev = if at == 0 { GENESIS.to_owned() } else { records[at - 1].sealed.hash.clone() };
    for record in &mut records[at..] {
        let mut header: oplog::Header = serde_json::from_str(&record.sealed.header).unwrap();
        header.prev.clone_from(&prev);
        header.actor.name = "somebody else".to_owned();
        let Sealed { header, hash, .. } = header.seal(None).unwrap();
        assert_eq!(hash, hash_header(&header));
        prev.clone_from(&hash);
        (record.sealed.header, record.sealed.hash) = (header, hash);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a campaign is, is said from outside")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Every one of ten thousand random tamperings with an anchored chain is found; `KAGEOS_TAMPER_ROUNDS` and
/// `KAGEOS_TAMPER_SEED` make it more, and others.
#[tokio::test]
async fn tampering_is_found() {
    let (rounds, seed) = (number("KAGEOS_TAMPER_ROUNDS", 10_000), number("KAGEOS_TAMPER_SEED", 6));
    let (env, heads) = (env(seed), HeadsFile::new(&env(seed)));
    let records = chain(&env, 12);
    let signed = sign_last(&records, &heads).await;
    let check = |records: &[Stored]| {
        let mut checker = Checker::new(&signed, &log_key().verifying_key());
        records.iter().for_each(|record| checker.feed(record));
        checker.finish()
    };
    assert!(check(&records).is_sound());
    let mut dice = |sides: usize| u32::from_le_bytes(env.random()) as usize % sides;
    for round in 0..rounds {
        let mut tampered = records.clone();
        let changed = tamper(&mut tampered, &mut dice);
        assert_eq!(check(&tampered).is_sound(), !changed, "KAGEOS_TAMPER_SEED={seed}, round {round}");
    }
}

/// A head for the last record, signed as the log does it: by appending to a real log the same place and hash.
async fn sign_last(records: &[Stored], heads: &HeadsFile) -> Vec<oplog::SignedHead> {
    let last = records.last().unwrap();
    let mut file = oplog::Heads::new(log_key(), heads.0.clone());
    file.append(last.stream.parse().unwrap(), last.seq, &last.sealed.hash, crate::support::start()).unwrap();
    read_heads(&heads.0).unwrap()
}

#[tokio::test]
async fn an_edit_in_the_database_is_named_with_its_place() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(7), HeadsFile::new(&env(7)));
        let log = open(&db, &env, &heads).await;
        write(&log, &env, 10).await;
        log.close().await;
        let signed = read_heads(&heads.0).unwrap();
        db.execute("UPDATE op_record SET payload = '{}' WHERE seq = 4", params![]).await.unwrap();
        db.execute("DELETE FROM op_record WHERE seq = 15", params![]).await.unwrap();
        let report = verify(&db, &signed, &log_key().verifying_key()).await.unwrap();
        let found: Vec<_> = report.places.iter().map(|place| (place.seq, place.finding)).collect();
        assert_eq!(found, [(4, Finding::Payload), (15, Finding::Truncated)]);
    }
}

#[tokio::test]
async fn a_head_that_another_key_signed_counts_as_forged() {
    let (env, heads) = (env(8), HeadsFile::new(&env(8)));
    let records = chain(&env, 3);
    let signed = sign_last(&records, &heads).await;
    let stranger = oplog::SigningKey::from_bytes(&[9; 32]).verifying_key();
    let mut checker = Checker::new(&signed, &stranger);
    records.iter().for_each(|record| checker.feed(record));
    let report = checker.finish();
    assert_eq!((report.findings, report.places[0].finding, report.unanchored), (1, Finding::Forged, 3));
}

/// While the disk is full, reads pile up, changes are refused at once, and the log can still be closed in order.
#[tokio::test]
async fn a_full_disk_refuses_intents_and_loses_no_record() {
    let db = testing::sqlite().await.unwrap();
    let (env, heads) = (env(9), HeadsFile::new(&env(9)));
    let log = open(&db, &env, &heads).await;
    let limit = async |pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        let set: Result<i64, SqlError> = db
            .write_with(sql, |sql, tx| Box::pin(async move { tx.fetch_one(sql.clone(), &[]).await?.int(0) }))
            .await;
        set.unwrap()
    };
    let full = limit(1).await;
    for n in 0..1_200 {
        let call = call(&env, "/demo/crm/customer.table", "search", json!({ "n": n }));
        log.settled(Draft::settled(&call, None, env.now(), Status::Ok).payload(&call.input)).await;
    }
    let change = call(&env, "/demo/crm/customer.table", "create", json!({ "text": "x".repeat(50_000) }));
    let intent = log.intent(Draft::intent(&change, NodeId::NIL, env.now(), &change.input), None);
    let refused = tokio::time::timeout(Duration::from_secs(5), intent).await.expect("answered at once");
    assert!(matches!(refused, Err(SqlError::DiskFull { .. })), "{refused:?}");
    limit(full + 100_000).await;
    log.flush().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), log.close()).await.expect("closed");
    let report = verify(&db, &read_heads(&heads.0).unwrap(), &log_key().verifying_key()).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.records, 1_200);
}

/// A commit took place and nobody was told: whoever waits is, and nothing is written twice.
#[tokio::test]
async fn a_commit_of_unknown_fate_is_acknowledged_when_it_is_there() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(11), HeadsFile::new(&env(11)));
        let log = open(&db, &env, &heads).await;
        let change = || call(&env, "/demo/crm/pay.form", "submit", json!({}));
        let intent = |call: &Call| Draft::intent(call, NodeId::NIL, env.now(), &json!({}));
        let (first, second, third) = (change(), change(), change());
        db.lose_answers(1);
        assert_eq!(log.intent(intent(&first), None).await.unwrap().unwrap(), 1);
        assert!(log.is_pending(first.id).await.unwrap());
        // Of an outcome nobody waits for the answer; it must not come twice.
        db.lose_answers(1);
        log.outcome(Draft::outcome(&first, NodeId::NIL, env.now(), Status::Ok), None).await;
        log.flush().await.unwrap();
        assert!(!log.is_pending(first.id).await.unwrap());
        // One that did not take place is refused, and its place is the next one's.
        db.fail_writes(1);
        assert!(matches!(log.intent(intent(&second), None).await, Err(SqlError::ConnectionLost { .. })));
        assert!(!log.is_pending(second.id).await.unwrap());
        assert_eq!(log.intent(intent(&third), None).await.unwrap().unwrap(), 3);
        // An outcome that could not be written is written later, once.
        db.fail_writes(1);
        log.outcome(Draft::outcome(&third, NodeId::NIL, env.now(), Status::Ok), None).await;
        while log.is_pending(third.id).await.unwrap() {
            let _ = log.flush().await;
        }
        log.close().await;
        let report = verify(&db, &read_heads(&heads.0).unwrap(), &log_key().verifying_key()).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.records, report.unanchored), (4, 0));
    }
}

/// While the log is held nothing is appended, and the place that it is held at is signed.
#[tokio::test]
async fn a_held_log_stands_still_until_it_is_let_go() {
    for db in testing::engines().await.unwrap() {
        let (env, heads) = (env(12), HeadsFile::new(&env(12)));
        let log = open(&db, &env, &heads).await;
        write(&log, &env, 4).await;
        let held = log.hold().await.unwrap();
        assert_eq!(held.seq, 6);
        let signed = read_heads(&heads.0).unwrap();
        assert_eq!(signed.last().unwrap().seq, 6);
        let waiting = tokio::spawn({
            let (log, env) = (log.clone(), env.clone());
            async move { write(&log, &env, 1).await }
        });
        for _ in 0..20 {
            tokio::task::yield_now().await;
            let records = db.fetch_one("SELECT COUNT(*) AS n FROM op_record", &[]).await.unwrap();
            assert_eq!(records.int("n").unwrap(), 6);
        }
        assert!(!waiting.is_finished());
        held.release().unwrap();
        waiting.await.unwrap();
        drop(log.hold().await.unwrap());
        write(&log, &env, 1).await;
        log.close().await;
        let report = verify(&db, &read_heads(&heads.0).unwrap(), &log_key().verifying_key()).await.unwrap();
        assert_eq!((report.is_sound(), report.records, report.unanchored), (true, 10, 0));
    }
}

#[tokio::test]
async fn a_key_that_a_crash_left_behind_is_settled_with_its_call_and_runs_out_after_a_day() {
    for db in testing::engines().await.unwrap() {
        let clock = Arc::new(ManualClock::at(crate::support::start()));
        let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..env(10) };
        let heads = HeadsFile::new(&env);
        let first = open(&db, &env, &heads).await;
        let key = || Some(Key { scope: "scope".to_owned(), input_hash: "input".to_owned() });
        let change = || call(&env, "/demo/crm/pay.form", "submit", json!({}));
        let intent = |call: &Call| Draft::intent(call, NodeId::NIL, env.now(), &json!({}));
        first.intent(intent(&change()), key()).await.unwrap().unwrap();

        let second = open(&db, &env, &heads).await;
        second.fence_ended().await.unwrap();
        let left = second.left_open(None).await.unwrap();
        second.outcome(Draft::recovered(&left[0].header, env.now(), Status::NotApplied), None).await;
        second.intent(intent(&change()), key()).await.unwrap().expect("the key is free again");
        second.intent(intent(&change()), key()).await.unwrap().expect_err("and taken again");
        clock.advance(Duration::from_secs(25 * 60 * 60));
        second.intent(intent(&change()), key()).await.unwrap().expect("a day later it has run out");
        assert_eq!(second.sweep(env.now()).await.unwrap(), 0);
        clock.advance(Duration::from_secs(25 * 60 * 60));
        assert_eq!(second.sweep(env.now()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_line_that_was_cut_short_does_not_spoil_the_next_head() {
    let (env, file) = (env(8), HeadsFile::new(&env(8)));
    let mut heads = oplog::Heads::new(log_key(), file.0.clone());
    let stream = StreamId::new(&env);
    heads.append(stream, 1, GENESIS, env.now()).unwrap();
    let whole = std::fs::read(&file.0).unwrap();
    std::fs::write(&file.0, [&whole[..], &whole[..40]].concat()).unwrap();
    heads.append(stream, 2, GENESIS, env.now()).unwrap();
    let places: Vec<i64> = read_heads(&file.0).unwrap().iter().map(|head| head.seq).collect();
    assert_eq!(places, [1, 2]);
}
