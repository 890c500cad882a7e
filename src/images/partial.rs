//! Previews of pictures in the making: what they are, who wants them, and which call may be asked
//! for them.

use super::{
    ImageOptions,
    rules::{ModelRules, Rule},
};
use crate::image_format::ImageFormat;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Previews of each picture where a request for an event stream names no number.
const DEFAULT_PREVIEWS: u8 = 2;

/// Previews that wait for their reader. They are as large as pictures, and a newer one is the
/// better one.
const CAPACITY: usize = 1;

/// A preview of a picture in the making.
#[derive(Debug)]
pub struct PartialImage {
    /// Which picture of the request, from 0.
    pub image_index: u8,
    /// Which preview of that picture, from 0, as the provider counts. A call that is sent again
    /// begins anew.
    pub partial_index: u32,
    /// The encoded preview; its memory is given back when the last holder drops it.
    pub bytes: Bytes,
    /// Its encoding, known from its bytes.
    pub format: ImageFormat,
}

/// Who wants previews. A slow reader gets fewer: what does not fit is dropped, never waited for.
#[derive(Debug, Clone)]
pub struct PartialImages {
    sender: mpsc::Sender<PartialImage>,
}

impl PartialImages {
    /// A reader of previews, and the end where they are put in. The reader's channel ends when
    /// the last clone of that is dropped.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<PartialImage>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self { sender }, receiver)
    }

    /// Gives the reader a preview, or drops it when the reader is behind or gone.
    pub fn offer(&self, preview: PartialImage) {
        drop(self.sender.try_send(preview));
    }
}

/// How many previews of each picture the provider is asked for; `None` when its answer is not to
/// be an event stream. With 0 it would be one event, the picture, which is no gain.
pub(super) fn previews_asked_for(
    rules: &ModelRules,
    options: &ImageOptions,
    partials: Option<&PartialImages>,
) -> Option<u8> {
    let asked = options.partial_images.unwrap_or(DEFAULT_PREVIEWS);
    let is_wanted = partials.is_some() && rules.partial_images != Rule::Unused;
    (is_wanted && asked > 0).then_some(asked)
}
