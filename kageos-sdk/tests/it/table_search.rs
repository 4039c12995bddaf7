//! Searches: the same rows in the same order as a look at every row, on every engine, page by page.

use kageos_core::{Code, Sort};
use kageos_sdk::table::{Filter, SearchQuery};
use serde_json::{Value, json};

use crate::{
    table_naive,
    table_support::{CUSTOMER, OWNER, Seeded, customer, field, ids, object, owner, places, table},
};

/// Rows that random ones are made of: few values, so that many are equal, and none.
fn random_row(random: &mut Seeded, owners: &[String]) -> Value {
    let mut row = json!({"name": random.pick(&["Ada", "ada", "Ärger", "ärger", "Z_e%d!", "zoë", "", "a\\b", "日本", "\u{ffff}x"])});
    let mut set = |random: &mut Seeded, name: &str, values: &[Value]| {
        if random.below(4) > 0 {
            row[name] = values[random.below(values.len())].clone();
        }
    };
    set(
        random,
        "select",
        &[json!(""), json!("x"), json!("X"), json!("xy"), json!("y%"), json!("\u{10ffff}")],
    );
    set(random, "note", &[json!(""), json!("Long Ada"), json!("none"), json!("100%_")]);
    set(random, "order", &[json!(-3), json!(0), json!(7), json!(9_007_199_254_740_991_i64)]);
    set(random, "big", &[json!("-9223372036854775808"), json!("0"), json!("9223372036854775807")]);
    set(random, "active", &[json!(true), json!(false)]);
    set(random, "value", &[json!("-0.05"), json!("0.00"), json!("10.00"), json!("9.99")]);
    set(random, "born", &[json!("1999-12-31"), json!("2000-01-01"), json!("2024-02-29")]);
    set(
        random,
        "seen",
        &[json!("1969-07-20T20:17:40Z"), json!("2026-01-01T00:00:00.5Z"), json!("2026-01-01T00:00:00Z")],
    );
    let owners: Vec<Value> = owners.iter().map(|id| json!(id)).collect();
    set(random, "owner", &owners);
    set(random, "tags", &[json!([]), json!(["a"]), json!(["a", "b\"c"]), json!(["ab"])]);
    set(random, "group", &[json!("lead"), json!("won"), json!("lost")]);
    row
}

/// A value that stands in some row, or null.
fn some_value(random: &mut Seeded, rows: &[Value], field: &str) -> Value {
    rows[random.below(rows.len())].get(field).cloned().unwrap_or(Value::Null)
}

const FIELDS: [&str; 10] =
    ["name", "select", "note", "order", "big", "active", "value", "born", "seen", "owner"];

fn random_filter(random: &mut Seeded, rows: &[Value], depth: usize) -> Filter {
    let field = random.pick(&FIELDS).to_owned();
    let value = |random: &mut Seeded| some_value(random, rows, &field);
    let branches = if depth == 0 { 7 } else { 10 };
    match random.below(branches) {
        0 => Filter::Eq(field.clone(), value(random)),
        1 => Filter::Ne(field.clone(), value(random)),
        2 => Filter::In(field.clone(), (0..random.below(4)).map(|_| value(random)).collect()),
        3 => Filter::Contains(
            random.pick(&["name", "note", "select", "tags", "group"]).to_owned(),
            random.pick(&["a", "", "A", "%", "_", "\\", "!", "ä", "o", "b\"c"]).to_owned(),
        ),
        4 => Filter::Starts(
            random.pick(&["name", "note", "select", "group"]).to_owned(),
            random.pick(&["a", "", "Z", "x", "Ä", "\u{10ffff}", "l", "日"]).to_owned(),
        ),
        5 if field != "active" => Filter::Range(field.clone(), value(random), value(random)),
        5 | 6 => Filter::Empty(random.pick(&["select", "note", "tags", "order", "id", "active"]).to_owned()),
        7 => Filter::Not(Box::new(random_filter(random, rows, depth - 1))),
        which => {
            let parts = (0..random.below(4)).map(|_| random_filter(random, rows, depth - 1)).collect();
            if which == 8 { Filter::And(parts) } else { Filter::Or(parts) }
        }
    }
}

