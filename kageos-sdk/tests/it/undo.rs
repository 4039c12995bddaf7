//! Calls that are taken back: of tables and of forms, with the rights and the conflicts of rows.

use std::sync::Arc;

use kageos_core::{Code, Env, clock::SystemClock, entropy::SeededEntropy};
use kageos_sdk::{App, Ctx, Form, Result, RowId, Submit, Table, testkit::Kit};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Table)]
#[table(history)]
pub(crate) struct Thing {
    #[field(id)]
    id: RowId,
    #[field(min_len = 1)]
    name: String,
    count: Option<i32>,
    #[field(sensitive)]
    pin: Option<String>,
}

/// Makes two things, the second in the place of one that goes.
#[derive(Debug, Form)]
#[form(effect(creates, deletes, undoable))]
pub(crate) struct Replace {
    #[field(relation = Thing, label = "name")]
    old: RowId,
}

impl Submit for Replace {
    type Output = RowId;
    async fn submit(self, ctx: &Ctx) -> Result<RowId> {
        let things = ctx.table::<Thing>();
        things.delete(self.old).await?;
        let thing = |name: &str| Thing { id: ctx.row_id(), name: name.to_owned(), count: None, pin: None };
        things.create(thing("one")).await?;
        Ok(things.create(thing("two")).await?.id)
    }
}

/// Changes a thing and puts it into the recycle bin.
#[derive(Debug, Form)]
#[form(effect(updates, deletes, undoable))]
pub(crate) struct Retire {
    #[field(relation = Thing, label = "name")]
    thing: RowId,
}

impl Submit for Retire {
    type Output = RowId;
    async fn submit(self, ctx: &Ctx) -> Result<RowId> {
        let things = ctx.table::<Thing>();
        things.update(self.thing, |thing| thing.name = "retired".to_owned()).await?;
        things.delete(self.thing).await?;
        Ok(self.thing)
    }
}

/// Changes something for good.
#[derive(Debug, Form)]
#[form(effect(creates))]
pub(crate) struct Final {
    name: String,
}

impl Submit for Final {
    type Output = RowId;
    async fn submit(self, ctx: &Ctx) -> Result<RowId> {
        let thing = Thing { id: ctx.row_id(), name: self.name, count: None, pin: None };
        Ok(ctx.table::<Thing>().create(thing).await?.id)
    }
}

const TABLE: &str = "thing.table";

async fn kit() -> Kit {
    let app = App::new("things").table::<Thing>().form::<Replace>().form::<Retire>().form::<Final>();
    Kit::open(&app).await.unwrap()
}

/// Makes a thing and answers its id.
async fn make(kit: &Kit, name: &str) -> String {
    let values = json!({ "name": name, "count": 1, "pin": "1234" });
    let made = kit.call(TABLE, "create", json!({ "values": values })).await.unwrap();
    made.output["id"].as_str().unwrap().to_owned()
}

async fn get(kit: &Kit, id: &str) -> Value {
    kit.call(TABLE, "get", json!({ "id": id })).await.unwrap().output
}

/// Every row, in the recycle bin or out of it, without what an undo moves on: versions and times.
async fn rows(kit: &Kit) -> Vec<Value> {
    let mut all = Vec::new();
    for deleted in [false, true] {
        let page =
            kit.call(TABLE, "search", json!({ "limit": 500, "sort": [{ "field": "id" }], "bin": deleted }));
        for row in page.await.unwrap().output["rows"].as_array().unwrap() {
            all.push(json!([deleted, row["id"], row["values"]]));
        }
    }
    all
}

async fn change(kit: &Kit, id: &str, patch: Value) -> kageos_core::CallId {
    let version = get(kit, id).await["version"].clone();
    let input = json!({ "id": id, "version": version, "patch": patch });
    kit.call(TABLE, "update", input).await.unwrap().call
}

