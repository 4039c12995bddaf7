//! The OpenAPI document, made from the routes.

use std::sync::LazyLock;

use axum::http::Method;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, OpenApi as Document, RefOr, Response,
        path::{Operation, PathItem},
        schema::Ref,
    },
};

use crate::{problem, routes};

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = routes::Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// The document as JSON, the same at every call.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// What holds for every operation: it can be refused, with a problem.
pub(crate) struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            operations(item).for_each(|(_, operation)| {
                operation.responses.responses.insert("default".to_owned(), refusal());
            });
        }
    }
}

fn refusal() -> RefOr<Response> {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut response = Response::new("Why it was refused");
    response.content.insert(problem::MEDIA_TYPE.to_owned(), RefOr::T(problem));
    RefOr::T(response)
}

/// The operations of a path, each with its method.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
