//! Small pictures from big ones, within bounds: bytes in, a WebP out. It knows of no storage and
//! no HTTP, and takes each picture for hostile: its size is read before anything is decoded.

mod encode;
mod from_jpeg;
mod from_png;
mod from_webp;
mod orientation;
mod shrink;
mod worker;

use crate::image_format::ImageFormat;
use bytes::Bytes;
use shrink::{Shrink, Size};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use worker::Workers;

/// The media type of each thumbnail.
pub const CONTENT_TYPE: &str = "image/webp";

/// The memory that one picture may take while it is decoded, its own bytes aside. What is decoded
/// by rows takes a hundredth of it; the other decoders hold a whole picture.
const MOST_HELD_BYTES: u64 = 60 << 20;

/// The longest side of a picture: a row of it is held in full. JPEG cannot say more, WebP less.
const MOST_SIDE: u32 = 65_535;

/// The address space of a decoded picture: as with pictures that arrive (`images/memory.rs`), glibc
/// maps what is larger than 32 MiB and gives it back at once; pages never written take no memory.
const ROOM_BYTES: usize = match cfg!(all(target_os = "linux", target_pointer_width = "64")) {
    true => 33 << 20,
    false => 0,
};

/// What a thumbnail is like, and what one may cost.
#[derive(Debug, Clone, Copy)]
pub struct ThumbnailSettings {
    /// The longer side of a thumbnail in pixels; a picture that is smaller keeps its size.
    pub long_edge: u32,
    /// The longest picture that is looked at, in bytes.
    pub most_encoded_bytes: usize,
    /// The most pixels a picture may have. Formats that have to be decoded as a whole have fewer:
    /// as many as fit in 60 MiB (20 million in a JPEG, but 10 million in a progressive one, and 7
    /// where its colour is not halved; 12 million in a lossy WebP, but 5 with transparency; 10
    /// million in a lossless one; 15 million in an interlaced PNG, and 31 in a grey one).
    pub most_pixels: u64,
    /// How many thumbnails are made at once.
    pub workers: usize,
    /// How long a caller waits, for a worker and for its work.
    pub longest: Duration,
}

impl Default for ThumbnailSettings {
    fn default() -> Self {
        Self {
            long_edge: 512,
            most_encoded_bytes: 64 << 20,
            most_pixels: 50_000_000,
            workers: 1,
            longest: Duration::from_secs(30),
        }
    }
}

/// Why there is no thumbnail of a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoThumbnail {
    /// Something else, whatever it claims to be.
    #[error("it is neither a PNG nor a JPEG nor a WebP")]
    NotAPicture,
    /// More bytes than are looked at.
    #[error("its {bytes} bytes are more than the {most} that are read")]
    TooManyBytes {
        /// Its length.
        bytes: usize,
        /// The setting.
        most: usize,
    },
    /// More pixels than its kind of picture may have.
    #[error("its {width}x{height} pixels are more than the {most} that are decoded of its kind")]
    TooManyPixels {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The most, by the setting or by the memory that its decoder takes.
        most: u64,
    },
    /// A side of it is longer than a row may be.
    #[error("of its {width}x{height} pixels one side is longer than 65535")]
    TooLong {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// It holds more of something else than an honest picture does.
    #[error("it holds too much {of}")]
    TooMuch {
        /// Of what.
        of: &'static str,
    },
    /// It ends early, or a decoder does not take it.
    #[error("it is broken or unusual: {0}")]
    Broken(String),
    /// The caller's time is over.
    #[error("it took longer than {longest:?}")]
    TookTooLong {
        /// The setting.
        longest: Duration,
    },
}

impl NoThumbnail {
    /// A decoder's error. Of debug texts only the beginning: some quote what they were given.
    fn broken(error: impl std::fmt::Display) -> Self {
        Self::Broken(error.to_string().chars().take(200).collect())
    }
}

/// Makes thumbnails, a few at a time. Clones share their workers.
#[derive(Debug, Clone)]
pub struct Thumbnailer {
    settings: ThumbnailSettings,
    /// Who waits, waits here, so that leaving takes no more than dropping the future.
    places: Arc<Semaphore>,
    workers: Workers,
}

impl Thumbnailer {
    /// A thumbnailer with `settings.workers` workers, at least one.
    #[must_use]
    pub fn new(settings: ThumbnailSettings) -> Self {
        let workers = settings.workers.max(1);
        Self {
            settings,
            places: Arc::new(Semaphore::new(workers)),
            workers: Workers::start(workers),
        }
    }