fn random_sort(random: &mut Seeded) -> Vec<Sort> {
    let fields =
        ["id", "name", "select", "order", "big", "active", "value", "born", "seen", "owner", "group"];
    let mut steps: Vec<Sort> = Vec::new();
    for _ in 0..random.below(4) {
        let field = random.pick(&fields).to_owned();
        if steps.iter().all(|step| step.field != field) {
            steps.push(Sort { field, desc: random.below(2) == 0 });
        }
    }
    steps
}

#[tokio::test]
async fn filters_and_orders_agree_with_a_look_at_every_row() {
    let def = customer();
    for place in places(&[customer(), owner()]).await {
        let mut random = Seeded::new(42);
        let owners = place.create(OWNER, &[json!({"name": "A"}), json!({"name": "B"})]).await;
        let owners: Vec<String> = owners.iter().map(|row| row.id.to_string()).collect();
        let values: Vec<Value> = (0..120).map(|_| random_row(&mut random, &owners)).collect();
        let rows = place.create(CUSTOMER, &values).await;
        let mut hits = 0;
        for round in 0..300 {
            let filter = random_filter(&mut random, &values, 3);
            let sort = random_sort(&mut random);
            let mut wanted = rows.clone();
            wanted.retain(|row| table_naive::holds(&def, row, &filter));
            table_naive::sort(&def, &mut wanted, &sort);
            hits += usize::from(!wanted.is_empty() && wanted.len() < rows.len());
            let limit = [1, 7, 50, 500][round % 4];
            let query =
                SearchQuery { filter: Some(filter.clone()), sort: sort.clone(), ..SearchQuery::default() };
            let found = place.all(CUSTOMER, &query, limit).await;
            assert_eq!(
                ids(&found),
                ids(&wanted),
                "{filter:?} {sort:?} by {limit} on {:?}",
                place.db.engine()
            );
            assert_eq!(found, wanted);
            let counted = SearchQuery { count: true, limit: Some(1), ..query };
            let page = place.store.search(CUSTOMER, counted).await.unwrap();
            assert_eq!(page.count, Some(wanted.len() as u32));
        }
        assert!(hits > 100, "the filters tell too little: {hits}");
    }
}

