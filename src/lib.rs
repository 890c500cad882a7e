//! The backend of an AI image gallery: an Azure Functions custom handler that also runs by
//! itself. `docs/ARCHITECTURE.md` is the way in; a room imports only what stands above it here.

pub mod image_format;
pub mod picture_json;
pub mod prompt;
pub mod request_body;
pub mod sas;

pub mod api_key;
pub mod event_stream;

pub mod credentials;

pub mod openai;
pub mod storage;
pub mod thumbnails;

pub mod gallery;
pub mod images;
pub mod limits;
pub mod suggestions;

pub mod health;
pub mod operations;

pub mod error;

pub mod config;

pub mod app;
pub mod arguments;

pub mod routes;

pub mod router;
pub mod serve;
pub mod telemetry;

pub mod migrate;
