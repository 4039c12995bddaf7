//! Figures of a path: what the caller may see, and no more.

use kageos_core::Role;
use serde_json::{Value, json};

use crate::site::{Person, Site};

/// The figures, once everything before is written.
async fn overview(site: &Site, person: &Person, path: &str) -> Value {
    site.platform.log().flush().await.unwrap();
    person.get(&format!("/api/v1/overview{path}")).await.json()
}

#[tokio::test]
async fn figures_count_what_went_through_the_door() {
    let site = Site::new().await;
    let (system, ada) = (site.system().await, site.person_with("ada", "/demo/notes", Role::Member).await);
    let empty = overview(&site, &ada, "/demo/notes").await;
    assert_eq!((&empty["functions"], &empty["docs"]), (&json!(2), &json!(1)));
    assert_eq!(empty["rows"], Value::Null, "this host does not know its rows");
    assert_eq!((&empty["day"]["calls"], &empty["last_call_at"]), (&json!(0), &Value::Null));
    assert_eq!(empty["month"]["p50_ms"], Value::Null);

    let say = "/demo/notes/say.form";
    for text in ["hi", "you", "gone"] {
        ada.call(say, "submit", json!({ "text": text })).await;
    }
    let tried = json!({ "action": "submit", "input": {}, "dry_run": true });
    ada.send("POST", &format!("/api/v1/call{say}"), &tried).await;
    ada.call(say, "submit", json!({ "text": "far too long" })).await.refused("invalid_input");
    ada.call(say, "fly", json!({})).await.refused("unknown_action");
    ada.call("/demo/notes/note.table", "search", json!({})).await;

    let form = overview(&site, &ada, say).await;
    assert_eq!(form["functions"], 1);
    for span in ["day", "month"] {
        let figures = &form[span];
        assert_eq!(
            (&figures["calls"], &figures["failed"], &figures["refused"]),
            (&json!(4), &json!(1), &json!(2))
        );
        assert!(figures["p50_ms"].as_f64().unwrap() <= figures["p95_ms"].as_f64().unwrap());
    }
    let directory = overview(&site, &ada, "/demo/notes").await;
    assert_eq!(directory["day"]["calls"], 5);
    assert!(directory["last_call_at"].is_string());
    // After a move the figures are where the node is.
    let all = overview(&site, &system, "/demo").await;
    assert_eq!(all["day"]["calls"], 5);
    assert_eq!(overview(&site, &system, "/demo/notes").await["day"], directory["day"]);
}

#[tokio::test]
async fn what_is_hidden_is_in_no_figure() {
    let site = Site::new().await;
    let system = site.system().await;
    for path in ["/demo/notes/note.table", "/demo/notes/say.form"] {
        let action = if path.ends_with("table") { "search" } else { "submit" };
        system.call(path, action, json!({})).await;
    }
    let ada = site.person_with("ada", "/demo/notes", Role::Viewer).await;
    site.grant(ada.id, "/demo/notes/say.form", Role::Viewer, true).await;
    let seen = overview(&site, &ada, "/demo/notes").await;
    assert_eq!((&seen["functions"], &seen["day"]["calls"]), (&json!(1), &json!(1)));
    assert_eq!(overview(&site, &system, "/demo/notes").await["day"]["calls"], 2);
    ada.get("/api/v1/overview/demo/notes/say.form").await.refused("not_found");
    ada.get("/api/v1/overview/demo").await.refused("not_found");
    ada.get("/api/v1/overview/demo/notes/none.form").await.refused("not_found");
}
