//! What the host promises of every call.

use kageos_core::{Code, HostError};
use kageos_sdk::{
    App, Ctx, Error, Form, Result, RowId, Submit, Table, TableHooks, Timestamp,
    testkit::{Kit, conformance},
};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Table)]
#[table(history, search = [name])]
pub(crate) struct Item {
    #[field(id)]
    id: RowId,
    name: String,
    count: i64,
    tags: Vec<crate::sample::Stage>,
    #[field(readonly_if = count > "5")]
    locked: Option<String>,
}

/// Every row has a hook: names are trimmed, and a log line follows each change.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(hooks)]
pub(crate) struct Watched {
    #[field(id)]
    id: RowId,
    name: String,
}

impl TableHooks for Watched {
    async fn before_create(row: &mut Self, _: &Ctx) -> Result<()> {
        row.name = row.name.trim().to_owned();
        Ok(())
    }

    async fn after_create(row: &Self, ctx: &Ctx) -> Result<()> {
        let name = format!("made {}", row.name);
        ctx.table::<Item>().create(item(ctx, &name)).await.map(drop)
    }

    async fn before_update(old: &Self, new: &mut Self, _: &Ctx) -> Result<()> {
        new.name = format!("{} (was {})", new.name, old.name);
        Ok(())
    }

    async fn before_delete(row: &Self, _: &Ctx) -> Result<()> {
        Err(Error::new(Code::Conflict, format!("{} stays", row.name)))
    }
}

fn item(ctx: &Ctx, name: &str) -> Item {
    Item { id: ctx.row_id(), name: name.to_owned(), count: 1, tags: Vec::new(), locked: None }
}

/// Does what its field says.
#[derive(Debug, Form)]
#[form(effect(creates, updates))]
pub(crate) struct Act {
    what: String,
}

impl Submit for Act {
    type Output = i64;
    async fn submit(self, ctx: &Ctx) -> Result<i64> {
        let items = ctx.table::<Item>();
        let made = items.create(item(ctx, "first")).await?;
        match self.what.as_str() {
            "own" => {
                items.update(made.id, |it| it.count += 1).await?;
                Ok(items.require(made.id).await?.count)
            }
            "error" => Err(Error::new(Code::Conflict, "no")),
            "panic" => panic!("on purpose"),
            "delete" => items.delete(made.id).await.map(|()| 0),
            "late" => {
                std::future::pending::<()>().await;
                Ok(0)
            }
            "nested" => ctx.call("act.form", "submit", &Act { what: "own".to_owned() }.wire()).await,
            _ => Ok(0),
        }
    }
}

impl Act {
    fn wire(&self) -> Value {
        json!({ "what": self.what })
    }
}

/// Says when it is.
#[derive(Debug, Form)]
#[form(effect(reads))]
pub(crate) struct Sneak {
    at: Option<Timestamp>,
}

impl Submit for Sneak {
    type Output = ();
    async fn submit(self, ctx: &Ctx) -> Result<()> {
        assert!(self.at.is_none());
        ctx.table::<Item>().create(item(ctx, "sneaked")).await.map(drop)
    }
}

/// Acts outside.
#[derive(Debug, Form)]
#[form(effect(creates, external))]
pub(crate) struct Send {
    what: String,
    #[field(require_if = what == "none")]
    more: Option<String>,
}

