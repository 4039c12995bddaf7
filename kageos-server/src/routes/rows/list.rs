use axum::{http::StatusCode, response::Response};
use kageos_core::{ActionName, ResourcePath, Result, json};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::reply;
use crate::{
    caller::Caller,
    problem::Answer,
    routes::call::{Ask, dispatch},
    shared::Shared,
    wire::SearchOutput,
};

/// Which rows, in which order.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// Words that the searched fields must hold.
    q: Option<String>,
    /// A filter as JSON, for example `{"eq":["country","Chile"]}`.
    pub(super) filter: Option<String>,
    /// Fields in order, each with `-` for largest first: `country,-total`.
    pub(super) sort: Option<String>,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
    /// Counts the rows, up to a thousand.
    count: Option<bool>,
}

/// The rows of a table that match, a page at a time.
#[utoipa::path(get, path = "/api/v1/rows/{path}", tag = "rows", operation_id = "rows", params(("path" = String, Path, description = "The path without its first slash"), Which), responses((status = 200, body = SearchOutput)))]
pub(in crate::routes) async fn list(
    shared: &Shared,
    caller: &Caller,
    table: ResourcePath,
    which: Which,
) -> Answer<Response> {
    let ask = Ask::new(table, ActionName::SEARCH, Value::Object(which.input()?));
    Ok(reply::output(StatusCode::OK, &dispatch(shared, caller, ask).await?))
}

impl Which {
    /// The input of the action `search`.
    fn input(self) -> Result<Map<String, Value>> {
        let mut input = selection(self.filter.as_deref(), self.sort.as_deref())?;
        let mut put = |key: &str, value: Option<Value>| {
            input.extend(value.map(|value| (key.to_owned(), value)));
        };
        put("q", self.q.map(Value::from));
        put("limit", self.limit.map(Value::from));
        put("next", self.next.map(Value::from));
        put("count", self.count.map(Value::from));
        Ok(input)
    }
}

/// Filter and sort as the action `search` takes them.
pub(super) fn selection(filter: Option<&str>, sort: Option<&str>) -> Result<Map<String, Value>> {
    let mut input = Map::new();
    if let Some(filter) = filter {
        let value = json::parse(filter.as_bytes());
        let value =
            value.map_err(|error| crate::query::refused("filter", format!("filter: {}", error.message)))?;
        input.insert("filter".to_owned(), value);
    }
    if let Some(sort) = sort {
        let steps = sort.split(',').map(|step| {
            let (field, desc) = step.strip_prefix('-').map_or((step, false), |field| (field, true));
            serde_json::json!({ "field": field, "desc": desc })
        });
        input.insert("sort".to_owned(), steps.collect());
    }
    Ok(input)
}
