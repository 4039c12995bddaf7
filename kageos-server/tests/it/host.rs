//! A workspace that answers with what it was asked.

use std::{sync::Arc, time::Duration};

use kageos_core::{
    ActionName, ActionSchema, CallId, Change, ChangeOp, Code, Effect, Effects, Error, FunctionEntry,
    FunctionSchema, Host, HostCall, HostError, HostReply, Kind, Manifest, Receipt, Right, TableSchema,
    host::Progress,
};
use serde_json::{Value, json, value::to_raw_value};

#[derive(Debug)]
pub(crate) struct Echo {
    manifest: Arc<Manifest>,
}

/// The text of the document `guide.docs`.
pub(crate) const GUIDE: &str = "# Guide\n\n![Notes](note.table)\n";

impl Echo {
    pub(crate) fn new() -> Arc<Self> {
        let functions = vec![
            entry("note.table", Kind::Table, "Notes"),
            entry("guide.docs", Kind::Docs, "Guide"),
            entry("say.form", Kind::Form, "Say"),
        ];
        Arc::new(Self {
            manifest: Arc::new(Manifest {
                schema_version: 1,
                app: "notes".to_owned(),
                title: "Notes".to_owned(),
                description: String::new(),
                directories: Vec::new(),
                functions,
                egress: kageos_core::Egress::default(),
            }),
        })
    }
}

fn entry(path: &str, kind: Kind, title: &str) -> FunctionEntry {
    let reads = Effects::READS;
    let creates = Effects { creates: true, ..Effects::default() };
    let updates = Effects { updates: true, ..Effects::default() };
    let deletes = Effects { deletes: true, ..Effects::default() };
    let actions = match kind {
        Kind::Table => vec![
            action(kind, ActionName::SEARCH, reads),
            action(kind, ActionName::GET, reads),
            action(kind, ActionName::CREATE, creates),
            action(kind, ActionName::UPDATE, updates),
            action(kind, ActionName::DELETE, deletes),
            action(kind, ActionName::IMPORT, creates),
        ],
        Kind::Docs => vec![action(kind, ActionName::READ, reads)],
        _ => vec![action(kind, ActionName::SUBMIT, updates)],
    };
    let row = json!({ "type": "object", "properties": { "text": { "type": "string" }, "stars": { "type": "integer" } } });
    let table = TableSchema { row, search: Vec::new(), history: false, default_sort: Vec::new() };
    let schema = FunctionSchema {
        kind,
        title: title.to_owned(),
        description: String::new(),
        tags: vec!["sample".to_owned()],
        actions,
        table: (kind == Kind::Table).then_some(table),
    };
    FunctionEntry { path: path.to_owned(), schema }
}

fn action(kind: Kind, name: ActionName, effects: Effects) -> ActionSchema {
    ActionSchema {
        title: name.to_string(),
        right: Right::of_action(kind, effects),
        effect: Effect::of(effects),
        input: json!({ "type": "object", "properties": { "text": { "type": "string", "maxLength": 5 } } }),
        output: json!({}),
        name,
    }
}

/// Two pages of rows; the second begins at `two`.
fn page(input: &Value) -> Value {
    let rows = |text: &str| json!([{ "id": "1", "version": 3, "values": { "text": text, "stars": 2 } }]);
    match input.get("next") {
        None => json!({ "rows": rows("a, \"b\""), "next": "two", "input": input }),
        Some(_) => json!({ "rows": rows("=cmd|' /C calc'!A0"), "next": null, "input": input }),
    }
}

#[async_trait::async_trait]
impl Host for Echo {
    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    async fn call(&self, call: HostCall) -> Result<HostReply, HostError> {
        let input: Value = serde_json::from_slice(&call.input).map_err(Error::internal)?;
        assert!(input.get("text") != Some(&json!("panic")), "the app panicked on purpose");
        if input.get("text") == Some(&json!("odd")) {
            return Err(Error::field("/text", "odd", "The text is odd.").into());
        }
        if input.get("text") == Some(&json!("gone")) {
            return Err(Error::new(Code::Conflict, "It is gone.").into());
        }
        if input.get("text") == Some(&json!("slow")) {
            call.control.report(Progress { done: 3, total: None, message: "waiting".to_owned() });
            while !call.control.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return Err(Error::of(Code::Cancelled).into());
        }
        let output = match call.action.as_str() {
            "search" => page(&input),
            "read" => json!({ "markdown": GUIDE }),
            action => json!({ "action": action, "version": 7, "input": input, "dry_run": call.dry_run }),
        };
        let row = Change {
            path: call.path.clone(),
            row: Some("42".to_owned()),
            version: None,
            op: ChangeOp::Create,
            old: None,
            new: Some(json!({ "text": "a" })),
        };
        let elsewhere = call.path.to_string().replace("say.form", "note.table").parse().unwrap();
        let changes = match input.get("text").and_then(Value::as_str) {
            Some("other") => vec![Change { path: elsewhere, ..row }],
            _ if call.action == ActionName::CREATE => vec![row],
            _ => Vec::new(),
        };
        let output = to_raw_value(&output).map_err(Error::internal)?.into();
        Ok(HostReply { changes, ..HostReply::read(output) })
    }

    async fn receipt(&self, _: CallId) -> Result<Option<Receipt>, Error> {
        Ok(None)
    }
}
