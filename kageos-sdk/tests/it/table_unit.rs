//! Units: what is written is written whole, once, with its history and receipt.

use std::time::Duration;

use kageos_core::{ChangeOp, Code, RowId};
use kageos_sdk::table::{SearchQuery, changes_hash};
use serde_json::json;

use crate::table_support::{CUSTOMER, OWNER, Place, customer, object, owner, places, refused};

async fn stores() -> Vec<Place> {
    places(&[customer(), owner()]).await
}

#[tokio::test]
async fn every_type_comes_back_as_it_went_in() {
    for place in stores().await {
        let owner = place.create(OWNER, &[json!({"name": "Grace"})]).await.remove(0);
        let values = json!({
            "name": "Łukasz \"'`\\ %_!", "select": "", "note": "x".repeat(100_000), "order": 9_007_199_254_740_991_i64,
            "big": "-9223372036854775808", "active": false, "value": "-92233720368547758.08",
            "born": "0001-01-01", "seen": "2026-02-03T04:05:06.000007Z", "owner": owner.id,
            "tags": ["a", {"b": [1, null]}], "group": "won",
        });
        let made = place.create(CUSTOMER, std::slice::from_ref(&values)).await.remove(0);
        assert_eq!(json!(made.values), values);
        let found = place.store.get(CUSTOMER, made.id).await.unwrap().unwrap();
        assert_eq!(found, made);
        let nothing = place.create(CUSTOMER, &[json!({"name": "only"})]).await.remove(0);
        let found = place.store.get(CUSTOMER, nothing.id).await.unwrap().unwrap();
        assert_eq!(found.values.values().filter(|value| value.is_null()).count(), 11);
    }
}

#[tokio::test]
async fn wrong_values_are_all_named_at_once() {
    let place = stores().await.remove(0);
    let mut unit = place.store.unit();
    let error = unit
        .create(
            CUSTOMER,
            &object(&json!({
                "select": "x".repeat(513), "order": 1.5, "big": 1, "active": 0, "value": "1.234",
                "born": "2026-02-30", "seen": "2026-02-03T04:05:06", "owner": "0", "tags": "a",
                "group": "maybe", "note": "\u{0}", "colour": "red",
            })),
        )
        .unwrap_err();
    assert_eq!(error.code, Code::InvalidInput);
    let mut found: Vec<_> = error.fields.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
    found.sort();
    let wanted = [
        "/values/active type",
        "/values/big type",
        "/values/born format",
        "/values/colour unknown_field",
        "/values/group enum",
        "/values/name required",
        "/values/note pattern",
        "/values/order type",
        "/values/owner type",
        "/values/seen format",
        "/values/select max_bytes",
        "/values/tags type",
        "/values/value scale",
    ];
    assert_eq!(found, wanted);
    for (field, value) in [
        ("value", json!("92233720368547758.08")),
        ("order", json!(9_007_199_254_740_992_i64)),
        ("big", json!("9223372036854775808")),
    ] {
        let error = unit.create(CUSTOMER, &object(&json!({"name": "x", field: value}))).unwrap_err();
        assert_eq!(error.fields[0].code, "overflow", "{field}");
    }
}

