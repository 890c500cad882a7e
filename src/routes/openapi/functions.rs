//! Every function with its methods, by the route that its folder has.

mod gallery;
mod generation;
mod service;

use super::parts::text_header;
use utoipa::openapi::{
    HttpMethod, RefOr,
    path::{Operation, OperationBuilder},
};

/// A method of a route.
pub(super) struct Described {
    /// Below `/api/`, as OpenAPI writes it.
    pub route: &'static str,
    pub method: HttpMethod,
    pub operation: Operation,
}

fn described(route: &'static str, method: HttpMethod, operation: OperationBuilder) -> Described {
    Described {
        route,
        method,
        operation: operation.build(),
    }
}

/// The same for one whose callers are told what limits leave them, whatever else they get.
fn limited(route: &'static str, method: HttpMethod, operation: OperationBuilder) -> Described {
    let mut described = described(route, method, operation);
    for response in described.operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let mut add = |name: &str, description: &str| {
                let header = RefOr::T(text_header(description));
                response.headers.insert(name.to_owned(), header);
            };
            add(
                "RateLimit-Policy",
                "The limits that hold for the caller, where there are any: `q` units in `w` seconds.",
            );
            add(
                "RateLimit",
                "What is left of them: `r` units, and `t` seconds until there are more.",
            );
        }
    }
    described
}

/// All of them.
pub(super) fn all() -> Vec<Described> {
    let mut all = generation::functions();
    all.extend(gallery::functions());
    all.extend(service::functions());
    all
}
