//! Tables grow with their declaration and lose nothing.

use kageos_core::{Code, Error, Sort, TableSteps, sql::Db};
use kageos_sdk::{
    def::{ColumnKind, TableDef},
    table::{Filter, SearchQuery, Store},
};
use serde_json::json;

use crate::table_support::{env, field, places, table};

const PATH: &str = "thing.table";

fn first() -> TableDef {
    let mut note = field("note", ColumnKind::Text, false);
    note.annotation.filter = false;
    note.annotation.sort = false;
    let mut def = table(
        PATH,
        vec![field("name", ColumnKind::Text, true), note, field("size", ColumnKind::Integer, false)],
    );
    def.fields[2].annotation.filter = false;
    def.fields[2].annotation.sort = false;
    def
}

async fn reopen(db: &Db, def: TableDef) -> Result<std::sync::Arc<Store>, Error> {
    Store::open(db.clone(), vec![def], env().0, [9; 32]).await
}

#[tokio::test]
async fn additions_keep_every_row() {
    for place in places(&[first()]).await {
        let rows =
            place.create(PATH, &[json!({"name": "a", "note": "ÄB", "size": 3}), json!({"name": "b"})]).await;
        let mut def = first();
        def.fields[1].annotation.filter = true;
        def.fields[1].annotation.sort = true;
        def.fields[2].annotation.sort = true;
        def.fields[2].required = true;
        def.fields[2].schema["default"] = json!(7);
        def.fields[0].required = false;
        let mut level = field("level", ColumnKind::Text, true);
        level.schema["default"] = json!("Low");
        def.fields.push(level);
        def.fields.push(field("price", ColumnKind::Decimal { scale: 2 }, false));
        for _ in 0..2 {
            let store = reopen(&place.db, def.clone()).await.unwrap();
            let values: Vec<_> = {
                let sort = vec![Sort { field: "id".to_owned(), desc: false }];
                let query = SearchQuery { sort, ..SearchQuery::default() };
                store
                    .search(PATH, query)
                    .await
                    .unwrap()
                    .rows
                    .into_iter()
                    .map(|row| json!(row.values))
                    .collect()
            };
            let wanted = [
                json!({"name": "a", "note": "ÄB", "size": 3, "level": "Low", "price": null}),
                json!({"name": "b", "note": null, "size": 7, "level": "Low", "price": null}),
            ];
            assert_eq!(values, wanted);
            for filter in [
                Filter::Contains("note".to_owned(), "äb".to_owned()),
                Filter::Starts("note".to_owned(), "ä".to_owned()),
            ] {
                let query = SearchQuery {
                    filter: Some(filter),
                    sort: vec![Sort { field: "note".to_owned(), desc: true }],
                    ..SearchQuery::default()
                };
                assert_eq!(store.search(PATH, query).await.unwrap().rows[0].id, rows[0].id);
            }
            let level = SearchQuery {
                filter: Some(Filter::Starts("level".to_owned(), "low".to_owned())),
                ..SearchQuery::default()
            };
            assert_eq!(store.search(PATH, level).await.unwrap().rows.len(), 2);
        }
        // What nobody searches any more goes, and comes back filled.
        let mut plain = def.clone();
        plain.fields[1].annotation.filter = false;
        plain.fields[1].annotation.sort = false;
        let store = reopen(&place.db, plain).await.unwrap();
        let mut unit = store.unit();
        unit.update(PATH, rows[1].id, None, json!({"note": "ÖX"}).as_object().unwrap()).await.unwrap();
        store.apply(unit, place.applied()).await.unwrap();
        let store = reopen(&place.db, def).await.unwrap();
        let query = SearchQuery {
            filter: Some(Filter::Contains("note".to_owned(), "öx".to_owned())),
            ..SearchQuery::default()
        };
        assert_eq!(store.search(PATH, query).await.unwrap().rows[0].id, rows[1].id);
    }
}

#[tokio::test]
async fn what_would_lose_data_is_refused_with_a_way_out() {
    for place in places(&[first()]).await {
        place.create(PATH, &[json!({"name": "a", "note": "x", "size": 3}), json!({"name": "b"})]).await;
        let mut def = first();
        def.fields[0].column = ColumnKind::LongText;
        def.fields[0].annotation.sort = false;
        def.fields[1].required = true;
        def.fields.push(field("price", ColumnKind::Decimal { scale: 2 }, true));
        let error = reopen(&place.db, def).await.unwrap_err();
        assert_eq!(error.code, Code::Conflict);
        for part in [
            "the field name was text and is now long text (leave it",
            "the field note is needed now",
            "the field price is needed now and rows that are there have no value (give it a default",
        ] {
            assert!(error.message.contains(part), "{part:?} is not in {:?}", error.message);
        }
        let store = reopen(&place.db, first()).await.unwrap();
        assert_eq!(store.search(PATH, SearchQuery::default()).await.unwrap().rows[1].values["size"], 3);
    }
}