#[tokio::test]
async fn an_old_version_is_refused_and_names_the_present_one() {
    for place in stores().await {
        let row = place.create(CUSTOMER, &[json!({"name": "a"})]).await.remove(0);
        let (mut first, mut second) = (place.store.unit(), place.store.unit());
        first.update(CUSTOMER, row.id, Some(1), &object(&json!({"name": "b"}))).await.unwrap();
        second.update(CUSTOMER, row.id, Some(1), &object(&json!({"order": 1}))).await.unwrap();
        second.create(OWNER, &object(&json!({"name": "rides along"}))).unwrap();
        place.apply(first).await.unwrap();
        let error = refused(place.apply(second).await);
        assert_eq!(error.code, Code::VersionConflict);
        assert_eq!(error.fields[0].message, "the row has version 2 now");
        assert!(place.all(OWNER, &SearchQuery::default(), 10).await.is_empty(), "half of a unit was kept");
        let mut late = place.store.unit();
        let error = late.delete(CUSTOMER, row.id, Some(1)).await.unwrap_err();
        assert_eq!(error.code, Code::VersionConflict);
        let strange = RowId::from_i64(42).unwrap();
        assert_eq!(late.delete(CUSTOMER, strange, None).await.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_unit_reads_its_own_writes_and_nobody_else_does() {
    for place in stores().await {
        let row = place.create(CUSTOMER, &[json!({"name": "a"})]).await.remove(0);
        let mut unit = place.store.unit();
        unit.update(CUSTOMER, row.id, None, &object(&json!({"name": "b"}))).await.unwrap();
        let twice = unit.update(CUSTOMER, row.id, Some(2), &object(&json!({"order": 3}))).await.unwrap();
        assert_eq!((twice.version, &twice.values["name"]), (2, &json!("b")));
        let made = unit.create(CUSTOMER, &object(&json!({"name": "c"}))).unwrap();
        assert_eq!(unit.get(CUSTOMER, made.id).await.unwrap(), Some(made.clone()));
        assert_eq!(place.store.get(CUSTOMER, made.id).await.unwrap(), None);
        unit.delete(CUSTOMER, row.id, None).await.unwrap();
        assert_eq!(unit.get(CUSTOMER, row.id).await.unwrap(), None);
        let changes = place.apply(unit).await.unwrap();
        assert_eq!(changes.iter().map(|it| it.op).collect::<Vec<_>>(), [ChangeOp::Delete, ChangeOp::Create]);
        assert_eq!(changes[0].old, Some(json!({"name": "a", "order": null})));
        assert_eq!(changes[0].new, Some(json!({"name": "b", "order": 3})));
        assert_eq!(changes[1].path.as_str(), "/demo/crm/customer.table");
        assert_eq!(place.store.get(CUSTOMER, made.id).await.unwrap(), Some(made));
    }
}

#[tokio::test]
async fn a_row_names_only_rows_that_are_there() {
    for place in stores().await {
        let [boss, gone] = place
            .create(OWNER, &[json!({"name": "Grace"}), json!({"name": "Linus"})])
            .await
            .try_into()
            .unwrap();
        let named = json!({"name": "a", "owner": gone.id});
        let row = place.create(CUSTOMER, std::slice::from_ref(&named)).await.remove(0);
        let mut unit = place.store.unit();
        unit.delete(OWNER, gone.id, None).await.unwrap();
        place.apply(unit).await.unwrap();

        let mut unit = place.store.unit();
        unit.create(CUSTOMER, &object(&named)).unwrap();
        unit.create(CUSTOMER, &object(&json!({"name": "b", "owner": "77"}))).unwrap();
        unit.create(CUSTOMER, &object(&json!({"name": "c", "owner": boss.id}))).unwrap();
        let error = refused(place.apply(unit).await);
        assert_eq!(error.code, Code::InvalidInput);
        let told: Vec<_> =
            error.fields.iter().map(|it| (&*it.pointer, &*it.code, it.message.as_str())).collect();
        let in_bin = format!("{OWNER} has no row {}", gone.id);
        let strange = format!("{OWNER} has no row 77");
        assert_eq!(
            told,
            [("/values/owner", "not_found", &*strange), ("/values/owner", "not_found", &*in_bin)]
        );
        assert_eq!(
            place.all(CUSTOMER, &SearchQuery::default(), 10).await.len(),
            1,
            "half of a unit was kept"
        );

        let mut unit = place.store.unit();
        unit.update(CUSTOMER, row.id, None, &object(&json!({"owner": "78"}))).await.unwrap();
        assert_eq!(refused(place.apply(unit).await).fields[0].pointer, "/patch/owner");
        // What a row names already stays, and rows of the same unit are there.
        let mut unit = place.store.unit();
        unit.update(CUSTOMER, row.id, None, &object(&json!({"order": 1}))).await.unwrap();
        let new = unit.create(OWNER, &object(&json!({"name": "Ada"}))).unwrap();
        unit.create(CUSTOMER, &object(&json!({"name": "d", "owner": new.id}))).unwrap();
        place.apply(unit).await.unwrap();
    }
}

#[tokio::test]
async fn the_recycle_bin_gives_back_or_forgets() {
    for place in stores().await {
        let row = place.create(CUSTOMER, &[json!({"name": "a"})]).await.remove(0);
        let bin = SearchQuery { bin: true, ..SearchQuery::default() };
        let mut unit = place.store.unit();
        assert_eq!(unit.restore(CUSTOMER, row.id).await.unwrap_err().code, Code::NotFound);
        assert_eq!(unit.purge(CUSTOMER, row.id).await.unwrap_err().code, Code::NotFound);
        unit.delete(CUSTOMER, row.id, Some(1)).await.unwrap();
        place.apply(unit).await.unwrap();
        assert_eq!(place.store.get(CUSTOMER, row.id).await.unwrap(), None);
        assert!(place.all(CUSTOMER, &SearchQuery::default(), 10).await.is_empty());
        assert_eq!(place.all(CUSTOMER, &bin, 10).await.len(), 1);
        let mut unit = place.store.unit();
        assert_eq!(
            unit.update(CUSTOMER, row.id, None, &object(&json!({}))).await.unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(unit.restore(CUSTOMER, row.id).await.unwrap().version, 3);
        place.apply(unit).await.unwrap();
        assert!(place.all(CUSTOMER, &bin, 10).await.is_empty());
        for _ in 0..2 {
            let mut unit = place.store.unit();
            if unit.get(CUSTOMER, row.id).await.unwrap().is_some() {
                unit.delete(CUSTOMER, row.id, None).await.unwrap();
            } else {
                unit.purge(CUSTOMER, row.id).await.unwrap();
            }
            place.apply(unit).await.unwrap();
        }
        assert!(place.all(CUSTOMER, &bin, 10).await.is_empty());
        let history = place.store.history(CUSTOMER, row.id, None, None).await.unwrap();
        let ops: Vec<_> = history.items.iter().map(|it| (it.version, it.op)).collect();
        use ChangeOp::{Create, Delete, Purge, Restore};
        assert_eq!(ops, [(5, Purge), (4, Delete), (3, Restore), (2, Delete), (1, Create)]);
    }
}

#[tokio::test]
async fn history_tells_who_changed_what_page_by_page() {
    for place in stores().await {
        let row = place.create(CUSTOMER, &[json!({"name": "0"})]).await.remove(0);
        for version in 1..=4 {
            place.clock.advance(Duration::from_secs(1));
            let mut unit = place.store.unit();
            let name = json!({"name": version.to_string()});
            unit.update(CUSTOMER, row.id, Some(version), &object(&name)).await.unwrap();
            place.apply(unit).await.unwrap();
        }
        let first = place.store.history(CUSTOMER, row.id, Some(2), None).await.unwrap();
        assert_eq!(first.items[0].actor_name, "ada");
        assert_eq!(first.items[0].old, Some(json!({"name": "3"})));
        assert_eq!(first.items[0].new, Some(json!({"name": "4"})));
        assert_eq!(first.items[0].at.to_string(), "2026-01-01T00:00:04Z");
        let rest = place.store.history(CUSTOMER, row.id, Some(9), first.next.as_deref()).await.unwrap();
        let versions: Vec<_> = first.items.iter().chain(&rest.items).map(|it| it.version).collect();
        assert_eq!((versions, rest.next), (vec![5, 4, 3, 2, 1], None));
        let other = RowId::from_i64(row.id.as_i64() + 1).unwrap();
        let error = place.store.history(CUSTOMER, other, None, first.next.as_deref()).await.unwrap_err();
        assert_eq!(error.code, Code::CursorMismatch);
    }
}

#[tokio::test]
async fn a_call_is_applied_once_and_leaves_a_receipt() {
    for place in stores().await {
        let applied = place.applied();
        assert!(place.store.receipt(applied.call).await.unwrap().is_none());
        let mut unit = place.store.unit();
        unit.create(CUSTOMER, &object(&json!({"name": "a"}))).unwrap();
        let changes = place.store.apply(unit, applied.clone()).await.unwrap().changes;
        let receipt = place.store.receipt(applied.call).await.unwrap().unwrap();
        assert_eq!(receipt.changes, changes);
        assert_eq!(receipt.changes_hash, changes_hash(&changes));
        assert_eq!(receipt.output.unwrap().get(), "{\"ok\":true}");
        let mut again = place.store.unit();
        again.create(CUSTOMER, &object(&json!({"name": "a"}))).unwrap();
        let error = refused(place.store.apply(again, applied.clone()).await);
        assert_eq!(error.code, Code::Conflict);
        assert_eq!(place.all(CUSTOMER, &SearchQuery::default(), 10).await.len(), 1);
        assert_eq!(place.store.purge_receipts(place.store.env().now()).await.unwrap(), 0);
        place.clock.advance(Duration::from_secs(1));
        assert_eq!(place.store.purge_receipts(place.store.env().now()).await.unwrap(), 1);
        assert!(place.store.receipt(applied.call).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_receipt_keeps_no_more_than_fits() {
    let place = stores().await.remove(0);
    let mut applied = place.applied();
    let long = serde_json::value::to_raw_value(&"x".repeat(65_000)).unwrap();
    applied.output = long.into();
    let mut unit = place.store.unit();
    for _ in 0..10 {
        unit.create(CUSTOMER, &object(&json!({"name": "x".repeat(100)}))).unwrap();
    }
    let changes = place.store.apply(unit, applied.clone()).await.unwrap().changes;
    let receipt = place.store.receipt(applied.call).await.unwrap().unwrap();
    assert!(receipt.output.is_some() && receipt.changes.is_empty());
    let omitted = receipt.omitted.unwrap();
    assert_eq!((omitted.rows, omitted.sha256), (10, changes_hash(&changes)));
    assert_eq!(omitted.paths, [changes[0].path.clone()]);
    assert_eq!(receipt.changes_hash, changes_hash(&changes));
}

#[tokio::test]
async fn a_dry_run_shows_the_same_and_leaves_nothing() {
    for place in stores().await {
        let row = place.create(CUSTOMER, &[json!({"name": "a"})]).await.remove(0);
        let mut applied = place.applied();
        let mut seen = Vec::new();
        for dry_run in [true, false] {
            applied.dry_run = dry_run;
            let mut unit = place.store.unit();
            unit.update(CUSTOMER, row.id, Some(1), &object(&json!({"value": "1.50"}))).await.unwrap();
            seen.push(place.store.apply(unit, applied.clone()).await.unwrap().changes);
            if dry_run {
                assert_eq!(place.store.get(CUSTOMER, row.id).await.unwrap(), Some(row.clone()));
                assert!(place.store.receipt(applied.call).await.unwrap().is_none());
                let history = place.store.history(CUSTOMER, row.id, None, None).await.unwrap();
                assert_eq!(history.items.len(), 1);
            }
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[1][0].new, Some(json!({"value": "1.50"})));
        applied.dry_run = true;
        let mut stale = place.store.unit();
        stale.create_with_id(CUSTOMER, row.id, &object(&json!({"name": "taken"}))).unwrap();
        applied.call = kageos_core::CallId::new(place.store.env());
        assert_eq!(refused(place.store.apply(stale, applied).await).code, Code::Conflict);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ids_are_unique_and_rise() {
    let place = stores().await.remove(0);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = std::sync::Arc::clone(&place.store);
            tokio::spawn(async move { (0..2000).map(|_| store.row_id()).collect::<Vec<_>>() })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let made = task.await.unwrap();
        assert!(made.is_sorted());
        all.extend(made);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 16_000);
    place.clock.advance(Duration::from_secs(60));
    assert!(place.store.row_id() > all[all.len() - 1]);
}
