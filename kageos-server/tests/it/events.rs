//! The event stream.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use kageos_core::{Role, bus::EventBody};
use serde_json::{Value, json};

use crate::site::{Person, Site};

/// Longest wait for an event, or for the end of a stream whose caller is let in no more: what SECURITY.md promises.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Heard {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

pub(crate) async fn listen(person: &Person, last: Option<&str>) -> Heard {
    let ask = person.ask("GET", "/api/v1/events");
    let ask =
        last.map_or_else(|| person.ask("GET", "/api/v1/events"), |last| ask.header("last-event-id", last));
    let (parts, body) = ask.open().await.into_parts();
    assert_eq!(parts.headers["content-type"], "text/event-stream");
    assert!(!parts.headers.contains_key("content-encoding"));
    Heard { body: body.into_data_stream(), text: String::new() }
}

impl Heard {
    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = block.lines().filter_map(|line| line.strip_prefix(name));
                    lines.next().unwrap_or_default().trim().to_owned()
                };
                let event = Event {
                    id: field("id:"),
                    name: field("event:"),
                    data: serde_json::from_str(&field("data:")).unwrap_or_default(),
                };
                self.text = rest.to_owned();
                return Some(event);
            }
            let part = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("nothing was told");
            self.text.push_str(std::str::from_utf8(&part?.unwrap()).unwrap());
        }
    }
}

pub(crate) async fn make(person: &Person, code: &str) {
    let made = person.call("/demo/notes", "create_directory", json!({ "code": code, "title": code })).await;
    assert_eq!(made.status, 200, "{made:?}");
}

#[tokio::test]
async fn what_happens_is_told_to_those_who_may_read_it() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo/notes/note.table", Role::Viewer).await;
    let (mut by_system, mut by_ada) = (listen(&system, None).await, listen(&ada, None).await);
    make(&system, "one").await;
    let heard = by_system.next().await.unwrap();
    assert_eq!((heard.name.as_str(), heard.data["path"].as_str().unwrap()), ("tree", "/demo/notes/one"));
    let made = system.call("/demo/notes/note.table", "create", json!({})).await.json();
    let heard = by_ada.next().await.unwrap();
    assert_eq!(heard.name, "change", "the directory above is not hers to see");
    let data =
        json!({ "path": "/demo/notes/note.table", "action": "create", "call": made["call"], "rows": ["42"] });
    assert_eq!(heard.data, data);
}

#[tokio::test]
async fn a_listener_that_comes_back_misses_nothing() {
    let site = Site::new().await;
    let system = site.system().await;
    let mut listener = listen(&system, None).await;
    make(&system, "one").await;
    let last = listener.next().await.unwrap().id;
    drop(listener);
    make(&system, "two").await;
    let mut again = listen(&system, Some(&last)).await;
    let mut names = Vec::new();
    while names.last().map(String::as_str) != Some("/demo/notes/two") {
        let event = again.next().await.unwrap();
        assert_ne!(event.name, "reset");
        assert_ne!(event.id, last);
        names.push(event.data["path"].as_str().unwrap().to_owned());
    }
}

#[tokio::test]
async fn a_listener_that_missed_something_is_told_so() {
    let site = Site::new().await;
    let system = site.system().await;
    for last in ["nonsense", "01j0000000000000000000000a-1"] {
        assert_eq!(listen(&system, Some(last)).await.next().await.unwrap().name, "reset", "{last}");
    }
}

#[tokio::test]
async fn a_session_that_ends_cuts_its_stream() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo", Role::Viewer).await;
    let mut listener = listen(&ada, None).await;
    assert_eq!(ada.ask("DELETE", "/api/v1/session").send().await.status, 204);
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn an_account_that_is_shut_out_is_cut_off() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person_with("ada", "/demo", Role::Viewer).await);
    let mut listener = listen(&ada, None).await;
    let off = system.send("PATCH", &format!("/api/v1/users/{}", ada.id), &json!({ "disabled": true })).await;
    assert_eq!(off.status, 200);
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let site = Site::new().await;
    let system = site.system().await;
    let mut listener = listen(&system, None).await;
    site.server.stop();
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn what_is_gone_is_told_without_its_name() {
    let site = Site::new().await;
    let system = site.system().await;
    let ada = site.person_with("ada", "/demo", Role::Viewer).await;
    make(&system, "secret").await;
    site.grant(ada.id, "/demo/notes/secret", Role::Viewer, true).await;
    let (mut by_system, mut by_ada) = (listen(&system, None).await, listen(&ada, None).await);
    system.call("/demo/notes/secret", "delete", json!({})).await.json();
    assert_eq!(by_system.next().await.unwrap().data["path"], "/demo/notes/secret");
    let heard = by_ada.next().await.unwrap();
    assert_eq!((heard.name.as_str(), heard.data["path"].as_str().unwrap()), ("tree", "/demo/notes"));
}

#[tokio::test]
async fn a_grant_that_ends_ends_what_its_stream_tells() {
    let site = Site::new().await;
    let table = "/demo/notes/note.table";
    let (system, ada) = (site.system().await, site.person_with("ada", table, Role::Viewer).await);
    let input = json!({ "subject": { "kind": "user", "id": ada.id }, "role": "viewer" });
    let grant = system.call("/demo/notes", "grant", input).await.json()["output"]["grant"].clone();
    let (mut by_system, mut by_ada) = (listen(&system, None).await, listen(&ada, None).await);
    make(&system, "one").await;
    assert_eq!(by_ada.next().await.unwrap().data["path"], "/demo/notes/one");
    system.call("/demo/notes", "revoke", json!({ "grant": grant })).await.json();
    make(&system, "two").await;
    system.call(table, "create", json!({})).await.json();
    // Up to what both may still read.
    let heard = async |by: &mut Heard| {
        let mut paths = Vec::new();
        while paths.last().is_none_or(|path| path != table) {
            paths.push(by.next().await.unwrap().data["path"].as_str().unwrap_or_default().to_owned());
        }
        paths
    };
    assert!(heard(&mut by_system).await.contains(&"/demo/notes/two".to_owned()));
    assert!(!heard(&mut by_ada).await.contains(&"/demo/notes/two".to_owned()));
}

#[tokio::test]
async fn that_a_log_grew_is_for_those_who_administer_the_workspace() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person_with("ada", "/demo/notes", Role::Member).await);
    let (mut by_system, mut by_ada) = (listen(&system, None).await, listen(&ada, None).await);
    site.platform.events().publish(EventBody::Log { path: "/demo/notes".parse().unwrap() });
    make(&system, "one").await;
    let heard = by_system.next().await.unwrap();
    assert_eq!((heard.name.as_str(), &heard.data), ("log", &json!({ "path": "/demo/notes" })));
    assert_eq!(by_ada.next().await.unwrap().name, "tree");
}
