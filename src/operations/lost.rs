//! Operations whose process is gone. Whoever asks for one next, or finds it while sweeping,
//! takes up what was not sent, and tells the end of what was: what the gallery has of it, or
//! that it was interrupted.

use super::{
    Operations, ROUNDS,
    id::OperationId,
    outcome::{FinishedImage, FinishedOperation, OperationError},
    owner::Ownership,
    record::{MOST_OWNERS_LOST, Operation, OperationStatus, Payment},
};
use crate::{
    gallery::StoredImage,
    image_format::ImageFormat,
    storage::{ETag, StorageError},
};
use std::{sync::Arc, time::Duration};
use tracing::Instrument;
use uuid::Uuid;

/// Images are looked for that were made so long after the provider was asked: the longest
/// generation, late storing, and clocks that differ by minutes.
const MADE_WITHIN: time::Duration = time::Duration::hours(1);
const CLOCKS_DIFFER_BY: time::Duration = time::Duration::minutes(5);

impl Operations {
    /// The operation as it stands; one that was lost is taken up or ended first.
    ///
    /// # Errors
    /// [`OperationError::StateUnavailable`].
    pub async fn look(
        self: &Arc<Self>,
        id: &OperationId,
    ) -> Result<Option<Operation>, OperationError> {
        let unavailable = OperationError::StateUnavailable;
        for _ in 0..ROUNDS {
            let Some(seen) = self.states.read(id).await.map_err(unavailable)? else {
                return Ok(None);
            };
            let Some(operation) = &seen.value else {
                return Ok(Some(self.unreadable(id)));
            };
            if !self.is_lost(operation, seen.age) {
                return Ok(seen.value);
            }
            // Whoever asks may leave at any moment: what they have begun is not broken off.
            let operation = operation.clone();
            let handling = self.clone().end_or_take_up(operation, seen.etag);
            let handled = self.tasks.spawn(handling.in_current_span()).await;
            match handled.map_err(|_| OperationError::Crashed)? {
                Ok(operation) => return Ok(Some(operation)),
                Err(StorageError::Changed) => {} // somebody else did
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(self.busy())
    }

    /// Whether nobody works on an operation any more that has not ended.
    fn is_lost(&self, operation: &Operation, age: Duration) -> bool {
        if operation.status.is_final() || self.stopping.is_cancelled() {
            return false;
        }
        match operation.owner {
            None => true,
            Some(owner) if owner == self.instance => self.running.find(&operation.id).is_none(),
            // Nobody else can be there, or somebody would have given a sign of life.
            Some(_) => !self.states.are_shared() || age > self.settings.lease,
        }
    }

    async fn end_or_take_up(
        self: Arc<Self>,
        operation: Operation,
        seen: ETag,
    ) -> Result<Operation, StorageError> {
        let mark = operation.id.mark();
        let waits = matches!(operation.status, OperationStatus::NotRunning);
        if waits && operation.owners_lost < MOST_OWNERS_LOST {
            let taken_up = operation.taken_up_by(self.instance);
            let entry = self.running.enter(&operation.id);
            let version = self.states.replace(&taken_up, &seen).await?;
            tracing::info!(operation = mark, "a lost operation is taken up");
            let (states, settings) = (&self.states, &self.settings);
            let (found, stopping) = (taken_up.clone(), &self.stopping);
            let ownership = Ownership::new(states, found, version, entry, settings, stopping);
            self.resume(ownership);
            return Ok(taken_up);
        }
        let status = match waits {
            true => self.verdict(Payment::None),
            false => match self.find_images(&operation).await? {
                Some(result) => OperationStatus::Succeeded { result },
                None => self.verdict(Payment::Possible),
            },
        };
        tracing::warn!(
            operation = mark,
            status = status.name(),
            "a lost operation has ended"
        );
        let ended = operation.ended(status);
        self.states.replace(&ended, &seen).await?;
        Ok(ended)
    }

    fn verdict(&self, payment: Payment) -> OperationStatus {
        OperationStatus::Failed {
            error: (self.describe)(&OperationError::Interrupted { payment }),
            payment,
            is_verdict: true,
        }
    }

    /// What a lost operation had stored.
    async fn find_images(
        &self,
        operation: &Operation,
    ) -> Result<Option<FinishedOperation>, StorageError> {
        let Some(sent_at) = operation.sent_at else {
            return Ok(None);
        };
        // Whatever the moment is: a clock that was wrong must not stop those who ask.
        let since = sent_at.saturating_sub(CLOCKS_DIFFER_BY);
        let made = since..=sent_at.saturating_add(MADE_WITHIN);
        let mark = operation.id.mark();
        let found = self.gallery.find_of_operation(&mark, made).await?;
        let images: Vec<FinishedImage> = found.into_iter().filter_map(found_image).collect();
        if images.is_empty() {
            return Ok(None);
        }
        let less = usize::from(operation.wanted).saturating_sub(images.len());
        let lost = "the process that made the images was lost; they were found in the gallery";
        let warning = match less {
            0 => lost.to_owned(),
            less => format!("{lost}, {less} less than asked for"),
        };
        Ok(Some(FinishedOperation {
            operation: operation.id.clone(),
            images,
            provider: operation.provider.clone(),
            model: operation.model.clone(),
            attempts: None,
            usage: None,
            warnings: vec![warning],
        }))
    }

    /// What cannot be read has ended as far as anybody can tell. The blob stays as it is, for
    /// whoever wants to see what became of it.
    fn unreadable(&self, id: &OperationId) -> Operation {
        let error = OperationError::Unreadable;
        Operation {
            id: id.clone(),
            status: OperationStatus::Failed {
                error: (self.describe)(&error),
                payment: Payment::Possible,
                is_verdict: true,
            },
            request_id: String::new(),
            output_key: String::new(),
            owner: None,
            attempt: Uuid::nil(),
            beats: 0,
            owners_lost: 0,
            provider: String::new(),
            model: String::new(),
            wanted: 0,
            sent_at: None,
            fields: None,
        }
    }
}

/// Its metadata has what a result needs; one without is none of ours.
fn found_image(stored: StoredImage) -> Option<FinishedImage> {
    let format = ImageFormat::of_content_type(&stored.content_type)?;
    let (width, height) = stored.size.as_ref()?.split_once('x')?;
    let dimensions = (width.parse().ok()?, height.parse().ok()?);
    Some(FinishedImage {
        stored: Some(stored),
        revised_prompt: None,
        seed: None,
        format,
        dimensions,
        bytes: None,
    })
}
