//! One file for each function, named like its folder: take the request apart, call a
//! capability, answer.

pub mod admin;
pub mod arrival;
pub mod base_url;
pub mod caller;
pub mod entity_tag;
pub mod files;
pub mod generate;
pub mod generate_image;
pub mod generate_sas_token;
pub mod get_chatgpt_suggestion;
pub mod get_images;
pub mod health;
pub mod image;
pub mod image_answer;
pub mod image_json;
pub mod json_body;
pub mod limited;
pub mod openapi;
pub mod operation_answer;
pub mod operations;
pub mod problem;
pub mod request_id;
pub mod request_key;
pub mod root;
pub mod thumbnails;

use crate::error::ApiError;

/// What a path answers that belongs to no function.
///
/// # Errors
/// Always, with 404.
pub async fn not_found() -> Result<(), ApiError> {
    Err(ApiError::not_found("there is no function at this path"))
}
