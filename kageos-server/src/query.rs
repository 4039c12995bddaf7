//! The query of an address: text, and only names that the API's document has for the route.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, request::Parts},
    middleware::Next,
    response::Response,
};
use kageos_core::{Code, Error, Result};
use utoipa::{
    OpenApi,
    openapi::{RefOr, path::ParameterIn},
};

use crate::{openapi, problem::Answer, routes::Document};

/// What the document says of an operation.
struct Operation {
    id: String,
    /// The names that its query may have.
    names: BTreeSet<String>,
}

/// The operations by path and method.
static KNOWN: LazyLock<BTreeMap<String, HashMap<Method, Operation>>> = LazyLock::new(|| {
    let mut document = Document::openapi();
    let paths = document.paths.paths.iter_mut().map(|(path, item)| {
        let methods = openapi::operations(item).map(|(method, operation)| {
            let parameters = operation.parameters.iter().flatten();
            let names = parameters.filter_map(|one| match one {
                RefOr::T(one) if one.parameter_in == ParameterIn::Query => Some(one.name.clone()),
                _ => None,
            });
            let id = operation.operation_id.clone().unwrap_or_default();
            (method, Operation { id, names: names.collect() })
        });
        (path.clone(), methods.collect())
    });
    paths.collect()
});

/// What a request is called in the document.
pub(crate) fn operation(request: &Parts) -> &'static str {
    let route = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    operations(route, &request.method).next().map_or("", |operation| &operation.id)
}

/// The operations of a route; several where it tells them apart by what follows.
fn operations<'a>(route: &'a str, method: &'a Method) -> impl Iterator<Item = &'static Operation> + 'a {
    // Where somebody else's service mounts this one, the route begins with its place there.
    let route = route.rfind("/api/").map_or(route, |at| &route[at..]);
    // What answers GET answers HEAD.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let (stem, open) = route.split_once("{*").map_or((route, false), |(stem, _)| (stem, true));
    let same = move |path: &str| if open { path.starts_with(stem) } else { path == stem };
    KNOWN.iter().filter(move |(path, _)| same(path)).filter_map(|(_, methods)| methods.get(method))
}

/// A refusal of something in the query.
pub(crate) fn refused(name: &str, message: impl Into<String>) -> Error {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    Error::new(Code::InvalidQuery, message).at(pointer)
}

/// Refuses a name that the route does not know: who sends it expects something that would not happen.
pub(crate) async fn known(request: Request, next: Next) -> Answer<Response> {
    if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        check(route, request.method(), query)?;
    }
    Ok(next.run(request).await)
}

fn check(route: &str, method: &Method, query: &str) -> Result<()> {
    if std::str::from_utf8(&decoded(query)).is_err() {
        return Err(Error::new(Code::InvalidQuery, "The query is not UTF-8."));
    }
    let names: BTreeSet<&String> = operations(route, method).flat_map(|operation| &operation.names).collect();
    let given = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    for name in given.filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(&decoded(name)).into_owned();
        if !names.contains(&name) {
            return Err(refused(&name, format!("There is no parameter {name:?} here.")));
        }
    }
    Ok(())
}

/// The bytes that percent signs and plus signs stand for.
fn decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|it| char::from(*it).to_digit(16));
        let (byte, used) = match (*first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (b'+', ..) => (b' ', 1),
            (byte, ..) => (byte, 1),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::check;

    #[test]
    fn a_route_takes_what_its_document_names_and_no_more() {
        let rows = "/api/v1/rows/{*path}";
        assert!(check(rows, &Method::GET, "limit=1&sort=-a&&q=%C3%A9").is_ok());
        assert!(check(rows, &Method::HEAD, "limit=1").is_ok());
        assert!(check("/api/kageos/api/v1/rows/{*path}", &Method::GET, "limit=1").is_ok());
        for (route, method, query, pointer) in [
            (rows, Method::POST, "dry_run=true", Some("/dry_run")),
            (rows, Method::GET, "limit=1&li%6Dit2=1", Some("/limit2")),
            ("/api/v1/call/{*path}", Method::POST, "a/b", Some("/a~1b")),
            ("/api/v1/node/{*path}", Method::GET, "x", Some("/x")),
            ("/api/v1/search", Method::GET, "q=%ff", None),
        ] {
            let error = check(route, &method, query).unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_query", "{query}");
            assert_eq!(error.fields.first().map(|it| it.pointer.as_str()), pointer, "{query}");
        }
    }
}
