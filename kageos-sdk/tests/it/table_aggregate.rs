//! Groups and their numbers against a look at every row.

use std::collections::BTreeMap;

use kageos_core::Code;
use kageos_sdk::table::{Aggregate, AggregateQuery, Bucket, Filter, Group, MarkOrder, Row, SearchQuery};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::table_support::{CUSTOMER, Place, Seeded, customer, owner, places};

fn query(group_by: Vec<Group>, value: Aggregate) -> AggregateQuery {
    AggregateQuery { group_by, value, filter: None, limit: None, order: MarkOrder::Key }
}

async fn random_rows(place: &Place) -> Vec<Row> {
    let mut random = Seeded::new(5);
    let values: Vec<Value> = (0..150)
        .map(|n| {
            let mut row = json!({"name": "x"});
            if n % 7 > 0 {
                row["group"] = random.pick(&["lead", "won", "lost"]).into();
            }
            if n % 5 > 0 {
                let cents = random.below(200_000) as i64 - 100_000;
                row["value"] = format!("{:.2}", Decimal::new(cents, 2)).into();
            }
            if n % 11 > 0 {
                let day = random.below(1500) as i64 - 700;
                let micros = day * 86_400_000_000 + random.below(86_400) as i64 * 1_000_000;
                row["seen"] = kageos_core::Timestamp::from_micros(micros).to_string().into();
                row["born"] = row["seen"].as_str().unwrap()[..10].into();
            }
            row
        })
        .collect();
    place.create(CUSTOMER, &values).await
}

/// What the rows of a mark's filter add up to.
async fn drilled(place: &Place, filter: &Filter, value: &Aggregate) -> Option<Decimal> {
    let query = SearchQuery { filter: Some(filter.clone()), ..SearchQuery::default() };
    let rows = place.all(CUSTOMER, &query, 100).await;
    let numbers: Vec<Decimal> =
        rows.iter().filter_map(|row| row.values["value"].as_str()).map(|it| it.parse().unwrap()).collect();
    let sum: Decimal = numbers.iter().sum();
    match value {
        Aggregate::Count => Some(rows.len().into()),
        _ if numbers.is_empty() => None,
        Aggregate::Sum(_) => Some(sum),
        Aggregate::Avg(_) => Some((sum / Decimal::from(numbers.len())).round_dp(6)),
        Aggregate::Min(_) => numbers.iter().min().copied(),
        Aggregate::Max(_) => numbers.iter().max().copied(),
    }
}

#[tokio::test]
async fn every_mark_is_what_its_filter_finds() {
    let mut first: Option<Vec<String>> = None;
    for place in places(&[customer(), owner()]).await {
        let rows = random_rows(&place).await;
        let field = || "value".to_owned();
        let values = [
            Aggregate::Count,
            Aggregate::Sum(field()),
            Aggregate::Avg(field()),
            Aggregate::Min(field()),
            Aggregate::Max(field()),
        ];
        let time = |name: &str, bucket| Group::Time(name.to_owned(), bucket);
        let groups = [
            vec![],
            vec![Group::Field("group".to_owned())],
            vec![time("seen", Bucket::Hour)],
            vec![time("seen", Bucket::Day)],
            vec![time("seen", Bucket::Week)],
            vec![time("seen", Bucket::Month)],
            vec![time("seen", Bucket::Quarter)],
            vec![time("born", Bucket::Year)],
            vec![time("born", Bucket::Week), Group::Field("group".to_owned())],
        ];
        let mut told = Vec::new();
        for (at, group_by) in groups.into_iter().enumerate() {
            let value = values[at % values.len()].clone();
            let marks =
                place.store.aggregate(CUSTOMER, &query(group_by.clone(), value.clone())).await.unwrap();
            for mark in &marks {
                assert_eq!(mark.value, drilled(&place, &mark.filter, &value).await, "{mark:?}");
            }
            told.push(format!("{marks:?}"));
            let counts = place.store.aggregate(CUSTOMER, &query(group_by, Aggregate::Count)).await.unwrap();
            let all: Decimal = counts.iter().filter_map(|mark| mark.value).sum();
            assert_eq!(all, Decimal::from(rows.len()), "a row is in no group, or in two");
        }
        assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "engines differ");
    }
}

