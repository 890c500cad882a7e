//! Processes that are killed, stopped or told to end at any moment of an operation's life: what
//! was accepted comes to its end, nothing is paid twice, and nothing half-written is found.

mod account;
mod ends;
mod life;
pub mod place;
mod points;
mod provider;
mod submission;
mod sudden;
mod told_to_stop;
mod two;