/// A release that is taken back leaves the columns of what it had added, and what it comes back to goes on; so does the
/// release itself when it is live again.
#[tokio::test]
async fn a_field_that_is_not_declared_any_more_keeps_its_values() {
    for place in places(&[first()]).await {
        let mut newer = first();
        newer.fields.push(field("grade", ColumnKind::Text, true));
        newer.fields.last_mut().unwrap().schema["default"] = json!("b");
        newer.search.push("grade".to_owned());
        let row = |name: &str| json!({ "name": name, "note": "x", "size": 3 });
        place.create(PATH, &[row("first")]).await;
        let store = reopen(&place.db, newer.clone()).await.unwrap();
        let grades = async |store: &Store| {
            let query = SearchQuery {
                sort: vec![Sort { field: "id".to_owned(), desc: false }],
                ..SearchQuery::default()
            };
            let rows = store.search(PATH, query).await.unwrap().rows;
            rows.iter().map(|row| row.values.get("grade").cloned()).collect::<Vec<_>>()
        };
        assert_eq!(grades(&store).await, [Some(json!("b"))]);
        let store = reopen(&place.db, first()).await.unwrap();
        assert_eq!(grades(&store).await, [None]);
        place.create(PATH, &[row("second")]).await;
        let store = reopen(&place.db, newer).await.unwrap();
        assert_eq!(grades(&store).await, [Some(json!("b")), Some(json!("b"))]);
        let query = SearchQuery { q: Some("b".to_owned()), ..SearchQuery::default() };
        assert_eq!(store.search(PATH, query).await.unwrap().rows.len(), 2);
    }
}

/// A release that does without a field, and comes to nothing, leaves the one before able to start.
#[tokio::test]
async fn a_field_that_every_row_has_can_be_needed_again() {
    for place in places(&[first()]).await {
        let rows = place.create(PATH, &[json!({ "name": "a", "note": "x", "size": 3 })]).await;
        let mut newer = first();
        newer.fields[0].required = false;
        reopen(&place.db, newer.clone()).await.unwrap();
        reopen(&place.db, first()).await.unwrap();
        newer.fields.remove(0);
        reopen(&place.db, newer.clone()).await.unwrap();
        let store = reopen(&place.db, first()).await.unwrap();
        assert_eq!(store.search(PATH, SearchQuery::default()).await.unwrap().rows[0].id, rows[0].id);
        let store = reopen(&place.db, newer).await.unwrap();
        let mut unit = store.unit();
        let id = "12345".parse().unwrap();
        unit.create_with_id(PATH, id, json!({ "note": "y" }).as_object().unwrap()).unwrap();
        store.apply(unit, place.applied()).await.unwrap();
        let error = reopen(&place.db, first()).await.unwrap_err();
        assert!(error.message.contains("the field name is needed now"), "{error:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_table_says_why() {
    let place = places(&[]).await.remove(0);
    let mut def = table(
        "Thing",
        vec![
            field("version", ColumnKind::Text, true),
            field("a", ColumnKind::Json, false),
            field("a", ColumnKind::Text, false),
        ],
    );
    def.fields[1].annotation.sort = true;
    def.search = vec!["gone".to_owned()];
    let error = reopen(&place.db, def).await.unwrap_err();
    for part in
        ["its path", "every row has version", "a stands twice", "cannot be sorted by", "no field gone"]
    {
        assert!(error.message.contains(part), "{part:?} is not in {:?}", error.message);
    }
}

/// Opens tables; answers what that did to them, and whether it went well.
async fn told(db: &Db, defs: &[TableDef]) -> (Vec<String>, bool) {
    let mut done = TableSteps::default();
    let opened = Store::open_noting(db.clone(), defs.to_vec(), env().0, [9; 32], &mut done).await;
    let told = done.steps.iter().map(|it| {
        let step = serde_json::to_value(it.step).unwrap();
        let words = [Some(it.table.as_str()), step.as_str(), it.name.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    (told.collect(), opened.is_ok())
}

#[tokio::test]
async fn what_is_done_to_tables_is_told_once() {
    for place in places(&[]).await {
        let did = async |def: &TableDef, steps: &[&str]| {
            let steps = steps.iter().map(|step| format!("{PATH} {step}")).collect::<Vec<_>>();
            assert_eq!(told(&place.db, std::slice::from_ref(def)).await, (steps, true));
            assert_eq!(told(&place.db, std::slice::from_ref(def)).await, (Vec::new(), true), "again");
        };
        let mut indexed = first();
        indexed.fields[0].index = true;
        indexed.fields[2].index = true;
        did(&indexed, &["create_table", "add_index name", "add_index size"]).await;
        did(&first(), &["drop_index name", "drop_index size"]).await;

        let mut newer = first();
        newer.fields.push(field("grade", ColumnKind::Text, true));
        newer.fields.push(field("place", ColumnKind::Text, false));
        newer.fields[3].schema["default"] = json!("b");
        newer.search.push("place".to_owned());
        did(
            &newer,
            &[
                "add_column grade",
                "fill_default grade",
                "add_search_column grade",
                "add_column place",
                "add_search_column place",
            ],
        )
        .await;
        newer.fields[3].annotation.filter = false;
        newer.fields[3].annotation.sort = false;
        did(&newer, &["drop_search_column grade"]).await;

        // One that was needed and one that was not: either keeps its values, and has them again.
        did(&first(), &["keep_field grade", "keep_field place"]).await;
        did(&newer, &["reuse_field grade", "fill_default grade", "reuse_field place"]).await;
    }
}

/// What a release did that does not start is there for whoever looks, and the next start goes on from it.
#[tokio::test]
async fn steps_before_one_that_fails_are_told() {
    for place in places(&[first()]).await {
        let mut wrong = first();
        wrong.fields.push(field("price", ColumnKind::Integer, true));
        wrong.fields[3].schema["default"] = json!("none");
        let other = table("another.table", vec![field("name", ColumnKind::Text, true)]);
        let defs = [wrong, other];
        let before = ["another.table create_table", "thing.table add_column price"];
        let before = before.map(str::to_owned).to_vec();
        assert_eq!(told(&place.db, &defs).await, (before, false));
        assert_eq!(told(&place.db, &defs).await, (Vec::new(), false));
        let [mut right, other] = defs;
        right.fields[3].schema["default"] = json!(3);
        let after = vec!["thing.table fill_default price".to_owned()];
        assert_eq!(told(&place.db, &[right, other]).await, (after, true));
    }
}