#[tokio::test]
async fn stretches_start_where_people_say() {
    for place in places(&[customer(), owner()]).await {
        let days = ["2023-12-31", "2024-01-01", "2024-01-07", "2024-02-29", "1969-12-31"];
        let rows: Vec<Value> = days
            .iter()
            .map(|day| json!({"name": "x", "born": day, "seen": format!("{day}T23:59:59.999999Z")}))
            .collect();
        place.create(CUSTOMER, &rows).await;
        for (bucket, wanted) in [
            (
                Bucket::Day,
                vec![
                    ("1969-12-31", 1),
                    ("2023-12-31", 1),
                    ("2024-01-01", 1),
                    ("2024-01-07", 1),
                    ("2024-02-29", 1),
                ],
            ),
            (Bucket::Week, vec![("1969-12-29", 1), ("2023-12-25", 1), ("2024-01-01", 2), ("2024-02-26", 1)]),
            (Bucket::Month, vec![("1969-12-01", 1), ("2023-12-01", 1), ("2024-01-01", 2), ("2024-02-01", 1)]),
            (Bucket::Quarter, vec![("1969-10-01", 1), ("2023-10-01", 1), ("2024-01-01", 3)]),
            (Bucket::Year, vec![("1969-01-01", 1), ("2023-01-01", 1), ("2024-01-01", 3)]),
        ] {
            for (name, rest) in [("born", ""), ("seen", "T00:00:00Z")] {
                let query = query(vec![Group::Time(name.to_owned(), bucket)], Aggregate::Count);
                let marks = place.store.aggregate(CUSTOMER, &query).await.unwrap();
                let found: BTreeMap<String, Decimal> = marks
                    .iter()
                    .map(|mark| (mark.keys[0].as_str().unwrap().to_owned(), mark.value.unwrap()))
                    .collect();
                let wanted =
                    wanted.iter().map(|(day, count)| (format!("{day}{rest}"), Decimal::from(*count)));
                assert_eq!(found, wanted.collect(), "{bucket:?} of {name}");
            }
        }
    }
}

#[tokio::test]
async fn sums_beyond_64_bits_are_exact() {
    for place in places(&[customer(), owner()]).await {
        let most = json!({"name": "x", "big": "9223372036854775807", "value": "92233720368547758.07"});
        let least = json!({"name": "y", "big": "-9223372036854775808", "value": "-92233720368547758.08"});
        place.create(CUSTOMER, &[most.clone(), most.clone(), most, least]).await;
        let sum = async |field: &str, filter: Option<Filter>| {
            let query = AggregateQuery { filter, ..query(vec![], Aggregate::Sum(field.to_owned())) };
            place.store.aggregate(CUSTOMER, &query).await.unwrap()[0].value.unwrap().to_string()
        };
        assert_eq!(sum("big", None).await, "18446744073709551613");
        assert_eq!(sum("value", None).await, "184467440737095516.13");
        let only = Filter::Eq("name".to_owned(), json!("y"));
        assert_eq!(sum("big", Some(only)).await, "-9223372036854775808");
    }
}

#[tokio::test]
async fn order_limit_and_mistakes() {
    let place = places(&[customer(), owner()]).await.remove(0);
    let rows: Vec<Value> = [("lead", 1), ("won", 3), ("lost", 2)]
        .iter()
        .flat_map(|(group, count)| (0..*count).map(move |_| json!({"name": "x", "group": group})))
        .collect();
    place.create(CUSTOMER, &rows).await;
    place.create(CUSTOMER, &[json!({"name": "x"})]).await;
    let by_group = || query(vec![Group::Field("group".to_owned())], Aggregate::Count);
    for (order, wanted) in [
        (MarkOrder::Key, json!(["lead", "lost", "won", null])),
        (MarkOrder::KeyDesc, json!(["won", "lost", "lead", null])),
        (MarkOrder::Value, json!(["lead", null, "lost", "won"])),
        (MarkOrder::ValueDesc, json!(["won", "lost", "lead", null])),
    ] {
        let marks = place.store.aggregate(CUSTOMER, &AggregateQuery { order, ..by_group() }).await.unwrap();
        let keys: Value = marks.iter().map(|mark| mark.keys[0].clone()).collect();
        assert_eq!(keys, wanted, "{order:?}");
    }
    let top = AggregateQuery { limit: Some(1), order: MarkOrder::ValueDesc, ..by_group() };
    assert_eq!(place.store.aggregate(CUSTOMER, &top).await.unwrap()[0].value, Some(3.into()));
    let none = query(vec![], Aggregate::Sum("value".to_owned()));
    let marks = place.store.aggregate(CUSTOMER, &none).await.unwrap();
    assert_eq!((marks.len(), marks[0].value), (1, None));
    let field = |name: &str| Group::Field(name.to_owned());
    for (wrong, pointer) in [
        (query(vec![field("gone")], Aggregate::Count), "/group_by/0"),
        (query(vec![field("group"), field("note")], Aggregate::Count), "/group_by/1"),
        (query(vec![Group::Time("order".to_owned(), Bucket::Day)], Aggregate::Count), "/group_by/0"),
        (query(vec![field("group"); 3], Aggregate::Count), "/group_by"),
        (query(vec![], Aggregate::Sum("name".to_owned())), "/value"),
        (AggregateQuery { limit: Some(2001), ..by_group() }, "/limit"),
    ] {
        let error = place.store.aggregate(CUSTOMER, &wrong).await.unwrap_err();
        assert_eq!((error.code, &*error.fields[0].pointer), (Code::InvalidInput, pointer));
    }
}
