//! The double's own tests: it does what a running host was seen to do.

mod app;
mod deliveries;
mod disconnects;
mod early_answers;
mod front_ends;
mod limits;
mod process;
mod recorded;
mod recorder;
mod restart;
mod rows;
mod setup;
