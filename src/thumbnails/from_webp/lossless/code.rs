//! One prefix code (RFC 9649, section 3.7.2): read from its lengths, and symbols read by it.

use super::bits::Bits;

const LONGEST: usize = 15;

/// In this order the lengths of the code for lengths are written.
const LENGTHS_ORDER: [usize; 19] = [
    17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
];

/// What the decoder looks up at once has so many bits, each entry four bytes; what is longer goes
/// into a tree of two nodes of sixteen bytes for each symbol, grown by doubling.
const TABLE_BITS: usize = 10;
const TABLE_ENTRY_BYTES: usize = 4;
const TREE_BYTES_PER_SYMBOL: usize = 2 * 2 * 16;

/// The code itself, without its table.
const CODE_BYTES: usize = 64;

/// A canonical prefix code.
pub struct Code {
    /// How many symbols have each length.
    counts: [u32; LONGEST + 1],
    /// The symbols by length and then by value. One alone has no bits.
    symbols: Vec<u16>,
}

impl Code {
    /// Reads a code for an alphabet.
    pub fn read(bits: &mut Bits<'_>, alphabet: usize) -> Option<Self> {
        match bits.read(1)? {
            0 => Self::of_lengths(&lengths(bits, alphabet)?),
            _ => Self::read_simple(bits, alphabet),
        }
    }

    /// One or two symbols, written out.
    fn read_simple(bits: &mut Bits<'_>, alphabet: usize) -> Option<Self> {
        let two = bits.read(1)? == 1;
        let first_bits = 1 + 7 * bits.read(1)?;
        let mut symbols = vec![bits.read(first_bits)? as u16];
        if two {
            symbols.push(bits.read(8)? as u16);
        }
        let mut counts = [0; LONGEST + 1];
        counts[1] = symbols.len() as u32;
        let known = symbols.iter().all(|&symbol| usize::from(symbol) < alphabet);
        known.then_some(Self { counts, symbols })
    }

    /// `None` when the lengths leave codes unused, or use some twice.
    fn of_lengths(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; LONGEST + 1];
        let mut symbols: Vec<u16> = (0..).take(lengths.len()).collect();
        symbols.retain(|&symbol| lengths[usize::from(symbol)] > 0);
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        for &symbol in &symbols {
            counts[usize::from(lengths[usize::from(symbol)])] += 1;
        }
        let used = |length: usize| counts[length] << (LONGEST - length);
        let used: u32 = (1..=LONGEST).map(used).sum();
        let fits = symbols.len() == 1 || used == 1 << LONGEST;
        fits.then_some(Self { counts, symbols })
    }

    /// The next symbol.
    pub fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        if let [only] = self.symbols[..] {
            return Some(only.into());
        }
        // All codes of one length are consecutive, and those of the next begin behind them.
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.read(1)?;
            if code < first + count {
                let symbol = self.symbols.get((index + code - first) as usize)?;
                return Some((*symbol).into());
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    /// What the decoder's table for it takes.
    pub fn table_bytes(&self) -> usize {
        let longest = self.counts.iter().rposition(|&count| count > 0);
        let table = TABLE_ENTRY_BYTES << longest.unwrap_or(0).min(TABLE_BITS);
        let in_tree: u32 = self.counts[TABLE_BITS + 1..].iter().sum();
        CODE_BYTES + table + in_tree as usize * TREE_BYTES_PER_SYMBOL
    }
}

/// The lengths of an alphabet's codes, which are coded themselves.
fn lengths(bits: &mut Bits<'_>, alphabet: usize) -> Option<Vec<u8>> {
    let mut of_lengths = [0; LENGTHS_ORDER.len()];
    let written = 4 + bits.read(4)? as usize;
    for &index in &LENGTHS_ORDER[..written] {
        of_lengths[index] = bits.read(3)? as u8;
    }
    let code = Code::of_lengths(&of_lengths)?;
    let mut left = match bits.read(1)? {
        0 => alphabet,
        _ => {
            let length = 2 + 2 * bits.read(3)?;
            2 + bits.read(length)? as usize
        }
    };
    let mut lengths: Vec<u8> = Vec::with_capacity(alphabet);
    let mut before = 8; // the default, section 3.7.2.1.2
    while lengths.len() < alphabet && left > 0 {
        left -= 1;
        let (repeated, length) = match code.symbol(bits)? as u8 {
            16 => (3 + bits.read(2)?, before),
            17 => (3 + bits.read(3)?, 0),
            18 => (11 + bits.read(7)?, 0),
            length => (1, length),
        };
        if length > 0 {
            before = length;
        }
        lengths.extend(std::iter::repeat_n(length, repeated as usize));
    }
    if lengths.len() > alphabet {
        return None;
    }
    lengths.resize(alphabet, 0);
    Some(lengths)
}
