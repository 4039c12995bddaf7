//! The routes, one endpoint a file. This table is the only list of them: the router and the OpenAPI document both
//! come from it.

mod access;
mod activity;
mod backup;
mod call;
mod calls;
mod events;
mod files;
mod groups;
mod link;
mod meta;
mod namespaces;
mod rows;
mod session;
mod tokens;
mod transfers;
mod tree;
mod users;

pub(crate) use link::open::{LINK, PROTOCOL};

use axum::{Router, routing};
use utoipa::OpenApi;

use crate::{openapi::Everywhere, shared::Shared};

/// `open` routes answer anybody; for `closed` ones the caller must be known. Where two endpoints share one pattern,
/// the second `=>` names the handler that tells them apart.
macro_rules! endpoints {
    (
        open { $($open_method:ident $open_path:literal $open_group:ident :: $open:ident;)* }
        closed { $($method:ident $path:literal $group:ident :: $name:ident;)* }
        shared { $($shared_method:ident $shared_path:literal $shared_group:ident :: $shared:ident
            => $($part:ident),+;)* }
    ) => {
        /// What answers anybody.
        pub(crate) fn open() -> Router<Shared> {
            Router::new()$(.route($open_path, routing::$open_method($open_group::$open::$open)))*
        }

        /// What answers known callers.
        pub(crate) fn closed() -> Router<Shared> {
            Router::new()
                $(.route($path, routing::$method($group::$name::$name)))*
                $(.route($shared_path, routing::$shared_method($shared_group::$shared::$shared)))*
        }

        #[derive(OpenApi)]
        #[openapi(
            info(title = "Kageos", description = "The HTTP API of Kageos."),
            paths(
                $($open_group::$open::$open,)*
                $($group::$name::$name,)*
                $($($shared_group::$part::$part,)+)*
            ),
            components(schemas(
                crate::wire::Problem,
                crate::wire::CallStatus,
                crate::wire::ChartOutput,
                crate::wire::DocsOutput,
                crate::wire::Effect,
                crate::wire::FileRef,
                crate::wire::HistoryOutput,
                crate::wire::Role,
                crate::wire::Sort,
            )),
            modifiers(&Everywhere),
        )]
        pub(crate) struct Document;
    };
}

endpoints! {
    open {
        get "/healthz" meta::healthz;
        get "/readyz" meta::readyz;
        get "/api/openapi.json" meta::document;
        get "/api/v1/codes" meta::codes;
        post "/api/v1/session" session::login;
    }
    closed {
        get "/api/v1/session" session::current;
        patch "/api/v1/session" session::change;
        delete "/api/v1/session" session::logout;
        get "/api/v1/tree" tree::list;
        get "/api/v1/node/{*path}" tree::node;
        get "/api/v1/overview/{*path}" tree::overview;
        get "/api/v1/search" tree::search;
        get "/api/v1/link/{*path}" link::open;
        post "/api/v1/call/{*path}" call::make;
        get "/api/v1/calls/{id}" calls::state;
        delete "/api/v1/calls/{id}" calls::cancel;
        post "/api/v1/calls/{id}/undo" calls::undo;
        post "/api/v1/rows/{*path}" rows::create;
        patch "/api/v1/rows/{*path}" rows::update;
        delete "/api/v1/rows/{*path}" rows::delete;
        get "/api/v1/export/{*path}" rows::export;
        post "/api/v1/import/{*path}" rows::import;
        post "/api/v1/files/{*path}" files::upload;
        get "/api/v1/files/{*path}" files::list;
        get "/api/v1/file/{id}" files::download;
        get "/api/v1/file/{id}/info" files::info;
        delete "/api/v1/file/{id}" files::discard;
        get "/api/v1/activity" activity::list;
        get "/api/v1/access" access::list;
        get "/api/v1/access/explain" access::explain;
        get "/api/v1/people" access::people;
        get "/api/v1/tokens" tokens::list;
        post "/api/v1/tokens" tokens::create;
        delete "/api/v1/tokens/{id}" tokens::delete;
        get "/api/v1/users" users::list;
        post "/api/v1/users" users::create;
        patch "/api/v1/users/{id}" users::change;
        post "/api/v1/namespaces" namespaces::create;
        post "/api/v1/transfers" transfers::create;
        get "/api/v1/groups" groups::list;
        post "/api/v1/groups" groups::create;
        patch "/api/v1/groups/{id}" groups::rename;
        delete "/api/v1/groups/{id}" groups::delete;
        put "/api/v1/groups/{id}/members/{user}" groups::add;
        delete "/api/v1/groups/{id}/members/{user}" groups::remove;
        get "/api/v1/events" events::listen;
        post "/api/v1/markdown" meta::markdown;
        get "/api/v1/doctor" meta::doctor;
        post "/api/v1/backup" backup::make;
    }
    shared {
        get "/api/v1/rows/{*path}" rows::read => list, one;
    }
}