    /// The small picture of a big one, as WebP: its long edge has `long_edge` pixels or fewer, it
    /// is as it is to be seen (turned by its EXIF orientation), and keeps its transparency. Of an
    /// animation it is the first frame. Colour profiles are not applied.
    ///
    /// At most `workers` are made at a time, on threads of their own; the others wait, and whoever
    /// drops the future gives the place back. Once begun the work goes on to its end, as
    /// threads cannot be stopped: what is taken is bounded so that the worst ends in a few seconds.
    /// It takes up to 60 MiB beside the picture's own bytes (those of a WebP are copied once), of a
    /// lossless WebP 16 MiB more at worst, and for a PNG that is not interlaced some 3 MiB.
    ///
    /// # Errors
    /// [`NoThumbnail`], also for a picture that ends early: half of one would pass for a whole.
    pub async fn make(&self, picture: Bytes) -> Result<Bytes, NoThumbnail> {
        let settings = self.settings;
        self.in_time(move || make_now(&picture, &settings)).await
    }

    async fn in_time(&self, work: impl Work) -> Result<Bytes, NoThumbnail> {
        let longest = self.settings.longest;
        timeout(longest, self.in_turn(work))
            .await
            .unwrap_or(Err(NoThumbnail::TookTooLong { longest }))
    }

    async fn in_turn(&self, work: impl Work) -> Result<Bytes, NoThumbnail> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let work = move || {
            // The place is taken until the work is done, not until nobody waits for it.
            let _place = place;
            work()
        };
        let done = self.workers.run(work).await;
        done.unwrap_or_else(|| Err(NoThumbnail::broken("making a thumbnail of it panicked")))
    }
}

/// What keeps a core busy until it has a thumbnail.
trait Work: FnOnce() -> Result<Bytes, NoThumbnail> + Send + 'static {}

impl<F: FnOnce() -> Result<Bytes, NoThumbnail> + Send + 'static> Work for F {}

/// Decodes, shrinks, turns and encodes.
fn make_now(picture: &[u8], settings: &ThumbnailSettings) -> Result<Bytes, NoThumbnail> {
    let most = settings.most_encoded_bytes;
    if picture.len() > most {
        let bytes = picture.len();
        return Err(NoThumbnail::TooManyBytes { bytes, most });
    }
    let (small, orientation) = match ImageFormat::detect(picture) {
        Some(ImageFormat::Png) => from_png::shrink(picture, settings)?,
        Some(ImageFormat::Jpeg) => from_jpeg::shrink(picture, settings)?,
        Some(ImageFormat::Webp) => from_webp::shrink(picture, settings)?,
        None => return Err(NoThumbnail::NotAPicture),
    };
    encode::webp(&orientation.turn(small))
}

/// Refuses a picture by its size, before anything of that size is allocated; otherwise begins the
/// small one. `held_per_pixel` are the bytes that its decoder takes for each pixel.
fn begin(
    size: Size,
    held_per_pixel: u64,
    settings: &ThumbnailSettings,
) -> Result<Shrink, NoThumbnail> {
    let Size { width, height } = size;
    if width.max(height) > MOST_SIDE {
        return Err(NoThumbnail::TooLong { width, height });
    }
    if width == 0 || height == 0 {
        return Err(NoThumbnail::broken("it has no pixels"));
    }
    let fitting = MOST_HELD_BYTES.checked_div(held_per_pixel);
    let most = fitting.map_or(settings.most_pixels, |n| n.min(settings.most_pixels));
    if u64::from(width) * u64::from(height) > most {
        return Err(NoThumbnail::TooManyPixels {
            width,
            height,
            most,
        });
    }
    Ok(Shrink::new(size, size.within(settings.long_edge)))
}

/// Zeros to decode a picture into, whose memory goes back to the system when it is dropped.
fn pixel_buffer(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    if buffer.try_reserve_exact(bytes.max(ROOM_BYTES)).is_err() {
        // Address space is short, or counted as memory.
        buffer.reserve_exact(bytes);
    }
    buffer.resize(bytes, 0);
    buffer
}

/// A plain grey WebP to show where no thumbnail can be made; always the same.
#[must_use]
pub fn placeholder() -> Bytes {
    static PLACEHOLDER: OnceLock<Bytes> = OnceLock::new();
    PLACEHOLDER.get_or_init(encode::placeholder).clone()
}

#[cfg(test)]
mod tests;
