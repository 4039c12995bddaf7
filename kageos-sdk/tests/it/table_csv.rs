//! CSV in and out.

use std::{
    fmt::Write as _,
    io::{Cursor, Read},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use kageos_core::{Code, Sort};
use kageos_sdk::{
    def::ColumnKind,
    table::{ImportReport, SearchQuery},
};
use serde_json::{Value, json};

use crate::table_support::{CUSTOMER, OWNER, Place, customer, field, object, owner, places, table};

async fn import(place: &Place, path: &str, csv: &[u8]) -> ImportReport {
    let mut unit = place.store.unit();
    let report = unit.import_csv(path, Cursor::new(csv.to_vec())).await.unwrap();
    assert_eq!(unit.is_empty(), report.created == 0, "a failed import leaves something");
    place.apply(unit).await.unwrap();
    report
}

async fn export(place: &Place, path: &str) -> String {
    let by_id =
        SearchQuery { sort: vec![Sort { field: "id".to_owned(), desc: false }], ..SearchQuery::default() };
    let mut export = place.store.export_csv(path, &by_id).unwrap();
    let mut text = Vec::new();
    while let Some(block) = export.next_block().await.unwrap() {
        text.extend(block);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn what_goes_out_comes_in_again() {
    for place in places(&[customer(), owner()]).await {
        let boss = place.create(OWNER, &[json!({"name": "Grace"})]).await.remove(0);
        let values = [
            json!({"name": "=1+1", "select": "+55 (12) 3923-5555", "note": "line\nbreak, \"quoted\"", "order": -5,
                "big": "9223372036854775807", "active": true, "value": "-0.99", "born": "2024-02-29",
                "seen": "2026-01-01T00:00:00.5Z", "owner": boss.id, "tags": ["a", "b\"c"], "group": "won"}),
            json!({"name": "'=x", "select": "-2+3", "note": "@SUM(A1)"}),
            json!({"name": "'+1", "select": "''", "note": "\tx"}),
            json!({"name": "+cmd|' /C calc'!A0", "select": "0171", "note": "Łódź"}),
        ];
        let rows = place.create(CUSTOMER, &values).await;
        let out = export(&place, CUSTOMER).await;
        for harmless in ["'=1+1", ",+55 (12) 3923-5555,", ",-0.99,", ",-5,", "'-2+3", "'@SUM(A1)", "'+cmd"] {
            assert!(out.contains(harmless), "{harmless} is not in {out}");
        }
        let mut unit = place.store.unit();
        for row in &rows {
            unit.delete(CUSTOMER, row.id, None).await.unwrap();
        }
        place.apply(unit).await.unwrap();
        let taken = import(&place, CUSTOMER, out.as_bytes()).await;
        assert_eq!((taken.created, taken.failed), (0, 4));
        assert_eq!((taken.errors[0].line, &*taken.errors[0].fields[0].pointer), (2, "/id"));
        let mut unit = place.store.unit();
        for row in &rows {
            unit.purge(CUSTOMER, row.id).await.unwrap();
        }
        place.apply(unit).await.unwrap();
        assert_eq!(import(&place, CUSTOMER, out.as_bytes()).await.created, 4);
        for row in rows {
            let back = place.store.get(CUSTOMER, row.id).await.unwrap().unwrap();
            assert_eq!(back.values, row.values);
        }
        assert_eq!(export(&place, CUSTOMER).await, out);
    }
}

#[tokio::test]
async fn a_line_may_name_what_comes_with_it_and_nothing_that_is_not_there() {
    for place in places(&[customer(), owner()]).await {
        let boss = place.create(OWNER, &[json!({"name": "Grace"})]).await.remove(0);
        let mut unit = place.store.unit();
        let other = unit.create(OWNER, &object(&json!({"name": "Linus"}))).unwrap();
        let csv = format!("name,owner\na,{}\nb,{}\nc,\n", boss.id, other.id);
        let report = unit.import_csv(CUSTOMER, Cursor::new(csv.into_bytes())).await.unwrap();
        assert_eq!((report.created, report.failed), (3, 0));
        place.apply(unit).await.unwrap();
        let csv = format!("name,owner\na,{}\nb,77\nc,77\n", boss.id);
        let report = import(&place, CUSTOMER, csv.as_bytes()).await;
        let told: Vec<_> = report
            .errors
            .iter()
            .map(|row| (row.line, &*row.fields[0].pointer, &*row.fields[0].code))
            .collect();
        assert_eq!(told, [(3, "/owner", "not_found"), (4, "/owner", "not_found")]);
    }
}

#[tokio::test]
async fn every_wrong_line_is_named_and_nothing_is_kept() {
    let place = places(&[customer(), owner()]).await.remove(0);
    let csv = b"\xef\xbb\xbfname,order,seen,value,id\n\
        good,1,2020-01-02 03:04:05,1.5,1\n\
        ,x,yesterday,1.234,1\n\
        \"two\nlines\",,,,0\n\
        short,1\n\
        \xff,1,,,\n\
        fine,,2020-01-02,,\n";
    let report = import(&place, CUSTOMER, csv).await;
    let found: Vec<_> = report
        .errors
        .iter()
        .flat_map(|row| row.fields.iter().map(move |it| format!("{} {} {}", row.line, it.pointer, it.code)))
        .collect();
    let wanted = [
        "3 /order type",
        "3 /value scale",
        "3 /seen format",
        "3 /name required",
        "3 /id unique",
        "4 /id type",
        "6  columns",
        "7  utf8",
    ];
    assert_eq!((report.created, report.failed, found), (0, 4, wanted.map(str::to_owned).to_vec()));
    assert!(place.all(CUSTOMER, &SearchQuery::default(), 10).await.is_empty());
    let good = b"name,seen\r\na,2020-01-02 03:04:05\r\nb,2020-01-02T00:00:00+02:00\r\n";
    assert_eq!(import(&place, CUSTOMER, good).await.created, 2);
    let seen: Vec<Value> = place
        .all(CUSTOMER, &SearchQuery::default(), 10)
        .await
        .iter()
        .map(|row| row.values["seen"].clone())
        .collect();
    assert_eq!(seen, [json!("2020-01-01T22:00:00Z"), json!("2020-01-02T03:04:05Z")]);
    let mut unit = place.store.unit();
    let error = unit.import_csv(CUSTOMER, &b"name,colour,name\na,b,c\n"[..]).await.unwrap_err();
    let found: Vec<_> = error.fields.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
    assert_eq!(found, ["/colour unknown_field", "/name unique"]);
}

#[tokio::test]
async fn only_the_first_hundred_mistakes_are_told() {
    let place = places(&[owner()]).await.remove(0);
    let mut csv = "id,name\n".to_owned();
    for _ in 0..250 {
        csv.push_str("x,\n");
    }
    let report = import(&place, OWNER, csv.as_bytes()).await;
    assert_eq!((report.failed, report.errors.len()), (250, 100));
}

#[tokio::test]
async fn a_hundred_thousand_rows_come_in_and_out() {
    let def = table(
        "wide.table",
        vec![
            field("name", ColumnKind::Text, true),
            field("count", ColumnKind::Integer, false),
            field("price", ColumnKind::Decimal { scale: 2 }, false),
            field("at", ColumnKind::DateTime, false),
        ],
    );
    for place in places(&[def]).await {
        let mut csv = "name,count,price,at\n".to_owned();
        for n in 0..100_000 {
            writeln!(csv, "row {n},{},{}.{:02},2026-01-01T00:00:00Z", n % 97, n, n % 100).unwrap();
        }
        let report = import(&place, "wide.table", csv.as_bytes()).await;
        assert_eq!((report.created, report.failed), (100_000, 0));
        let out = export(&place, "wide.table").await;
        assert_eq!(out.lines().count(), 100_001);
        assert!(out.lines().last().unwrap().ends_with("row 99999,89,99999.99,2026-01-01T00:00:00Z"));
        csv.push_str("one more,,,\n");
        let mut unit = place.store.unit();
        let error = unit.import_csv("wide.table", Cursor::new(csv)).await.unwrap_err();
        assert_eq!(error.code, Code::PayloadTooLarge);
    }
}

/// A text that comes late, but comes.
struct Late(Receiver<()>);

impl Read for Late {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.0.recv_timeout(Duration::from_secs(5));
        Ok(0)
    }
}

#[tokio::test]
async fn reading_a_text_holds_up_nobody() {
    let place = places(&[owner()]).await.remove(0);
    let (go, wait) = channel();
    let mut unit = place.store.unit();
    let read = unit.import_csv(OWNER, Late(wait));
    let late = tokio::time::timeout(Duration::from_millis(1), read).await;
    drop(go);
    assert!(late.is_err(), "the deadline fired only when all was read");
}
