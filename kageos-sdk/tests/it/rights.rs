//! What the door keeps from a caller who may see a part of an app.

use std::sync::Arc;

use kageos_core::{
    Actor, ChangeOp, Code, Right, Rights, Role, Scope,
    platform::{
        RECEIPT_LIFE,
        access::{NewGrant, Subject},
    },
};
use kageos_sdk::{
    App, Chart, Ctx, Figures, Form, Query, Result, RowId, Submit, Table, Window,
    testkit::{Kit, WORKSPACE},
};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Table)]
pub(crate) struct Firm {
    #[field(id)]
    id: RowId,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Table)]
pub(crate) struct Order {
    #[field(id)]
    id: RowId,
    text: String,
    #[field(relation = Firm, label = "name")]
    firm: Option<RowId>,
}

/// Orders something of a new firm.
#[derive(Debug, Form)]
#[form(effect(creates))]
pub(crate) struct Take {
    text: String,
}

impl Submit for Take {
    type Output = String;
    async fn submit(self, ctx: &Ctx) -> Result<String> {
        let firm =
            ctx.table::<Firm>().create(Firm { id: ctx.row_id(), name: "Secret & Co".to_owned() }).await?;
        let order = Order { id: ctx.row_id(), text: self.text, firm: Some(firm.id) };
        ctx.table::<Order>().create(order).await?;
        Ok("taken".to_owned())
    }
}

/// How many orders there are.
#[derive(Debug, Chart)]
#[chart(mark = bar, x = "Firm", y = "Orders", source = Order)]
pub(crate) struct Orders;

impl Query for Orders {
    async fn query(_: Window, _: &Ctx) -> Result<Figures> {
        Ok(Figures::default())
    }
}

async fn kit() -> Kit {
    let app = App::new("rights").table::<Firm>().table::<Order>().form::<Take>().chart::<Orders>();
    let kit = Kit::open(&app).await.expect("the app opens");
    kit.call("take.form", "submit", json!({ "text": "a lamp" })).await.expect("the owner may");
    kit
}

/// Somebody with roles on some functions of the app, and none elsewhere.
async fn somebody(kit: &Kit, login: &str, roles: &[(&str, Role)]) -> Actor {
    let actor = kit.stranger(login).await.expect("a new account");
    for (path, role) in roles {
        let path = format!("{WORKSPACE}/{path}").parse().expect("a path");
        let node = kit.platform().tree().snapshot().get(&path).expect("it is there").id;
        let subject = Subject::User(actor.id.expect("an account has an id"));
        let new = NewGrant { node, subject, role: *role, deny: false, expires_at: None, created_by: None };
        kit.platform().access().grant(new).await.expect("granted");
    }
    actor
}

#[tokio::test]
async fn labels_of_a_table_that_may_not_be_read_are_left_out() {
    let kit = kit().await;
    let labels = async |kit: &Kit| -> Value {
        let page = kit.call("order.table", "search", json!({})).await.expect("a page").output;
        assert_eq!(page["rows"][0]["values"]["text"], "a lamp");
        page["labels"]["firm"].clone()
    };
    assert!(labels(&kit).await.to_string().contains("Secret & Co"));
    let ada = somebody(&kit, "bob", &[("order.table", Role::Viewer), ("firm.table", Role::Viewer)]).await;
    let eve = somebody(&kit, "eve", &[("order.table", Role::Viewer)]).await;
    let kit = kit.acting(ada);
    assert!(labels(&kit).await.to_string().contains("Secret & Co"));
    let kit = kit.acting(eve);
    let page = kit.call("order.table", "search", json!({})).await.expect("a page").output;
    assert!(!page.to_string().contains("Secret"), "{page}");
    assert_eq!(labels(&kit).await, Value::Null);
}

#[tokio::test]
async fn a_chart_needs_read_on_the_table_behind_it() {
    let kit = kit().await;
    let both = somebody(&kit, "bob", &[("orders.chart", Role::Viewer), ("order.table", Role::Viewer)]).await;
    let one = somebody(&kit, "eve", &[("orders.chart", Role::Viewer)]).await;
    let kit = kit.acting(both);
    kit.call("orders.chart", "query", json!({})).await.expect("a reader of both");
    let kit = kit.acting(one);
    let error = kit.call("orders.chart", "query", json!({})).await.expect_err("no reader of the rows");
    assert_eq!(error.code, Code::Forbidden);
}

#[tokio::test]
async fn changes_of_what_may_not_be_read_are_left_out_of_a_reply() {
    let kit = kit().await;
    let paths = async |kit: &Kit| {
        let given = kit.call("take.form", "submit", json!({ "text": "a chair" })).await.expect("it runs");
        assert_eq!(given.output, "taken");
        assert!(given.changes.iter().all(|change| change.op == ChangeOp::Create));
        given.changes.iter().map(|change| change.path.in_workspace().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&kit).await, ["firm.table", "order.table"]);
    let eve = somebody(&kit, "eve", &[("take.form", Role::Member), ("order.table", Role::Viewer)]).await;
    let kit = kit.acting(eve);
    assert_eq!(paths(&kit).await, ["order.table"]);
    let kit = kit.dry_run(true);
    assert_eq!(paths(&kit).await, ["order.table"], "what would change is told to the same people");
}

#[tokio::test]
async fn bulk_takes_the_right_to_update_and_the_right_to_delete() {
    let kit = kit().await;
    let id =
        kit.call("order.table", "search", json!({})).await.expect("a page").output["rows"][0]["id"].clone();
    let bulk = json!({ "ids": [id], "op": "update", "patch": { "text": "changed" } });
    let owner = kit.call("order.table", "bulk", bulk.clone()).await.expect("the owner has both");
    assert_eq!(owner.output["changed"], 1);
    let member = somebody(&kit, "bob", &[("order.table", Role::Member)]).await;
    let mut kit = kit;
    for (more, code) in
        [(Right::Update, Some(Code::Forbidden)), (Right::Delete, Some(Code::Forbidden)), (Right::Read, None)]
    {
        let rights = Rights::NONE.with(Right::Read).with(Right::Write).with(more);
        let rights = if code.is_none() { rights.with(Right::Update).with(Right::Delete) } else { rights };
        kit = kit.acting(Actor { scope: Some(Scope { path: None, rights }), ..member.clone() });
        let done = kit.call("order.table", "bulk", bulk.clone()).await;
        assert_eq!(done.err().map(|error| error.code), code, "{rights:?}");
    }
}

/// Old receipts go with a sweep of the platform; the rows, and the receipts of yesterday, stay.
#[tokio::test]
async fn old_receipts_go_and_rows_stay() {
    let kit = kit().await;
    let old = kit.activity().await.expect("the log is read")[0].call;
    kit.advance(RECEIPT_LIFE + std::time::Duration::from_secs(24 * 60 * 60));
    kit.call("take.form", "submit", json!({ "text": "a chair" })).await.expect("it runs");
    let new = kit.activity().await.expect("the log is read")[0].call;
    let host: Arc<dyn kageos_core::Host> = Arc::clone(kit.host());
    assert!(host.receipt(old).await.expect("receipts are read").is_some());
    assert_eq!(kit.platform().sweep().await.expect("swept").receipts, 1);
    assert!(host.receipt(old).await.expect("receipts are read").is_none());
    assert!(host.receipt(new).await.expect("receipts are read").is_some());
    let page = kit.call("order.table", "search", json!({})).await.expect("a page").output;
    assert_eq!(page["rows"].as_array().map(Vec::len), Some(2));
}
