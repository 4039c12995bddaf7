//! Accounts in fields, through the whole door.

use kageos_sdk::{App, RowId, Table, UserRef, testkit::Kit};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Table)]
struct Task {
    #[field(id)]
    id: RowId,
    doer: Option<UserRef>,
}

#[tokio::test]
async fn an_account_in_a_field_exists_and_is_shown_by_its_name() {
    let kit = Kit::open(&App::new("work").table::<Task>()).await.unwrap();
    let mae = kit.stranger("mae").await.unwrap();
    let mae = mae.id.unwrap().to_string();
    let made = kit.call("task.table", "create", json!({ "values": { "doer": mae } })).await.unwrap();
    kit.call("task.table", "create", json!({ "values": { "doer": null } })).await.unwrap();
    let page = kit.call("task.table", "search", json!({})).await.unwrap().output;
    let users = kit.platform().identity().users(None, 10).await.unwrap();
    let name = &users.iter().find(|user| user.id.to_string() == mae).unwrap().name;
    assert_eq!(page["labels"], json!({ "doer": { &mae: name } }));
    let nobody = "01jzzzzzzzzzzzzzzzzzzzzzzz";
    for (action, input, place) in [
        ("create", json!({ "values": { "doer": nobody } }), "/values/doer"),
        (
            "update",
            json!({ "id": made.output["id"], "version": 1, "patch": { "doer": nobody } }),
            "/patch/doer",
        ),
    ] {
        let error = kit.call("task.table", action, input).await.unwrap_err();
        let told: Vec<(&str, &str)> =
            error.fields.iter().map(|it| (it.pointer.as_str(), &*it.code)).collect();
        assert_eq!(told, [(place, "not_found")], "{action}");
    }
}

#[tokio::test]
async fn a_filter_that_is_wrong_is_told_where() {
    let kit = Kit::open(&App::new("work").table::<Task>()).await.unwrap();
    for (filter, place) in [
        (json!({ "eq": ["nothing", 1] }), "/filter/eq/0"),
        (json!({ "not": { "and": [{ "empty": "nothing" }] } }), "/filter/not/and/0/empty"),
        (json!({ "in": ["doer", 7] }), "/filter/in/1"),
        (json!({ "like": ["doer", "a"] }), "/filter"),
    ] {
        let error = kit.call("task.table", "search", json!({ "filter": filter })).await.unwrap_err();
        assert_eq!(error.fields[0].pointer, place, "{error:?}");
    }
}
