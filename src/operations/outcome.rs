//! What an operation leads to: images, or the reason why there are none.

use super::{command::Destination, id::OperationId, record::Payment, work::Parcel};
use crate::{
    gallery::StoredImage,
    image_format::ImageFormat,
    images::{GenerationError, InvalidOption},
    limits::Refusal,
    storage::StorageError,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Images that are made, and stored where that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedOperation {
    /// Its operation.
    pub operation: OperationId,
    /// At least one.
    pub images: Vec<FinishedImage>,
    /// Who made them.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// Calls to the provider, retries included; unknown where the process was lost that made them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// What the provider counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Value>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

impl FinishedOperation {
    /// Whether its images were found in the gallery when their process was gone.
    pub(super) fn was_found(&self) -> bool {
        self.attempts.is_none()
    }

    /// As it is written down: the pictures' memory is wanted by others.
    pub(super) fn without_bytes(&self) -> Self {
        let mut finished = self.clone();
        for image in &mut finished.images {
            image.bytes = None;
        }
        finished
    }
}

/// One finished image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedImage {
    /// As the gallery has it, where it is stored.
    pub stored: Option<StoredImage>,
    /// What the provider made of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
    /// The seed that was used, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Its encoding.
    pub format: ImageFormat,
    /// Width and height in pixels.
    pub dimensions: (u32, u32),
    /// The encoded picture, where the caller wants it.
    #[serde(skip)]
    pub bytes: Option<Bytes>,
}

/// Why there are no stored images.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The model does not take the request as it is.
    #[error(transparent)]
    Invalid(#[from] InvalidOption),
    /// Too much is being generated.
    #[error("too many images are being generated")]
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// So many images are not to be made now.
    #[error(transparent)]
    Limited(#[from] Refusal),
    /// What the program remembers cannot be read or written, and without it nothing is sent.
    #[error("the state of operations cannot be read or written")]
    StateUnavailable(#[source] StorageError),
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The first request with this key is still at work.
    #[error("the first request with this key is still at work")]
    FirstStillRunning {
        /// Its operation.
        id: OperationId,
        /// When to come again.
        retry_after: Duration,
    },
    /// The first request with this key ended so.
    #[error("the first request with this key ended without images")]
    FirstFailed {
        /// Its operation.
        id: OperationId,
        /// The problem document that it got.
        problem: Value,
    },
    /// The first request with this key has its images, and they were not kept.
    #[error("the images of the first request with this key were not kept")]
    NotKept,
    /// No picture came.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// Pictures came, and are paid for, but some could not be stored.
    #[error("an image was generated but could not be stored")]
    NotStored {
        /// Those that are stored, and what is known of all of them.
        finished: Box<FinishedOperation>,
        /// Those that are not.
        unstored: Vec<Parcel>,
        /// Why.
        #[source]
        source: StorageError,
    },
    /// It takes longer than a request can last.
    #[error("the images take longer than a request can last")]
    StillRunning {
        /// The operation that goes on.
        id: OperationId,
        /// Where its images will go; those for the caller alone are lost.
        destination: Destination,
    },
    /// The caller did not want it any more.
    #[error("the operation was canceled")]
    Canceled {
        /// Whether the provider may have been paid.
        payment: Payment,
    },
    /// The process that asked the provider is gone, and no image of it is stored.
    #[error("the process that worked on the operation was lost")]
    Interrupted {
        /// Whether the provider may have been paid.
        payment: Payment,
    },
    /// What is remembered of the operation is no record of ours.
    #[error("the state of the operation cannot be read")]
    Unreadable,
    /// The work broke off by a fault of ours.
    #[error("the work broke off")]
    Crashed,
}

impl OperationError {
    /// What it has cost to end so.
    pub(super) fn payment(&self) -> Payment {
        match self {
            Self::Invalid(_)
            | Self::Busy { .. }
            | Self::Limited(_)
            | Self::StateUnavailable(_)
            | Self::KeyReused
            | Self::FirstStillRunning { .. } => Payment::None,
            Self::Canceled { payment } | Self::Interrupted { payment } => *payment,
            Self::Generation(error) if error.surely_cost_nothing() => Payment::None,
            Self::Generation(_)
            | Self::FirstFailed { .. }
            | Self::NotKept
            | Self::NotStored { .. }
            | Self::StillRunning { .. }
            | Self::Unreadable
            | Self::Crashed => Payment::Possible,
        }
    }

    /// The operation that a caller may ask about after this.
    #[must_use]
    pub fn operation(&self) -> Option<&OperationId> {
        match self {
            Self::FirstStillRunning { id, .. }
            | Self::FirstFailed { id, .. }
            | Self::StillRunning { id, .. } => Some(id),
            _ => None,
        }
    }
}
