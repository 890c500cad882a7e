//! The service over HTTP, one file for each function: real stores, an upstream that speaks HTTP,
//! and a client that does what the front ends do.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

#[path = "../support/azurite.rs"]
mod azurite;
#[path = "../support/entra.rs"]
mod entra;
#[path = "../support/events.rs"]
mod events;
#[path = "../support/faulty_account.rs"]
mod faulty_account;
#[path = "../support/frontend.rs"]
mod frontend;
#[path = "../support/secrets.rs"]
mod secrets;
#[path = "../support/upstream.rs"]
mod upstream;

mod access;
mod account_faults;
mod behind_host;
mod bodies;
mod bounded_memory;
mod broken_answers;
mod browser;
mod cursors;
mod description;
mod downloads;
mod empty_values;
mod event_stream;
mod files;
mod generate;
mod generate_faults;
mod generate_image;
mod generate_refusals;
mod generate_sas_token;
mod get_chatgpt_suggestion;
mod get_images;
mod health;
mod hostile_http;
mod hostile_prompts;
mod identity;
mod image_details;
mod image_removal;
mod keyless_store;
mod least_privilege;
mod limits;
mod migrate;
mod one_process;
mod openapi;
mod operations;
mod option_rules;
mod paid_work;
mod panics;
mod partial_images;
mod paths;
mod process;
mod retries;
mod secrets_search;
mod service;
mod thumbnails;
mod upstream_faults;
mod usage;