#[tokio::test]
async fn whatever_a_call_did_is_taken_back_and_done_again() {
    let kit = kit().await;
    let random = Random::new();
    let mut ids = vec![make(&kit, "first").await, make(&kit, "second").await];
    for round in 0..150 {
        let before = rows(&kit).await;
        let id = ids[random.below(ids.len())].clone();
        let deleted = before.iter().any(|row| row[0] == true && row[1] == json!(id));
        let (path, action, input) = match random.below(6) {
            0 => (TABLE, "create", json!({ "values": { "name": format!("n{round}") } })),
            1 if deleted => (TABLE, "restore", json!({ "id": id })),
            2 if !deleted => {
                (TABLE, "delete", json!({ "id": id, "version": get(&kit, &id).await["version"] }))
            }
            3 if !deleted => (TABLE, "bulk", json!({ "op": "delete", "ids": [id] })),
            4 if !deleted => ("replace.form", "submit", json!({ "old": id })),
            5 => (TABLE, "import", json!({ "csv": format!("name,count\nx{round},1\ny{round},\n") })),
            _ if deleted => continue,
            _ => {
                let patch = json!({ "name": format!("c{round}"), "count": null, "pin": round.to_string() });
                let version = get(&kit, &id).await["version"].clone();
                (TABLE, "update", json!({ "id": id, "version": version, "patch": patch }))
            }
        };
        let done = kit.call(path, action, input).await.unwrap();
        let after = rows(&kit).await;
        assert_ne!(before, after, "{action} changed nothing");
        let undone = kit.undo(done.call).await.unwrap();
        // A row that was made lies in the bin now.
        let kept: Vec<_> = rows(&kit).await.into_iter().filter(|row| known(&before, row)).collect();
        assert_eq!(kept, before, "undo of {action}");
        let again = kit.undo(done.call).await.unwrap_err();
        assert_eq!(again.code, Code::UndoConflict, "undo of {action} twice");
        kit.undo(undone.call).await.unwrap();
        assert_eq!(rows(&kit).await, after, "redo of {action}");
        ids = after.iter().map(|row| row[1].as_str().unwrap().to_owned()).collect();
    }
}

fn known(before: &[Value], row: &Value) -> bool {
    before.iter().any(|known| known[1] == row[1])
}

/// Numbers that are the same in each run.
struct Random(Env);

impl Random {
    fn new() -> Self {
        Self(Env { clock: Arc::new(SystemClock::default()), entropy: Arc::new(SeededEntropy::new(1)) })
    }

    fn below(&self, end: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0.random())) % end
    }
}

#[tokio::test]
async fn what_was_changed_elsewhere_stays_and_what_was_changed_here_is_a_conflict() {
    let kit = kit().await;
    let id = make(&kit, "a").await;
    let renamed = change(&kit, &id, json!({ "name": "b" })).await;
    change(&kit, &id, json!({ "count": 7 })).await;
    kit.undo(renamed).await.unwrap();
    let values = get(&kit, &id).await["values"].clone();
    assert_eq!((&values["name"], &values["count"]), (&json!("a"), &json!(7)));
    let renamed = change(&kit, &id, json!({ "name": "b" })).await;
    change(&kit, &id, json!({ "name": "c" })).await;
    let error = kit.undo(renamed).await.unwrap_err();
    assert_eq!(error.code, Code::UndoConflict);
    assert_eq!(error.fields[0].pointer, format!("/{TABLE}/{id}"));
    assert_eq!(get(&kit, &id).await["values"]["name"], "c");
    // All or nothing: of two rows one has changed since.
    let other = make(&kit, "x").await;
    let both = json!({ "op": "update", "ids": [id, other], "patch": { "count": 3 } });
    let bulk = kit.call(TABLE, "bulk", both).await.unwrap().call;
    change(&kit, &other, json!({ "count": 4 })).await;
    assert_eq!(kit.undo(bulk).await.unwrap_err().fields.len(), 1);
    assert_eq!(get(&kit, &id).await["values"]["count"], 3);
}

#[tokio::test]
async fn a_row_that_came_or_went_again_since_is_a_conflict() {
    let kit = kit().await;
    let id = make(&kit, "a").await;
    let at = async |action: &str, version: i64| {
        let mut input = json!({ "id": id, "version": version });
        if action == "restore" {
            input.as_object_mut().unwrap().remove("version");
        }
        kit.call(TABLE, action, input).await.unwrap().call
    };
    let first = at("delete", 1).await;
    let second = at("restore", 2).await;
    let third = at("delete", 3).await;
    assert_eq!(kit.undo(first).await.unwrap_err().code, Code::UndoConflict, "it was deleted once more since");
    assert_eq!(kit.undo(second).await.unwrap_err().code, Code::UndoConflict);
    kit.undo(third).await.unwrap();
    at("delete", 5).await;
    let restored = at("restore", 6).await;
    change(&kit, &id, json!({ "count": 7 })).await;
    let error = kit.undo(restored).await.unwrap_err();
    assert_eq!(error.code, Code::UndoConflict, "the change since would go with the row");
    assert_eq!(get(&kit, &id).await["values"]["count"], 7);
}

#[tokio::test]
async fn a_row_that_was_changed_as_it_went_comes_back_as_it_was() {
    let kit = kit().await;
    let id = make(&kit, "as it was").await;
    let before = rows(&kit).await;
    let call = kit.call("retire.form", "submit", json!({ "thing": id })).await.unwrap().call;
    let after = rows(&kit).await;
    let undone = kit.undo(call).await.unwrap().call;
    assert_eq!(rows(&kit).await, before);
    kit.undo(undone).await.unwrap();
    assert_eq!(rows(&kit).await, after);
}

