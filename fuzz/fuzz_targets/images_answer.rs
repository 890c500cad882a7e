//! Fuzzes the reader of images answers.
#![no_main]

#[path = "../properties/images_answer.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use visionary::{
    images::openai::answer::{Answer, AnswerReader, Picture},
    openai::UpstreamError,
};

fuzz_target!(|input: &[u8]| properties::check(input));
