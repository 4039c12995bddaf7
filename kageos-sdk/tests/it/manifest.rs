//! What an app declares.

use kageos_sdk::{App, Chart, Ctx, Figures, Object, Query, Result, RowId, Table, Window};

use crate::{sample, snapshot};

#[test]
fn the_sample_is_lowered_as_reviewed() {
    let manifest = sample::app().manifest().expect("the sample is right");
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is JSON");
    snapshot::check("sample.json", &format!("{text}\n"));
}

/// A target that the app forgets.
#[derive(Table)]
pub(crate) struct Forgotten {
    #[field(id)]
    id: RowId,
}

#[derive(Table)]
#[table(search = [count])]
struct Wrong {
    #[field(id)]
    id: RowId,
    #[field(relation = Forgotten, label = "name")]
    gone: RowId,
    plain: RowId,
    #[field(relation = Wrong, label = "naem")]
    itself: Option<RowId>,
    #[field(default = 7)]
    name: String,
    count: i32,
    #[field(search)]
    lines: Vec<Line>,
}

#[derive(Object)]
struct Line {
    text: String,
}

#[derive(Chart)]
#[chart(mark = pie, source = Forgotten)]
struct Lost;

impl Query for Lost {
    async fn query(_: Window, _: &Ctx) -> Result<Figures> {
        Ok(Figures::default())
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let app = App::new("Bad App")
        .directory("Hr", "People")
        .table::<Wrong>()
        .table::<Wrong>()
        .chart::<Lost>()
        .docs("read me", "Read me", "");
    let text = app.manifest().expect_err("the app is wrong").to_string();
    snapshot::check("mistakes.txt", &format!("{text}\n"));
}
