//! The one path table, and what every request passes: normal paths, what browsers are told, no
//! doubt about its bytes, a request id, one log line, errors as problem documents, CORS, the guard of its function.

mod browser;
mod cross_origin;
mod guard;
mod observe;
mod observed_body;
mod strict;

pub use strict::Doubt;

use crate::{
    app::{App, Service},
    error::ApiError,
    limits::Counted,
    routes::{self, limited::tell_limits},
};
use axum::{
    Router,
    extract::Request,
    http::{Method, Uri, header::ALLOW, uri::PathAndQuery},
    middleware::{Next, from_fn, from_fn_with_state, map_request},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, delete, get, post},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

pub use guard::Guard;

/// Whom the platform lets through to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// Everybody.
    Anonymous,
    /// Whoever has a function key.
    Function,
}

/// One function: a folder of the Functions app and a path of the service.
pub struct Function {
    /// The folder with its `function.json`.
    pub folder: &'static str,
    /// The route below `/api/`, as the folder's `function.json` has it.
    pub route: &'static str,
    /// Its methods.
    pub methods: &'static [Method],
    /// Whom the platform lets through, as the folder's `function.json` has it.
    pub auth_level: AuthLevel,
    /// What it asks of callers itself, by `API_KEY`.
    pub guard: Guard,
    /// What of its requests has limits.
    pub counted: Option<Counted>,
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// Every function; a test holds this table and the folders against each other.
pub const FUNCTIONS: &[Function] = &[
    Function {
        folder: "generateImage",
        route: "generateImage",
        methods: &[Method::POST],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: Some(Counted::Images),
        handler: || post(routes::generate_image::handle),
    },
    Function {
        folder: "getImages",
        route: "getImages",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: None,
        handler: || get(routes::get_images::handle),
    },
    Function {
        folder: "getChatGPTSuggestion",
        route: "getChatGPTSuggestion",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: Some(Counted::Suggestions),
        handler: || get(routes::get_chatgpt_suggestion::handle),
    },
    Function {
        folder: "generateSASToken",
        route: "generateSASToken",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: None,
        handler: || get(routes::generate_sas_token::handle),
    },
    Function {
        folder: "generate",
        route: "generate",
        methods: &[Method::GET, Method::POST],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: Some(Counted::Images),
        handler: || get(routes::generate::handle_query).post(routes::generate::handle_body),
    },
    Function {
        folder: "operations",
        route: "operations/{id}",
        methods: &[Method::GET, Method::DELETE],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: None,
        handler: || get(routes::operations::handle_get).delete(routes::operations::handle_delete),
    },
    Function {
        folder: "image",
        route: "images/{id}",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Key,
        counted: None,
        handler: || get(routes::image::handle_get),
    },
    Function {
        folder: "imageAdmin",
        route: "images/{id}",
        methods: &[Method::DELETE],
        auth_level: AuthLevel::Function,
        guard: Guard::Owner,
        counted: None,
        handler: || delete(routes::image::handle_delete),
    },
    Function {
        folder: "thumbnails",
        route: "thumbnails/{id}",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::KeyOrAddress,
        counted: None,
        handler: || get(routes::thumbnails::handle),
    },
    Function {
        folder: "health",
        route: "health",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Open,
        counted: None,
        handler: || get(routes::health::handle),
    },
    Function {
        folder: "openapi",
        route: "openapi.json",
        methods: &[Method::GET],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Open,
        counted: None,
        handler: || get(routes::openapi::handle),
    },
    Function {
        folder: "files",
        route: "files/{*path}",
        methods: &[Method::GET, Method::HEAD],
        auth_level: AuthLevel::Anonymous,
        guard: Guard::Open,
        counted: None,
        handler: || get(routes::files::handle),
    },
];

/// All paths of a service.
pub fn router(service: &Service) -> Router {
    let functions = match service {
        Service::Ready(app) => {
            let routes = paths().into_iter().fold(Router::new(), |router, path| {
                router.route(&path, methods_at(&path, app))
            });
            routes.with_state(app.clone())
        }
        Service::Starting(_) => refuse_all(ApiError::starting),
        Service::Misconfigured => refuse_all(ApiError::misconfigured),
    };
    let functions =
        functions.fallback(|| async { ApiError::not_found("there is no function at this path") });
    let functions = match service {
        Service::Ready(app) => cross_origin::allow(functions, &app.cors_origins),
        Service::Starting(_) | Service::Misconfigured => functions,
    };
    let observed = functions.layer(from_fn(observe::observe));
    // The host's probe asks for `/` every 25 ms while it waits, and every few seconds later:
    // it is answered ahead of everything else.
    let routes = Router::new()
        .route("/", get(routes::root::handle))
        .fallback_service(observed);
    // Middleware of a router runs behind its matching, so the paths are made normal around it.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn(strict::check))
        .layer(from_fn(browser::guard))
        .layer(map_request(normalize_path))
}

/// Every function of a service that is not there.
fn refuse_all(error: fn() -> ApiError) -> Router {
    paths().into_iter().fold(Router::new(), |router, path| {
        // A front end reads the list without looking at the status.
        let refuse = move || async move { error().with("imageUrls", json!([])) };
        router.route(&path, any(refuse))
    })
}

/// Where there are functions. Two may share a path: the platform asks for a key by the folder.
fn paths() -> BTreeSet<String> {
    FUNCTIONS.iter().map(normal_path).collect()
}

fn methods_at(path: &str, app: &Arc<App>) -> MethodRouter<Arc<App>> {
    let here = || FUNCTIONS.iter().filter(|it| normal_path(it) == path);
    let handlers = here().fold(MethodRouter::new(), |all, function| {
        all.merge(guarded(function, app))
    });
    let allowed = names_of(here().flat_map(|function| function.methods));
    handlers.fallback(|| wrong_method(allowed))
}

/// As `Allow` lists them.
fn names_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> String {
    let names: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
    names.join(", ")
}

/// A function's handler behind its guard; only who passes it is told of limits.
fn guarded(function: &Function, app: &Arc<App>) -> MethodRouter<Arc<App>> {
    let mut handler = (function.handler)();
    if let Some(counted) = function.counted {
        if function.methods.contains(&Method::GET) {
            // It would run, and pay for, what a GET does.
            let allowed = names_of(function.methods);
            handler = handler.head(|| wrong_method(allowed));
        }
        let app = app.clone();
        let tell = move |request: Request, next: Next| {
            let app = app.clone();
            async move { tell_limits(&app, counted, request, next).await }
        };
        handler = handler.route_layer(from_fn(tell));
    }
    let state = (app.clone(), function.guard);
    handler.route_layer(from_fn_with_state(state, guard::stand_guard))
}

/// What a path answers to a method that is in no row of it.
async fn wrong_method(allowed: String) -> Response {
    let refusal = ApiError::method_not_allowed(&allowed);
    ([(ALLOW, allowed)], refusal).into_response()
}

fn normal_path(function: &Function) -> String {
    match function.route.split_once('/') {
        None => format!("/api/{}", function.route.to_ascii_lowercase()),
        Some((name, rest)) => format!("/api/{}/{rest}", name.to_ascii_lowercase()),
    }
}

/// The host matches paths in any letter case and with a trailing slash, and passes them on as
/// they were typed. Lower-cases `/api/<function>`, the part that is not a value.
async fn normalize_path(mut request: Request) -> Result<Request, Response> {
    let path = request.uri().path();
    let trimmed = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let fixed_part_ends = trimmed.match_indices('/').nth(2).map(|(index, _)| index);
    let (fixed, rest) = trimmed.split_at(fixed_part_ends.unwrap_or(trimmed.len()));
    let normal = fixed.to_ascii_lowercase() + rest;
    if normal != path {
        let with_query = match request.uri().query() {
            Some(query) => format!("{normal}?{query}"),
            None => normal,
        };
        let mut parts = request.uri().clone().into_parts();
        // A part of a URI that was valid stays valid in lower case.
        parts.path_and_query = PathAndQuery::try_from(with_query).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    Ok(request)
}
