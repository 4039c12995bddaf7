//! The routes, one endpoint a file. This table is the only list of them: the router and the OpenAPI document both
//! come from it.

mod meta;

use axum::{Router, routing};
use utoipa::OpenApi;

use crate::{openapi::Everywhere, shared::Shared};

/// `open` routes answer anybody; for `closed` ones the caller must be known.
macro_rules! endpoints {
    (
        open { $($open_method:ident $open_path:literal $open_group:ident :: $open:ident;)* }
        closed { $($method:ident $path:literal $group:ident :: $name:ident;)* }
    ) => {
        /// What answers anybody.
        pub(crate) fn open() -> Router<Shared> {
            Router::new()$(.route($open_path, routing::$open_method($open_group::$open::$open)))*
        }

        /// What answers known callers.
        pub(crate) fn closed() -> Router<Shared> {
            Router::new()$(.route($path, routing::$method($group::$name::$name)))*
        }

        #[derive(OpenApi)]
        #[openapi(
            info(title = "Kageos", description = "The HTTP API of Kageos."),
            paths($($open_group::$open::$open,)* $($group::$name::$name,)*),
            components(schemas(crate::wire::Problem)),
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
    }
    closed {}
}
