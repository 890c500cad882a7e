//! The packaged release binary under a double of the Functions host, in both ways that a host
//! passes requests on; the double's own tests are beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up fails the test, and the settings of the tests come from the environment"
)]

#[path = "support/azurite.rs"]
mod azurite;
#[path = "support/events.rs"]
mod events;
#[path = "support/secrets.rs"]
mod secrets;
#[path = "support/upstream.rs"]
mod upstream;

mod host {
    mod addresses;
    mod closed_folders;
    mod double;
    mod events;
    mod functions_host;
    mod harness;
    mod images;
    mod killed;
    mod lifecycle;
    mod limits;
    mod memory;
    mod operations;
    mod raw;
    mod requests;
    mod resent;
}
