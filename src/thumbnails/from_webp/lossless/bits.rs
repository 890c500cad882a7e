//! Bits of a stream, the lowest of each byte first.

/// A reader of bits.
pub struct Bits<'a> {
    rest: &'a [u8],
    /// Bits that were taken from the bytes and not yet read, `held` of them.
    buffer: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            buffer: 0,
            held: 0,
        }
    }

    /// The next bits as a number, the first of them its lowest; `None` behind the end. At most 32.
    pub fn read(&mut self, count: u32) -> Option<u32> {
        while self.held < count {
            let (byte, rest) = self.rest.split_first()?;
            self.buffer |= u64::from(*byte) << self.held;
            self.held += 8;
            self.rest = rest;
        }
        let value = self.buffer & ((1 << count) - 1);
        self.buffer >>= count;
        self.held -= count;
        u32::try_from(value).ok()
    }
}
