//! What the state container knows of one operation, and how that may change.

use super::{FinishedOperation, id::OperationId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

/// So many processes may be lost with an operation before its provider was asked: what ends
/// three of them would most likely end the next.
pub(super) const MOST_OWNERS_LOST: u32 = 3;

/// One operation, as it is written down and as a caller may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// What has become of it.
    #[serde(flatten)]
    pub status: OperationStatus,
    /// The request that it came with.
    pub request_id: String,
    /// The name of the list of images in its result.
    pub output_key: String,
    /// Who works on it; nobody once it was handed over.
    pub(super) owner: Option<Uuid>,
    /// Another for each request that may have written the operation down.
    #[serde(default)]
    pub(super) attempt: Uuid,
    /// Counts the owner's signs of life, so that each is another version of the blob.
    #[serde(default)]
    pub(super) beats: u64,
    /// How many processes it has cost before its provider was asked.
    #[serde(default)]
    pub(super) owners_lost: u32,
    /// Who was asked, for the result of an operation whose process is gone.
    pub(super) provider: String,
    pub(super) model: String,
    /// How many images are wanted.
    pub(super) wanted: u8,
    /// When the provider was asked, by the owner's clock.
    #[serde(default, with = "time::serde::timestamp::milliseconds::option")]
    pub(super) sent_at: Option<OffsetDateTime>,
    /// The caller's fields that count, until the provider is asked: whoever takes the work up needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<Map<String, Value>>,
}

/// How far an operation has come; the words are those of Azure's own asynchronous operations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum OperationStatus {
    /// It waits for a place. Nothing is sent, nothing is paid.
    NotRunning,
    /// The provider is being asked, and is paid for what it makes.
    Running,
    /// The images are there.
    Succeeded {
        /// They and all that is known of them.
        result: FinishedOperation,
    },
    /// There are no images, or they were not kept.
    Failed {
        /// The problem document that a waiting caller would get.
        error: Value,
        /// Whether the provider may have been paid.
        payment: Payment,
        /// Whether others said so, who found the operation without its process.
        #[serde(default)]
        is_verdict: bool,
    },
    /// Its caller did not want it any more.
    Canceled {
        /// The same, with what could not be called back.
        error: Value,
        /// Whether the provider may have been paid.
        payment: Payment,
    },
}

/// What a failure has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Payment {
    /// Surely nothing: the same key may be used again.
    None,
    /// Maybe the price of the images: only the caller may decide to pay again.
    Possible,
}

impl OperationStatus {
    /// Whether this is the end.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::NotRunning | Self::Running)
    }

    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotRunning => "notRunning",
            Self::Running => "running",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled { .. } => "canceled",
        }
    }

    /// What it cost to end without images; `None` for any other state.
    pub(super) fn payment(&self) -> Option<Payment> {
        match self {
            Self::Failed { payment, .. } | Self::Canceled { payment, .. } => Some(*payment),
            _ => None,
        }
    }
}

impl Operation {
    /// The same operation in its owner's hands, at work or waiting, one sign of life later.
    pub(super) fn with_a_beat(&self) -> Self {
        Self {
            beats: self.beats + 1,
            ..self.clone()
        }
    }

    /// The provider is about to be asked.
    pub(super) fn sent(&self, now: OffsetDateTime) -> Self {
        Self {
            status: OperationStatus::Running,
            sent_at: Some(now),
            fields: None,
            ..self.with_a_beat()
        }
    }

    /// At its end.
    pub(super) fn ended(&self, status: OperationStatus) -> Self {
        Self {
            status,
            owner: None,
            fields: None,
            ..self.with_a_beat()
        }
    }

    /// In the hands of `owner`, who found it without one.
    pub(super) fn taken_up_by(&self, owner: Uuid) -> Self {
        Self {
            // Whoever handed it over has not been lost with it.
            owners_lost: self.owners_lost + u32::from(self.owner.is_some()),
            owner: Some(owner),
            ..self.with_a_beat()
        }
    }

    /// Without an owner, for whoever comes next.
    pub(super) fn handed_over(&self) -> Self {
        Self {
            owner: None,
            ..self.with_a_beat()
        }
    }
}