impl Submit for Send {
    type Output = ();
    async fn submit(self, ctx: &Ctx) -> Result<()> {
        assert!(self.more.is_none());
        match self.what.as_str() {
            "error" => Err(Error::new(Code::Conflict, "no")),
            "panic" => panic!("on purpose"),
            "late" => std::future::pending().await,
            // Two rows with one id, which only the database refuses.
            "refused" => {
                let row = Item { id: RowId::from_i64(1).expect("a row id"), ..item(ctx, "taken") };
                ctx.table::<Item>().create(row).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

async fn kit() -> Kit {
    let app = App::new("host").table::<Item>().table::<Watched>();
    let app = app.form::<Act>().form::<Sneak>().form::<Send>();
    Kit::open(&app).await.expect("the app opens")
}

async fn names(kit: &Kit, table: &str) -> Vec<String> {
    let page =
        kit.call(table, "search", json!({ "sort": [{ "field": "id" }] })).await.expect("rows are read");
    let rows = page.output["rows"].as_array().expect("a page has rows").clone();
    rows.iter().map(|row| row["values"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn act(what: &str) -> Act {
    Act { what: what.to_owned() }
}

#[tokio::test]
async fn the_host_in_this_process_keeps_what_every_host_keeps() {
    let app = conformance::app();
    conformance::check(async || Kit::with(|setting| setting.in_process(&app)).await).await;
}

#[tokio::test]
async fn an_app_at_the_other_end_of_a_link_keeps_what_every_host_keeps() {
    conformance::check(async || Kit::with(|setting| setting.linked(conformance::app())).await).await;
}

#[tokio::test]
async fn nothing_is_kept_of_a_call_that_fails() {
    let kit = kit().await;
    for (what, code) in [("error", Code::Conflict), ("panic", Code::Internal), ("delete", Code::Internal)] {
        let error = kit.submit(&act(what)).await.expect_err(what);
        assert_eq!(error.code, code, "{what}: {error}");
    }
    assert_eq!(kit.submit(&Sneak { at: None }).await.expect_err("reads only").code, Code::Internal);
    assert!(names(&kit, "item.table").await.is_empty());
    kit.submit(&act("nothing")).await.expect("the host still runs");
}

#[tokio::test]
async fn what_acted_outside_is_never_called_undone() {
    let kit = kit().await;
    let csv = json!({ "csv": "id,name,count\n1,taken,1\n" });
    kit.call("item.table", "import", csv).await.expect("the first row");
    for what in ["error", "panic", "refused"] {
        let call = kit.host_call("send.form", "submit", &json!({ "what": what })).expect("a call");
        let error = kit.host().call(call).await.expect_err(what);
        assert!(matches!(error, HostError::Ended(_)), "{what}: {error:?}");
    }
    let call = kit.host_call("send.form", "submit", &json!({ "what": "none" })).expect("a call");
    let error = kit.host().call(call).await.expect_err("something is missing");
    assert!(matches!(error, HostError::Refused(_)), "it never began: {error:?}");
}

#[tokio::test]
async fn hooks_belong_to_the_unit() {
    let kit = kit().await;
    let made =
        kit.call("watched.table", "create", json!({ "values": { "name": "  Ada " } })).await.expect("made");
    assert_eq!((&made.output["values"]["name"], made.changes.len()), (&json!("Ada"), 2));
    assert_eq!(names(&kit, "item.table").await, ["made Ada"]);
    let id = &made.output["id"];
    let input = json!({ "id": id, "version": 1, "patch": { "name": "Eve" } });
    let changed = kit.call("watched.table", "update", input.clone()).await.expect("changed");
    assert_eq!(changed.output["values"]["name"], "Eve (was Ada)");
    assert_eq!(
        kit.call("watched.table", "update", input).await.expect_err("stale").code,
        Code::VersionConflict
    );
    let kept =
        kit.call("watched.table", "delete", json!({ "id": id, "version": 2 })).await.expect_err("kept");
    assert_eq!(kept.message, "Eve (was Ada) stays");
}

#[tokio::test]
async fn a_table_does_all_its_actions() {
    let kit = kit().await;
    let values = json!({ "name": "Ada", "count": "5", "tags": ["won"] });
    let made = kit.call("item.table", "create", json!({ "values": values })).await.expect("create").output;
    let id = made["id"].clone();
    assert_eq!(kit.call("item.table", "get", json!({ "id": id })).await.expect("get").output, made);
    let patch = json!({ "id": id, "version": 1, "patch": { "count": "6", "locked": "a" } });
    let changed = kit.call("item.table", "update", patch).await.expect("update").output;
    assert_eq!((&changed["version"], &changed["values"]["count"]), (&json!(2), &json!("6")));
    let frozen = json!({ "id": id, "version": 2, "patch": { "locked": "b" } });
    let frozen = kit.call("item.table", "update", frozen).await.expect_err("locked").fields;
    assert_eq!((frozen[0].pointer.as_str(), &*frozen[0].code), ("/patch/locked", "readonly"));
    kit.call("item.table", "delete", json!({ "id": id, "version": 2 })).await.expect("delete");
    assert_eq!(
        kit.call("item.table", "get", json!({ "id": id })).await.expect_err("gone").code,
        Code::NotFound
    );
    kit.call("item.table", "restore", json!({ "id": id })).await.expect("restore");
    let bulk = json!({ "op": "update", "ids": [id], "patch": { "name": "Eve" } });
    assert_eq!(kit.call("item.table", "bulk", bulk).await.expect("bulk").output, json!({ "changed": 1 }));
    let found = json!({ "filter": { "eq": ["name", "Eve"] }, "count": true });
    assert_eq!(kit.call("item.table", "search", found).await.expect("search").output["count"], 1);
    let history = kit.call("item.table", "history", json!({ "id": id })).await.expect("history").output;
    let ops: Vec<&Value> =
        history["items"].as_array().expect("items").iter().map(|item| &item["op"]).collect();
    assert_eq!(ops, ["update", "restore", "delete", "update", "create"]);
    kit.call("item.table", "bulk", json!({ "op": "delete", "ids": [id] })).await.expect("bulk delete");
    kit.call("item.table", "purge", json!({ "id": id })).await.expect("purge");
    assert!(names(&kit, "item.table").await.is_empty());
}

#[tokio::test]
async fn bad_input_is_told_all_at_once() {
    let kit = kit().await;
    let error = kit.call("act.form", "submit", json!({ "waht": 1 })).await.expect_err("two mistakes");
    let told: Vec<(&str, &str)> = error.fields.iter().map(|it| (it.pointer.as_str(), &*it.code)).collect();
    assert_eq!(told, [("/waht", "additionalProperties"), ("/what", "required")]);
}

#[tokio::test]
async fn rows_come_in_from_csv_all_or_none() {
    let kit = kit().await;
    let wrong = json!({ "csv": "name,count\nAda,1\n,2\n" });
    let report = kit.call("item.table", "import", wrong).await.expect("it is told").output;
    assert_eq!(
        (&report["created"], &report["failed"], &report["errors"][0]["line"]),
        (&json!(0), &json!(1), &json!(3))
    );
    let right = json!({ "csv": "name,count\nAda,1\nEve,2\n" });
    assert_eq!(kit.call("item.table", "import", right).await.expect("imported").output["created"], 2);
    assert_eq!(names(&kit, "item.table").await.len(), 2);
}

#[tokio::test]
async fn the_kit_has_rights_a_record_and_events() {
    let kit = kit().await;
    let mut events = kit.events().expect("from now on");
    kit.call("item.table", "create", json!({ "values": { "name": "Ada", "count": "1" } }))
        .await
        .expect("the owner may");
    let record = kit.activity().await.expect("the log is read");
    assert_eq!((record[0].action.as_str(), record[0].actor.name.as_str()), ("create", "ada"));
    assert_eq!(record[0].changes.len(), 1);
    assert_eq!(events.next().await.expect("none missed").expect("one").body.name(), "change");
    let stranger = kit.stranger("bob").await.expect("a new account");
    let error = kit.acting(stranger).call("item.table", "search", json!({})).await.expect_err("bob may not");
    assert_eq!(error.code, Code::NotFound);
}
