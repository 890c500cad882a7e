//! Secrets that a store draws for itself.

use uuid::Uuid;

/// What is shorter is no secret of ours, in bytes.
pub(super) const SHORTEST: usize = 32;

/// Draws one. A version 4 UUID has 122 random bits: four of them are more than HMAC-SHA256 can
/// use.
pub(super) fn draw() -> Vec<u8> {
    let four = [(); 4].map(|()| Uuid::new_v4());
    four.iter().flat_map(|uuid| *uuid.as_bytes()).collect()
}
