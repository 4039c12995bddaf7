use axum::{Json, extract::State};
use kageos_core::{
    Change,
    platform::oplog::{self, ActivityQuery},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::{self, Params},
    page,
    problem::Answer,
    shared::Shared,
    view::View,
    wire::{Activity, ActivityList},
};

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// Calls of this function, or of this directory and everything below it.
    path: String,
    /// Only calls that changed this row.
    row: Option<String>,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// The calls at a path and below that the caller may see, newest first.
///
/// A page can hold fewer entries than asked for, where some are of other rows, or of paths that
/// the caller may not see.
#[utoipa::path(get, path = "/api/v1/activity", tag = "activity", operation_id = "list_activity", params(Which), responses((status = 200, body = ActivityList)))]
pub(in crate::routes) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<ActivityList>> {
    let view = View::of(&shared, &caller.actor);
    let path = view.node(&extract::path(&which.path)?)?.path.clone();
    let query = ActivityQuery { path, limit: page::limit(which.limit)?, next: which.next };
    let (entries, next) = shared.platform().log().activity(&query).await?;
    let changed = |row: &str, entry: &oplog::Activity| {
        let mut changes = entry.changes.iter();
        changes.any(|change| change.row.as_deref() == Some(row) && may_see(&view, entry, change))
    };
    let asked = |entry: &oplog::Activity| which.row.as_deref().is_none_or(|row| changed(row, entry));
    let seen = entries.into_iter().filter(|entry| asked(entry) && view.sees_record(&entry.path, entry.node));
    Ok(Json(ActivityList { items: seen.map(|entry| show(&view, entry)).collect(), next }))
}

/// The entry without the changes of what the caller may not read.
fn show(view: &View<'_>, entry: oplog::Activity) -> Activity {
    let all = entry.changes.len();
    let changes: Vec<Change> =
        entry.changes.iter().filter(|change| may_see(view, &entry, change)).cloned().collect();
    let hidden = all - changes.len();
    Activity { hidden_changes: hidden, ..Activity::from(oplog::Activity { changes, ..entry }) }
}

/// Whether somebody who may read the entry may read one of its changes: also those of a node that has moved since.
fn may_see(view: &View<'_>, entry: &oplog::Activity, change: &Change) -> bool {
    change.path == entry.path || view.sees_path(&change.path)
}
