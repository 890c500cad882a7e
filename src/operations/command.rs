//! What is wanted of an operation, and by whom.

use super::{OperationSettings, key::RequestKey};
use crate::{
    images::{ImageRequest, ParsedRequest},
    limits::Caller,
};
use serde_json::{Map, Value};
use std::time::Duration;

/// What to generate, for whom.
#[derive(Debug, Clone)]
pub struct GenerateCommand {
    /// The pictures that are wanted.
    pub request: ImageRequest,
    /// What the caller should know of the request itself.
    pub warnings: Vec<String>,
    /// Our request's id.
    pub request_id: String,
    /// Where the pictures go.
    pub destination: Destination,
    /// The name of the list of images in the answer.
    pub output_key: String,
    /// Under this key the same request is paid for once.
    pub key: Option<RequestKey>,
    /// What becomes of images that may have been paid for already.
    pub repayment: Repayment,
    /// How long somebody waits.
    pub patience: Patience,
    /// Whose images per minute these are.
    pub caller: Caller,
}

impl GenerateCommand {
    /// What a caller asked for who does not wait; the pictures go into the gallery.
    #[must_use]
    pub fn in_background(parsed: ParsedRequest, request_id: String) -> Self {
        Self {
            request: parsed.image,
            warnings: parsed.warnings,
            request_id,
            destination: Destination::Gallery,
            output_key: parsed.answer.output_key,
            key: None,
            repayment: parsed.retry_paid.into(),
            patience: Patience::Background,
            caller: Caller::Unknown,
        }
    }
}

/// Where pictures go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into the gallery; their bytes are let go as soon as they are stored.
    Gallery,
    /// Into the gallery, and their bytes to the caller.
    GalleryAndCaller,
    /// To the caller alone.
    Caller,
}

/// What a repeated request does about images that may have been paid for and are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repayment {
    /// It gets the first one's failure.
    Refused,
    /// It has them made, and maybe paid for, again (`retryPaid`).
    Allowed,
}

impl From<bool> for Repayment {
    fn from(is_allowed: bool) -> Self {
        match is_allowed {
            true => Self::Allowed,
            false => Self::Refused,
        }
    }
}

/// How long there is for an operation, by who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A plain request, which the platform cuts.
    Request,
    /// An event stream, which it lets run for longer.
    Stream,
    /// Nobody.
    Background,
}

impl Patience {
    /// How long the provider's part may take.
    pub(super) fn longest_generation(self, settings: &OperationSettings) -> Duration {
        match self {
            Self::Request => settings.longest_generation,
            Self::Stream => settings.longest_streamed_generation,
            Self::Background => settings.longest_background_generation,
        }
    }

    /// When whoever waits is told that the work goes on.
    pub(super) fn longest_wait(self, settings: &OperationSettings) -> Duration {
        match self {
            Self::Request | Self::Background => settings.longest_wait,
            Self::Stream => settings.longest_stream,
        }
    }
}

/// The caller's fields that count, as they came: from them another process makes the same command.
#[derive(Debug, Clone)]
pub struct CallersFields(pub Map<String, Value>);