#[tokio::test]
async fn an_undo_can_be_tried_first() {
    let kit = kit().await;
    let id = make(&kit, "a").await;
    let call = change(&kit, &id, json!({ "name": "b" })).await;
    let kit = kit.dry_run(true);
    let shown = kit.undo(call).await.unwrap();
    assert_eq!(
        (&shown.changes[0].old, &shown.changes[0].new),
        (&Some(json!({ "name": "b" })), &Some(json!({ "name": "a" })))
    );
    assert_eq!(get(&kit, &id).await["values"]["name"], "b");
}

#[tokio::test]
async fn who_takes_back_needs_the_rights_of_what_that_does() {
    let kit = kit().await;
    let made = kit.call(TABLE, "create", json!({ "values": { "name": "a" } })).await.unwrap();
    let id = made.output["id"].as_str().unwrap().to_owned();
    let changed = change(&kit, &id, json!({ "name": "b" })).await;
    let mae = kit.stranger("mae").await.unwrap();
    let owner = kit.actor().clone();
    let kit = kit.acting(mae.clone());
    let call = json!({ "call": changed });
    assert_eq!(kit.call(TABLE, "undo", call.clone()).await.unwrap_err().code, Code::NotFound);
    let kit = kit.acting(owner.clone());
    let grant = json!({ "subject": { "kind": "user", "id": mae.id }, "role": "viewer" });
    kit.call("", "grant", grant).await.unwrap();
    let kit = kit.acting(mae.clone());
    assert_eq!(kit.call(TABLE, "undo", call.clone()).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(get(&kit, &id).await["values"]["name"], "b");
    // A form may be run by who may not touch the rows behind it; what it did is not theirs to take back.
    let kit = kit.acting(owner.clone());
    let grant = json!({ "subject": { "kind": "user", "id": mae.id }, "role": "member" });
    kit.call("replace.form", "grant", grant).await.unwrap();
    let kit = kit.acting(mae.clone());
    let replaced = kit.call("replace.form", "submit", json!({ "old": id })).await.unwrap();
    assert_eq!(kit.undo(replaced.call).await.unwrap_err().code, Code::Forbidden);
    let kit = kit.acting(owner);
    kit.undo(replaced.call).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_taken_back_says_so() {
    let kit = kit().await;
    let id = make(&kit, "a").await;
    let version = get(&kit, &id).await["version"].clone();
    kit.call(TABLE, "delete", json!({ "id": id, "version": version })).await.unwrap();
    let purged = kit.call(TABLE, "purge", json!({ "id": id })).await.unwrap().call;
    let not_declared = kit.call("final.form", "submit", json!({ "name": "x" })).await.unwrap().call;
    let lines: String = (0..2_000).map(|line| format!("a name that is long enough {line}\n")).collect();
    let large = kit.call(TABLE, "import", json!({ "csv": format!("name\n{lines}") })).await.unwrap().call;
    let failed = kit.call(TABLE, "get", json!({ "id": "1" })).await.unwrap_err();
    assert_eq!(failed.code, Code::NotFound);
    for call in [purged, not_declared, large] {
        assert_eq!(kit.undo(call).await.unwrap_err().code, Code::UndoUnsupported);
    }
}

#[tokio::test]
async fn the_record_of_an_undo_shows_no_secret() {
    let kit = kit().await;
    let id = make(&kit, "a").await;
    let call = change(&kit, &id, json!({ "pin": "9999" })).await;
    let undone = kit.undo(call).await.unwrap();
    assert_eq!(get(&kit, &id).await["values"]["pin"], "1234");
    let record = kit.activity().await.unwrap();
    let entry = record.iter().find(|entry| entry.call == undone.call).unwrap();
    assert_eq!(entry.input, Some(json!({ "call": call })));
    assert_eq!(entry.changes.len(), 1);
    assert!(!format!("{record:?}").contains("9999") && !format!("{record:?}").contains("1234"));
}

#[tokio::test]
async fn a_reply_says_whether_its_caller_can_take_it_back() {
    let kit = kit().await;
    let made = kit.call(TABLE, "create", json!({ "values": { "name": "a" } })).await.unwrap();
    assert!(made.undoable);
    assert!(kit.undo(made.call).await.unwrap().undoable, "an undo is undone");
    assert!(!kit.call("final.form", "submit", json!({ "name": "b" })).await.unwrap().undoable);
    // More than a receipt keeps.
    let csv: String = (0..1_500).fold("name,count\n".to_owned(), |csv, at| csv + &format!("n{at},{at}\n"));
    let many = kit.call(TABLE, "import", json!({ "csv": csv })).await.unwrap();
    assert!(!many.undoable);
    let refused = kit.undo(many.call).await.unwrap_err();
    assert_eq!(refused.code, Code::UndoUnsupported);
    let kit = kit.dry_run(true);
    assert!(!kit.call(TABLE, "create", json!({ "values": { "name": "a" } })).await.unwrap().undoable);
}
