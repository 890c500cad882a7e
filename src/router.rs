//! What every request passes: normal paths, what browsers are told, no doubt about its bytes, a
//! request id, one log line, errors as problem documents, CORS, the guard of its function.

mod alphabet;
mod browser;
mod cross_origin;
mod functions;
mod guard;
mod observe;
mod observed_body;
mod path;
mod strict;

pub use alphabet::Alphabet;
pub use functions::{AuthLevel, FUNCTIONS, Function};
pub use guard::Guard;
pub use strict::Doubt;

use crate::{
    app::{App, Mode, Service},
    error::ApiError,
    routes::{self, limited::tell_limits, request_id::INVOCATION_ID},
};
use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{Method, StatusCode, header::ALLOW},
    middleware::{Next, from_fn, from_fn_with_state, map_request},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

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
    let functions = functions.fallback(routes::not_found);
    let functions = match service {
        Service::Ready(app) => cross_origin::allow(functions, &app.cors_origins),
        Service::Starting(_) | Service::Misconfigured => functions,
    };
    let mode = match service {
        Service::Ready(app) => app.mode,
        // Standing alone neither is served.
        Service::Starting(_) | Service::Misconfigured => Mode::Handler,
    };
    let observed = functions
        .layer(from_fn(answer_options))
        .layer(from_fn(observe::observe));
    // Middleware of a router runs behind its matching, so the paths are made normal around it.
    Router::new()
        .fallback_service(observed)
        .layer(from_fn(answer_probe))
        .layer(from_fn_with_state(mode, strict::check))
        .layer(from_fn(browser::guard))
        .layer(map_request(path::normalize))
}

/// Every function of a service that is not there; the process itself lives.
fn refuse_all(error: fn() -> ApiError) -> Router {
    let root = Router::new().route("/", get(routes::root::handle));
    let functions = paths().into_iter().filter(|path| path != "/");
    functions.fold(root, |router, path| {
        // A front end reads the list without looking at the status.
        let refuse = move || async move { error().with("imageUrls", json!([])) };
        router.route(&path, any(refuse))
    })
}

/// Where there are functions. Two may share a path: the platform asks for a key by the folder.
fn paths() -> BTreeSet<String> {
    FUNCTIONS.iter().map(Function::normal_path).collect()
}

fn functions_at(path: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |it| it.normal_path() == path)
}

fn methods_at(path: &str, app: &Arc<App>) -> MethodRouter<Arc<App>> {
    let handlers = functions_at(path).fold(MethodRouter::new(), |all, function| {
        all.merge(guarded(function, app))
    });
    let allowed = allowed_at(path);
    let handlers = match allowed.contains(Method::OPTIONS.as_str()) {
        true => handlers.options(StatusCode::NO_CONTENT),
        false => handlers,
    };
    let handlers = handlers.fallback(|| wrong_method(allowed));
    match functions_at(path).find_map(|function| function.alphabet) {
        Some(alphabet) => {
            let fixed_part = path.find('{').unwrap_or_default();
            let check = move |request: Request, next: Next| async move {
                match alphabet.allows(&request.uri().path()[fixed_part..]) {
                    true => next.run(request).await,
                    false => routes::not_found().await.into_response(),
                }
            };
            handlers.layer(from_fn(check))
        }
        None => handlers,
    }
}

/// The methods of a path as `Allow` lists them.
fn allowed_at(path: &str) -> String {
    let methods = functions_at(path).flat_map(|function| function.methods);
    methods.map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// A function's handler behind its guard; only who passes it is told of limits.
fn guarded(function: &Function, app: &Arc<App>) -> MethodRouter<Arc<App>> {
    let mut handler = (function.handler)();
    let has = |method| function.methods.contains(&method);
    if has(Method::GET) && !has(Method::HEAD) {
        // axum answers HEAD with the GET handler, which would pay for what it throws away.
        let allowed = allowed_at(&function.normal_path());
        handler = handler.head(|| wrong_method(allowed));
    }
    if let Some(counted) = function.counted {
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

/// OPTIONS runs nothing and asks for no key. Outside of CORS, which answers its preflights itself.
async fn answer_options(request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let path = request.extensions().get::<MatchedPath>();
    let allowed = path.map(|path| allowed_at(path.as_str()));
    let mut response = next.run(request).await;
    if let Some(allowed) = allowed.filter(|allowed| allowed.contains(Method::OPTIONS.as_str()))
        && response.status().is_success()
        && let Ok(allowed) = allowed.parse()
    {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// The Functions host's probe asks for `/` every 25 ms while it waits for a start, and every few
/// seconds later. It has no invocation id, and is answered ahead of everything else.
async fn answer_probe(request: Request, next: Next) -> Response {
    let is_invocation = request.headers().contains_key(INVOCATION_ID);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() == "/" && is_read && !is_invocation {
        true => routes::root::handle().await.into_response(),
        false => next.run(request).await,
    }
}
