//! Every function with its methods, by the route that its folder has.

mod gallery;
mod generation;
mod service;

use utoipa::openapi::{
    HttpMethod,
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

/// All of them.
pub(super) fn all() -> Vec<Described> {
    let mut all = generation::functions();
    all.extend(gallery::functions());
    all.extend(service::functions());
    all
}
