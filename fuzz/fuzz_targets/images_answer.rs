//! Fuzzes the readers of images answers, in one piece and as event streams.
#![no_main]

#[path = "../properties/images_answer.rs"]
mod properties;
#[path = "../properties/images_stream.rs"]
mod properties_of_streams;

use libfuzzer_sys::fuzz_target;
use visionary::{
    images::openai::answer::{Answer, AnswerReader, Picture, Preview, StreamReader},
    openai::UpstreamError,
};

fuzz_target!(|input: &[u8]| {
    properties::check(input);
    properties_of_streams::check(input);
});
