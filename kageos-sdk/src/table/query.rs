//! What is asked of a table and what comes back.

use std::collections::BTreeMap;

use kageos_core::{ActorKind, CallId, ChangeOp, RowId, Sort, SourceKind, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Filter, Row};

/// Rows on a page when none is asked for.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most rows on a page.
pub const MAX_LIMIT: u32 = 500;
/// Most steps of an order.
pub const MAX_SORT: usize = 5;
/// A count stops here: above a thousand the exact number says nothing to people and costs a scan.
pub const COUNT_CAP: u32 = 1001;

/// Which rows, in which order, and which page of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchQuery {
    /// Only rows that meet this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// The order; the table's own when there is none. Rows that are equal in it follow their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// Words that all have to occur in the fields that are searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Rows on the page, [`DEFAULT_LIMIT`] when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts: the `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the rows are counted, up to [`COUNT_CAP`].
    pub count: bool,
    /// The recycle bin instead of the table.
    pub bin: bool,
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<String>,
    /// How many rows there are on all pages, at most [`COUNT_CAP`], when it was asked for and quick to tell.
    pub count: Option<u32>,
    /// What people call the rows that relations name: by field, by id.
    pub labels: BTreeMap<String, BTreeMap<RowId, String>>,
}

/// Something that happened to a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The version that it left.
    pub version: i64,
    /// What happened.
    pub op: ChangeOp,
    /// When.
    pub at: Timestamp,
    /// Who acted.
    pub actor: Option<UserId>,
    /// What kind of actor.
    pub actor_kind: ActorKind,
    /// The actor's login name at that time.
    pub actor_name: String,
    /// What kind of thing started the call.
    pub source: SourceKind,
    /// The call.
    pub call: CallId,
    /// The call's `traceparent`.
    pub trace: String,
    /// The values before, of the fields that differ.
    pub old: Option<Value>,
    /// The values after, of the fields that differ.
    pub new: Option<Value>,
}

/// What happened to a row, latest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The entries.
    pub items: Vec<HistoryEntry>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<String>,
}
