//! Two servers on one database, with NATS between them and without.

use std::{sync::Arc, time::Duration};

use kageos_core::{
    Env, Role, StreamId,
    bus::{
        Bus,
        nats::{NatsBus, NatsOptions},
        testing::{delete_stream, nats_url},
    },
    platform::oplog::Seat,
    sql::testing::{self, TestDb},
};
use kageos_server::Config;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    events::{listen, make},
    site::{Person, Site},
};

/// What SECURITY.md promises of two servers with NATS between them …
const WITH_NATS: Duration = Duration::from_secs(1);
/// … and without; the time of a request on a busy machine comes on top.
const ALONE: Duration = Duration::from_secs(3);

struct Two {
    one: Site,
    other: Site,
    /// The prefix of their events.
    nats: Option<String>,
}

impl Two {
    async fn on(db: &TestDb, nats: bool) -> Self {
        let prefix = format!("test_{}", StreamId::new(&Env::system()));
        let open = async |node: &str| {
            let seat =
                Seat { node: node.to_owned(), holder: node.to_owned(), lease: Duration::from_secs(60) };
            let bus: Option<Arc<dyn Bus>> = match nats_url().filter(|_| nats) {
                Some(url) => {
                    let options = NatsOptions::new(url, StreamId::new(&Env::system())).prefix(&prefix);
                    Some(Arc::new(NatsBus::open(options).await.unwrap()))
                }
                None => None,
            };
            let dir = tempfile::tempdir().unwrap();
            Site::among(dir, db.options(), Config::default(), Some(seat), bus).await
        };
        let (one, other) = (open("one").await, open("other").await);
        let nats = nats.then(|| prefix.clone());
        Self { one, other, nats }
    }

    async fn close(self) {
        self.one.platform.close().await;
        self.other.platform.close().await;
        if let (Some(prefix), Some(url)) = (self.nats, nats_url()) {
            delete_stream(&url, &prefix).await.unwrap();
        }
    }
}

/// Runs on every engine, with NATS when this machine offers it, else the sweep alone keeps the bound of without.
async fn with_nats(test: impl AsyncFn(&Two)) {
    if nats_url().is_none() {
        return println!("skipped: no NATS");
    }
    each_engine(true, test).await;
}

async fn each_engine(nats: bool, test: impl AsyncFn(&Two)) {
    for db in testing::engines().await.unwrap() {
        let two = Two::on(&db, nats).await;
        test(&two).await;
        two.close().await;
    }
}

/// Asks until the answer has this status, and fails when that takes longer than `most`.
async fn becomes(person: &Person, path: &str, status: u16, most: Duration) {
    let begun = Instant::now();
    loop {
        let asked = begun.elapsed();
        let answer = person.get(path).await;
        if answer.status == status {
            assert!(asked <= most, "{path} became {status} after {asked:?}");
            return;
        }
        assert!(asked < 4 * most, "{path} is {} after {asked:?}", answer.status);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const NOTES: &str = "/api/v1/node/demo/notes";

async fn revokes(two: &Two, most: Duration) {
    let (system, ada) = (two.one.system().await, two.one.person("ada").await);
    let there = ada.at(&two.other);
    let input = json!({ "subject": { "kind": "user", "id": ada.id }, "role": "viewer" });
    let made = system.call("/demo/notes", "grant", input).await.json();
    becomes(&there, NOTES, 200, most).await;
    let revoke = json!({ "grant": made["output"]["grant"] });
    assert_eq!(system.call("/demo/notes", "revoke", revoke).await.status, 200);
    becomes(&there, NOTES, 404, most).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_revoked_on_one_server_ends_access_on_the_other_within_a_second() {
    with_nats(async |two| revokes(two, WITH_NATS).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_a_grant_revoked_on_one_server_ends_access_on_the_other_soon() {
    each_engine(false, async |two| revokes(two, ALONE).await).await;
}

async fn shuts_out(two: &Two, login: &str, most: Duration, shut: impl AsyncFn(&Person, &Person)) {
    let system = two.one.system().await;
    let person = two.one.person_with(login, "/demo", Role::Viewer).await;
    let there = person.at(&two.other);
    becomes(&there, NOTES, 200, most).await;
    let mut events = listen(&there, None).await;
    shut(&system, &person).await;
    becomes(&there, NOTES, 401, most).await;
    while events.next().await.is_some() {}
}

async fn every_end(two: &Two, most: Duration) {
    let logout = async |_: &Person, person: &Person| {
        assert_eq!(person.ask("DELETE", "/api/v1/session").send().await.status, 204);
    };
    let disable = async |system: &Person, person: &Person| {
        let user = format!("/api/v1/users/{}", person.id);
        assert_eq!(system.send("PATCH", &user, &json!({ "disabled": true })).await.status, 200);
    };
    let password = async |system: &Person, person: &Person| {
        let user = format!("/api/v1/users/{}", person.id);
        let changed = system.send("PATCH", &user, &json!({ "password": "another horse battery" })).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    shuts_out(two, "ada", most, logout).await;
    shuts_out(two, "bob", most, disable).await;
    shuts_out(two, "cid", most, password).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_shut_out_on_one_server_is_so_on_the_other_and_its_stream_ends() {
    with_nats(async |two| every_end(two, WITH_NATS).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_who_is_shut_out_on_one_server_is_so_on_the_other() {
    each_engine(false, async |two| every_end(two, ALONE).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_on_one_server_is_told_and_seen_on_the_other() {
    with_nats(async |two| {
        let system = two.one.system().await;
        let there = system.at(&two.other);
        let mut events = listen(&there, None).await;
        make(&system, "one").await;
        loop {
            let event = events.next().await.unwrap();
            if (event.name.as_str(), event.data["path"].as_str()) == ("tree", Some("/demo/notes/one")) {
                break;
            }
        }
        let seen = there.get("/api/v1/node/demo/notes/one").await;
        assert_eq!(seen.status, 200, "who is told of it finds it there");
        let call = there.call("/demo/notes/note.table", "create", json!({})).await.json();
        let mut here = listen(&system, None).await;
        there.call("/demo/notes/note.table", "create", json!({})).await.json();
        let event = here.next().await.unwrap();
        assert_eq!(event.name, "change", "{call}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_the_other_server_sees_the_tree_and_tells_its_listeners_to_read_again() {
    each_engine(false, async |two| {
        let system = two.one.system().await;
        let there = system.at(&two.other);
        let mut events = listen(&there, None).await;
        make(&system, "one").await;
        assert_eq!(events.next().await.unwrap().name, "reset");
        assert_eq!(there.get("/api/v1/node/demo/notes/one").await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_on_at_the_other_server_without_a_gap() {
    with_nats(async |two| {
        let mut here = two.one.system().await;
        let mut there = here.at(&two.other);
        let mut events = listen(&here, None).await;
        make(&here, "begin").await;
        let mut last = events.next().await.unwrap().id;
        for round in 0..6 {
            drop(events);
            let code = format!("round{round}");
            make(if round % 3 == 0 { &there } else { &here }, &code).await;
            std::mem::swap(&mut here, &mut there);
            events = listen(&here, Some(&last)).await;
            loop {
                let event = events.next().await.unwrap();
                assert_ne!(event.name, "reset");
                last = event.id;
                if event.data["path"] == format!("/demo/notes/{code}") {
                    break;
                }
            }
        }
    })
    .await;
}
