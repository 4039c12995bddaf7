//! Calls by their id over HTTP and with `kagectl`.

use std::time::Duration;

use kageos_core::Role;
use serde_json::{Value, json};

use crate::site::{Person, Site};

const FORM: &str = "/api/v1/call/demo/notes/say.form";

/// Submits the form for somebody who does not want to wait.
async fn begin(person: &Person, text: &str, prefer: &str) -> crate::ask::Answer {
    let body = json!({ "action": "submit", "input": { "text": text } });
    person.ask("POST", FORM).header("prefer", prefer).json(&body).send().await
}

/// The state at an address once the call has ended.
async fn end(person: &Person, address: &str) -> Value {
    loop {
        let state = person.get(address).await.json();
        if state["status"] != "pending" {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_long_call_is_answered_before_its_end_and_cancelled() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let begun = begin(&ada, "slow", "respond-async").await;
    assert_eq!(begun.status.as_u16(), 202);
    assert_eq!(begun.header("preference-applied"), "respond-async");
    let address = begun.header("location").to_owned();
    assert_eq!(address, format!("/api/v1/calls/{}", begun.json()["call"].as_str().unwrap()));
    let mut state = ada.get(&address).await.json();
    while state["progress"].is_null() {
        state = ada.get(&address).await.json();
    }
    assert_eq!((&state["status"], &state["path"]), (&json!("pending"), &json!("/demo/notes/say.form")));
    assert_eq!(state["progress"], json!({ "done": 3, "total": null, "message": "waiting" }));
    let bob = site.person_with("bob", "/demo/notes", Role::Member).await;
    bob.get(&address).await.refused("not_found");
    bob.ask("DELETE", &address).send().await.refused("not_found");
    assert_eq!(ada.ask("DELETE", &address).send().await.status.as_u16(), 204);
    let ended = end(&ada, &address).await;
    assert_eq!((&ended["problem"]["code"], &ended["reply"]), (&json!("cancelled"), &Value::Null));
    ada.ask("DELETE", &address).send().await.refused("conflict");
}

#[tokio::test]
async fn a_short_call_is_answered_whole_and_told_again() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let reply = begin(&ada, "hi", "respond-async, wait=30").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["output"]["action"]), (200, &json!("submit")));
    let address = format!("/api/v1/calls/{}", reply.json()["call"].as_str().unwrap());
    assert_eq!(end(&ada, &address).await["reply"], reply.json());
    let refused = begin(&ada, "odd", "respond-async, wait=30").await;
    assert_eq!(refused.refused("invalid_input")["fields"][0]["pointer"], "/text");
    begin(&ada, "too long a text", "respond-async").await.refused("invalid_input");
}

#[tokio::test]
async fn the_call_behind_a_row_is_named() {
    let site = Site::new().await;
    let ada = site.person_with("ada", "/demo/notes", Role::Member).await;
    let body = json!({ "values": { "text": "a" } });
    let made = ada.send("POST", "/api/v1/rows/demo/notes/note.table", &body).await;
    let address = format!("/api/v1/calls/{}", made.header("kageos-call"));
    let state = end(&ada, &address).await;
    assert_eq!((&state["action"], &state["status"]), (&json!("create"), &json!("ok")));
    // The host of this test keeps no receipt that would say what to set back.
    ada.ask("POST", &format!("{address}/undo")).send().await.refused("undo_unsupported");
    for odd in ["x", "01arz3ndektsv4rrffq69g5fav", "%20"] {
        ada.get(&format!("/api/v1/calls/{odd}")).await.refused("not_found");
        ada.ask("POST", &format!("/api/v1/calls/{odd}/undo")).send().await.refused("not_found");
    }
    site.ask("GET", &address).send().await.refused("unauthenticated");
}

mod program {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;
    use crate::cli::Machine;

    /// Asks the server that `said` where it is, as whoever sits at its machine, not waiting for the end of a call.
    fn http(machine: &Machine, said: &Value, method: &str, path: &str, body: &str) -> Value {
        let token = machine.dir.path().join(".kageos/dev/secrets/local.token");
        let token = std::fs::read_to_string(token).unwrap();
        let authority = said["address"].as_str().unwrap().trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {authority}\r\nauthorization: Bearer {}\r\nprefer: respond-async\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The example app under the real program: a call is undone and redone, and what a killed server was working on is
    /// known to have changed nothing.
    #[test]
    fn a_call_is_undone_and_a_killed_one_is_known() {
        let machine = Machine::new();
        let (mut server, said) = machine.start_example();
        let payment = json!({ "invoice": "2", "amount": "1.00" }).to_string();
        let paid = machine.json(&["call", "/demo/crm/record_payment.form", "submit", &payment]);
        let call = paid["call"].as_str().unwrap();
        let open = || {
            machine.json(&["call", "/demo/crm/invoice.table", "get", "{\"id\":\"2\"}"])["output"]["values"]["paid"].clone()
        };
        assert_eq!(open(), "1.00");
        let tried = machine.json(&["undo", call, "--dry-run"]);
        assert_eq!((tried["changes"].as_array().unwrap().len(), open()), (2, json!("1.00")));
        let undone = machine.json(&["undo", call]);
        assert_eq!(open(), "0.00");
        assert!(!machine.run(&["undo", call]).status.success());
        machine.json(&["undo", undone["call"].as_str().unwrap()]);
        assert_eq!(open(), "1.00");
        let lines: String = (0..3_000).map(|at| format!("First{at},Last{at},m{at}@example.org\n")).collect();
        let csv = json!({ "csv": format!("first_name,last_name,email\n{lines}") }).to_string();
        let imported = machine.json(&["call", "/demo/crm/customer.table", "import", &csv]);
        assert_eq!(imported["output"]["created"], 3_000);
        let body = json!({ "action": "submit", "input": { "alike": 100 } }).to_string();
        let path = "/api/v1/call/demo/crm/find_duplicates.form";
        let state = http(&machine, &said, "POST", path, &body);
        assert_eq!(state["status"], "pending");
        server.kill().unwrap();
        server.wait().unwrap();
        let (mut server, said) = machine.start(&["serve"]);
        let path = format!("/api/v1/calls/{}", state["call"].as_str().unwrap());
        let state = http(&machine, &said, "GET", &path, "");
        assert_eq!((&state["status"], &state["reply"]), (&json!("not_applied"), &Value::Null));
        machine.run(&["down"]);
        assert!(server.wait().unwrap().success());
    }
}