#[tokio::test]
async fn pages_hold_every_row_once_while_rows_are_added() {
    for place in places(&[customer(), owner()]).await {
        let rows: Vec<Value> = (0..40)
            .map(|n| if n % 3 == 0 { json!({"name": "x"}) } else { json!({"name": "x", "order": n % 5}) })
            .collect();
        let made = place.create(CUSTOMER, &rows).await;
        for (field, desc) in [("id", false), ("id", true), ("order", false), ("order", true), ("name", false)]
        {
            let mut query = SearchQuery {
                sort: vec![Sort { field: field.to_owned(), desc }],
                limit: Some(7),
                ..SearchQuery::default()
            };
            let mut seen = Vec::new();
            let mut pages = 0;
            loop {
                let page = place.store.search(CUSTOMER, query.clone()).await.unwrap();
                seen.extend(ids(&page.rows));
                place.create(CUSTOMER, &[json!({"name": "x", "order": 2}), json!({"name": "x"})]).await;
                pages += 1;
                match page.next {
                    Some(next) if pages < 200 => query.next = Some(next),
                    _ => break,
                }
                if field == "name" && pages == 6 {
                    break;
                }
            }
            let mut unique = seen.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), seen.len(), "a row came twice by {field} {desc}");
            if (field, desc) == ("id", true) || field == "order" {
                assert!(
                    made.iter().all(|row| seen.contains(&row.id)),
                    "a row was left out by {field} {desc}"
                );
            }
            if (field, desc) == ("id", false) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn words_are_looked_for_in_every_searched_field() {
    for place in places(&[customer(), owner()]).await {
        place
            .create(
                CUSTOMER,
                &[
                    json!({"name": "Ada Lovelace", "note": "Analytical ENGINE"}),
                    json!({"name": "Engine", "select": "ada"}),
                    json!({"name": "100%"}),
                ],
            )
            .await;
        for (q, wanted) in
            [("ada engine", 1), ("ENGINE", 2), ("%", 1), ("_", 0), ("  ", 3), ("lovelace x", 0)]
        {
            let query = SearchQuery { q: Some(q.to_owned()), ..SearchQuery::default() };
            assert_eq!(place.all(CUSTOMER, &query, 2).await.len(), wanted, "{q:?}");
        }
    }
}

#[tokio::test]
async fn a_cursor_serves_its_own_query_only() {
    let place = places(&[customer(), owner()]).await.remove(0);
    place.create(CUSTOMER, &[json!({"name": "a"}), json!({"name": "b"}), json!({"name": "c"})]).await;
    let query = SearchQuery { limit: Some(1), ..SearchQuery::default() };
    let next = place.store.search(CUSTOMER, query.clone()).await.unwrap().next.unwrap();
    let with = |next: &str, query: &SearchQuery| SearchQuery { next: Some(next.to_owned()), ..query.clone() };
    let code = async |query: SearchQuery| place.store.search(CUSTOMER, query).await.unwrap_err().code;
    let sorted = SearchQuery { sort: vec![Sort { field: "name".to_owned(), desc: false }], ..query.clone() };
    let filtered = SearchQuery { filter: Some(Filter::Empty("order".to_owned())), ..query.clone() };
    let bin = SearchQuery { bin: true, ..query.clone() };
    let words = SearchQuery { q: Some("a".to_owned()), ..query.clone() };
    for other in [&sorted, &filtered, &bin, &words] {
        assert_eq!(code(with(&next, other)).await, Code::CursorMismatch, "{other:?}");
    }
    let mut flipped = next.clone().into_bytes();
    for at in 0..flipped.len() {
        let old = flipped[at];
        flipped[at] = if old == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(flipped.clone()).unwrap();
        assert_eq!(code(with(&damaged, &query)).await, Code::InvalidCursor, "byte {at}");
        flipped[at] = old;
    }
    for garbage in ["", "!", "AA", &"A".repeat(20_000)] {
        assert_eq!(code(with(garbage, &query)).await, Code::InvalidCursor);
    }
    let wider = SearchQuery { limit: Some(2), next: Some(next), ..query };
    assert_eq!(place.store.search(CUSTOMER, wider).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_wrong_query_says_where() {
    let mut def = customer();
    def.fields[1].annotation.filter = false;
    def.fields[1].annotation.sort = false;
    let place = places(&[def, owner()]).await.remove(0);
    let check = async |query: Value, wanted: &[&str]| {
        let query: SearchQuery = serde_json::from_value(query).unwrap();
        let error = place.store.search(CUSTOMER, query).await.unwrap_err();
        let found: Vec<_> = error.fields.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
        assert_eq!(
            (error.code, found.iter().map(String::as_str).collect::<Vec<_>>()),
            (Code::InvalidInput, wanted.to_vec())
        );
    };
    let deep = (0..8).fold(json!({"empty": "name"}), |inner, _| json!({ "not": inner }));
    let wide: Vec<Value> = (0..100).map(|_| json!({"empty": "name"})).collect();
    check(
        json!({"filter": {"and": [
            {"eq": ["nothing", 1]}, {"or": [{"ne": ["order", "1"]}, {"eq": ["select", "x"]}]},
            {"in": ["value", ["1.00", 2]]}, {"range": ["active", null, true]}, {"contains": ["order", "1"]},
            {"eq": ["tags", []]}, {"range": ["born", "2024-1-1", null]}, {"not": {"eq": ["id", 5]}},
        ]}}),
        &[
            "/filter/and/0/eq/0 unknown_field",
            "/filter/and/1/or/0/ne/1 type",
            "/filter/and/1/or/1/eq/0 not_filterable",
            "/filter/and/2/in/1/1 type",
            "/filter/and/3/range/0 type",
            "/filter/and/4/contains/0 type",
            "/filter/and/5/eq/1 type",
            "/filter/and/6/range/1 format",
            "/filter/and/7/not/eq/1 type",
        ],
    )
    .await;
    check(json!({ "filter": deep }), &["/filter/not/not/not/not/not/not/not/not max_depth"]).await;
    check(json!({"filter": {"and": wide}}), &["/filter/and/99 max_nodes"]).await;
    check(json!({"filter": {"in": ["order", vec![1; 501]]}}), &["/filter/in/1 max_items"]).await;
    let many: Vec<_> = (0..6).map(|_| json!({"in": ["order", vec![1; 400]]})).collect();
    check(json!({"filter": {"or": many}}), &["/filter/or/5/in/1 max_values"]).await;
    check(
        json!({"sort": [{"field": "nothing"}, {"field": "select"}, {"field": "note"}]}),
        &["/sort/0/field unknown_field", "/sort/1/field not_sortable", "/sort/2/field not_sortable"],
    )
    .await;
    check(json!({"sort": vec![json!({"field": "name"}); 6]}), &["/sort max_items"]).await;
    check(json!({"limit": 0}), &["/limit range"]).await;
    check(json!({"limit": 501}), &["/limit range"]).await;
    check(json!({"q": "x".repeat(201)}), &["/q max_bytes"]).await;
    check(json!({"q": "a b c d e f g h i"}), &["/q max_items"]).await;
    assert!(serde_json::from_value::<Filter>(json!({"like": ["name", "x"]})).is_err());
    assert_eq!(
        place.store.search("none.table", SearchQuery::default()).await.unwrap_err().code,
        Code::NotFound
    );
}

#[tokio::test]
async fn relations_are_labelled() {
    for place in places(&[customer(), owner()]).await {
        let owners = place.create(OWNER, &[json!({"name": "Grace"}), json!({"name": "Linus"})]).await;
        let named: Vec<Value> = owners.iter().map(|it| json!({"name": "x", "owner": it.id})).collect();
        place.create(CUSTOMER, &named).await;
        place.create(CUSTOMER, &[json!({"name": "x"})]).await;
        let page = place.store.search(CUSTOMER, SearchQuery::default()).await.unwrap();
        let wanted = json!({"owner": {owners[0].id.to_string(): "Grace", owners[1].id.to_string(): "Linus"}});
        assert_eq!(json!(page.labels), wanted);
    }
}

#[tokio::test]
async fn a_count_stops_at_its_cap() {
    for place in places(&[owner()]).await {
        let rows = vec![json!({"name": "x"}); 1100];
        place.create(OWNER, &rows).await;
        let query = SearchQuery { count: true, limit: Some(1), ..SearchQuery::default() };
        assert_eq!(place.store.search(OWNER, query).await.unwrap().count, Some(1001));
        for (most, counted) in [(1, 1), (1_100, 1_100), (5_000, 1_100)] {
            assert_eq!(place.store.row_count(OWNER, most).await.unwrap(), Some(counted));
        }
        assert_eq!(place.store.row_count("none.table", 1).await.unwrap_err().code, Code::NotFound);
    }
}

/// What the planner says about every statement shape that has to be quick.
#[tokio::test]
async fn indexes_serve_pages() {
    let mut def = table(
        "big.table",
        vec![
            field("must", kageos_sdk::def::ColumnKind::Integer, true),
            field("may", kageos_sdk::def::ColumnKind::Integer, false),
            field("text", kageos_sdk::def::ColumnKind::Text, false),
        ],
    );
    def.fields.iter_mut().for_each(|field| field.index = true);
    for place in places(&[def]).await {
        let rows: Vec<Value> = (0..3000)
            .map(|n| json!({"must": n % 50, "may": if n % 10 == 0 { Value::Null } else { json!(n) }, "text": format!("t{}", n % 700)}))
            .collect();
        place.create("big.table", &rows).await;
        place.analyze("t_big").await;
        for query in [
            json!({}),
            json!({"sort": [{"field": "id"}]}),
            json!({"sort": [{"field": "must"}]}),
            json!({"sort": [{"field": "must", "desc": true}]}),
            json!({"sort": [{"field": "may"}]}),
            json!({"sort": [{"field": "may", "desc": true}]}),
            json!({"sort": [{"field": "text"}]}),
            json!({"sort": [{"field": "text", "desc": true}]}),
            json!({"filter": {"eq": ["must", 7]}}),
            json!({"filter": {"range": ["may", 10, 20]}, "sort": [{"field": "may"}]}),
            json!({"filter": {"starts": ["text", "t1"]}, "sort": [{"field": "text"}]}),
        ] {
            let query: SearchQuery = serde_json::from_value(query).unwrap();
            let first = place
                .store
                .search("big.table", SearchQuery { limit: Some(5), ..query.clone() })
                .await
                .unwrap();
            for next in [None, first.next] {
                let query = SearchQuery { limit: Some(5), next, ..query.clone() };
                for plan in place.store.explain("big.table", &query).await.unwrap() {
                    place.check_plan(&query, &plan);
                }
            }
        }
    }
}

/// Few rows may be sorted, but none is looked at that the index does not lead to.
#[tokio::test]
async fn an_index_leads_to_equal_text() {
    let mut def = table("big.table", vec![field("text", kageos_sdk::def::ColumnKind::Text, false)]);
    def.fields[0].index = true;
    for place in places(&[def]).await {
        let rows: Vec<Value> = (0..3000).map(|n| json!({"text": format!("T{}", n % 700)})).collect();
        place.create("big.table", &rows).await;
        place.analyze("t_big").await;
        for filter in [json!({"eq": ["text", "T7"]}), json!({"in": ["text", ["T7", "T8"]]})] {
            let query: SearchQuery = serde_json::from_value(json!({ "filter": filter })).unwrap();
            let found = place.store.search("big.table", query.clone()).await.unwrap();
            assert!(!found.rows.is_empty() && found.rows.len() < 20, "{} rows", found.rows.len());
            for plan in place.store.explain("big.table", &query).await.unwrap() {
                let whole = ["SCAN t_big", "Seq Scan", "|ALL|"].iter().any(|it| plan.contains(it));
                assert!(!whole, "{query:?}:\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn rows_come_and_go_under_their_ids() {
    let place = places(&[owner()]).await.remove(0);
    let mut unit = place.store.unit();
    let id = kageos_core::RowId::from_i64(5).unwrap();
    unit.create_with_id(OWNER, id, &object(&json!({"name": "five"}))).unwrap();
    assert_eq!(
        unit.create_with_id(OWNER, id, &object(&json!({"name": "x"}))).unwrap_err().code,
        Code::Conflict
    );
    place.apply(unit).await.unwrap();
    assert_eq!(place.store.get(OWNER, id).await.unwrap().unwrap().values["name"], "five");
}

#[tokio::test]
async fn a_query_that_no_index_serves_is_stopped() {
    let mut def = table("long.table", vec![field("note", kageos_sdk::def::ColumnKind::LongText, false)]);
    def.history = false;
    let place = places(&[def]).await.remove(0);
    place.create("long.table", &vec![json!({"note": "x".repeat(1_000_000)}); 30]).await;
    let needles = (0..90).map(|n| Filter::Contains("note".to_owned(), format!("{}{n}", "x".repeat(100))));
    let query = SearchQuery { filter: Some(Filter::Or(needles.collect())), ..SearchQuery::default() };
    let error = place.store.search("long.table", query).await.unwrap_err();
    assert_eq!(error.code, Code::QueryTooExpensive);
    assert!(error.message.contains("no index serves note"), "{}", error.message);
}
