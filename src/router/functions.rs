//! The path table: every function with its folder, path, methods, and who may call it.

use super::{alphabet::Alphabet, guard::Guard};
use crate::{app::App, limits::Counted, routes};
use axum::{
    http::Method,
    routing::{MethodRouter, delete, get, post},
};
use std::sync::Arc;

/// Authorization level (`authLevel` in `function.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// No key.
    Anonymous,
    /// A function key.
    Function,
}

/// One function: a folder of the Functions app and a path of the service.
pub struct Function {
    /// The folder with its `function.json`.
    pub folder: &'static str,
    /// The path from the root, without its slash, as axum writes it: `api/images/{id}`.
    pub path: &'static str,
    /// What the path's parameter may consist of, where it has one.
    pub alphabet: Option<Alphabet>,
    /// Its methods. HEAD and OPTIONS reach a function only where its folder lists them.
    pub methods: &'static [Method],
    /// Authorization level, as the folder's `function.json` has it.
    pub auth_level: AuthLevel,
    /// What it asks of callers itself, by `API_KEY`.
    pub guard: Guard,
    /// Which of its requests the limits count.
    pub counted: Option<Counted>,
    pub(super) handler: fn() -> MethodRouter<Arc<App>>,
}

/// What reads only: HEAD answers like GET, and OPTIONS runs nothing.
const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];

/// A read of something open to all; rows change what differs.
const DEFAULT: Function = Function {
    folder: "",
    path: "",
    alphabet: None,
    methods: READ,
    auth_level: AuthLevel::Anonymous,
    guard: Guard::Key,
    counted: None,
    handler: MethodRouter::new,
};

/// Every function; a test holds this table and the folders against each other.
pub const FUNCTIONS: &[Function] = &[
    Function {
        folder: "generateImage",
        path: "api/generateImage",
        methods: &[Method::POST],
        counted: Some(Counted::Images),
        handler: || post(routes::generate_image::handle),
        ..DEFAULT
    },
    Function {
        folder: "getImages",
        path: "api/getImages",
        handler: || get(routes::get_images::handle),
        ..DEFAULT
    },
    Function {
        folder: "getChatGPTSuggestion",
        path: "api/getChatGPTSuggestion",
        methods: &[Method::GET],
        counted: Some(Counted::Suggestions),
        handler: || get(routes::get_chatgpt_suggestion::handle),
        ..DEFAULT
    },
    Function {
        folder: "generateSASToken",
        path: "api/generateSASToken",
        handler: || get(routes::generate_sas_token::handle),
        ..DEFAULT
    },
    Function {
        folder: "generate",
        path: "api/generate",
        methods: &[Method::GET, Method::POST],
        counted: Some(Counted::Images),
        handler: || get(routes::generate::handle_query).post(routes::generate::handle_body),
        ..DEFAULT
    },
    Function {
        folder: "operations",
        path: "api/operations/{id}",
        alphabet: Some(Alphabet::Id),
        methods: &[Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE],
        handler: || get(routes::operations::handle_get).delete(routes::operations::handle_delete),
        ..DEFAULT
    },
    Function {
        folder: "image",
        path: "api/images/{id}",
        alphabet: Some(Alphabet::Id),
        handler: || get(routes::image::handle_get),
        ..DEFAULT
    },
    Function {
        folder: "imageAdmin",
        path: "api/images/{id}",
        alphabet: Some(Alphabet::Id),
        methods: &[Method::DELETE],
        auth_level: AuthLevel::Function,
        guard: Guard::Owner,
        handler: || delete(routes::image::handle_delete),
        ..DEFAULT
    },
    Function {
        folder: "thumbnails",
        path: "api/thumbnails/{id}",
        alphabet: Some(Alphabet::Id),
        guard: Guard::KeyOrAddress,
        handler: || get(routes::thumbnails::handle),
        ..DEFAULT
    },
    Function {
        folder: "health",
        path: "api/health",
        guard: Guard::Open,
        handler: || get(routes::health::handle),
        ..DEFAULT
    },
    Function {
        folder: "openapi",
        path: "api/openapi.json",
        guard: Guard::Open,
        handler: || get(routes::openapi::handle),
        ..DEFAULT
    },
    Function {
        folder: "files",
        path: "api/files/{*path}",
        alphabet: Some(Alphabet::BlobPath),
        guard: Guard::Open,
        handler: || get(routes::files::handle),
        ..DEFAULT
    },
    Function {
        folder: "home",
        path: "",
        guard: Guard::Open,
        handler: || get(routes::root::handle),
        ..DEFAULT
    },
    // Folders of their own, so that an owner can close the OpenAI surface like any other function.
    Function {
        folder: "v1",
        path: "v1/{*path}",
        alphabet: Some(Alphabet::ApiPath),
        methods: &[Method::GET, Method::POST],
        handler: || get(routes::not_found).post(routes::not_found),
        ..DEFAULT
    },
    Function {
        folder: "openai",
        path: "openai/{*path}",
        alphabet: Some(Alphabet::ApiPath),
        methods: &[Method::GET, Method::POST],
        handler: || get(routes::not_found).post(routes::not_found),
        ..DEFAULT
    },
];

impl Function {
    /// The route as `function.json` writes it, with the parameter's alphabet as its constraint.
    #[must_use]
    pub fn route(&self) -> String {
        match self.alphabet {
            // The root alone: a constraint of a catch-all never matches an empty value.
            None if self.path.is_empty() => "{root:maxlength(0)?}".to_owned(),
            None => self.path.to_owned(),
            Some(alphabet) => {
                let constraint = format!(":regex({})}}", alphabet.pattern());
                self.path.replace('}', &constraint)
            }
        }
    }

    /// The path as requests have it once their fixed words are in lower case.
    pub(super) fn normal_path(&self) -> String {
        let segments = self
            .path
            .split('/')
            .map(|segment| match segment.starts_with('{') {
                true => segment.to_owned(),
                false => segment.to_ascii_lowercase(),
            });
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    }
}
