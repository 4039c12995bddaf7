use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    caller::Caller,
    extract::Params,
    page,
    problem::Answer,
    shared::Shared,
    view::View,
    wire::{SearchHit, SearchHitList},
};

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct Which {
    /// Words of a path, a title or a tag; all must match.
    q: String,
    /// At most so many, up to 500.
    limit: Option<u32>,
    /// Where the page before ended.
    next: Option<String>,
}

/// The nodes that match and that the caller may see, best first.
#[utoipa::path(get, path = "/api/v1/search", tag = "tree", params(Which), responses((status = 200, body = SearchHitList)))]
pub(in crate::routes) async fn search(
    State(shared): State<Shared>,
    caller: Caller,
    Params(which): Params<Which>,
) -> Answer<Json<SearchHitList>> {
    let view = View::of(&shared, &caller.actor);
    let (limit, from) = (page::limit(which.limit)?, page::cursor(which.next.as_deref())?.unwrap_or(0_usize));
    let hits = view.tree().search(&which.q, |node| view.sees(node));
    let more = hits.len() > from.saturating_add(limit as usize);
    let page = hits.into_iter().skip(from).take(limit as usize);
    let items = page.map(|hit| SearchHit { node: view.show(&hit.node), score: hit.score }).collect();
    Ok(Json(SearchHitList { items, next: more.then(|| (from + limit as usize).to_string()) }))
}
