//! Pictures made by the tests, in each of the three formats, and what is to be seen of them.

use std::io::Cursor;

/// Pixels as they are to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

/// What a WebP shows.
pub fn seen(webp: &[u8]) -> Picture {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(webp)).unwrap();
    let (width, height) = decoder.dimensions();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    let rgba = match decoder.has_alpha() {
        true => pixels,
        false => pixels
            .chunks(3)
            .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
            .collect(),
    };
    Picture {
        width,
        height,
        rgba,
    }
}

impl Picture {
    pub fn drawn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self {
            width,
            height,
            rgba: places.flat_map(|(x, y)| pixel(x, y)).collect(),
        }
    }

    pub fn plain(width: u32, height: u32, pixel: [u8; 4]) -> Self {
        Self::drawn(width, height, |_, _| pixel)
    }

    /// Soft shapes with some grain.
    pub fn photo(width: u32, height: u32) -> Self {
        Self::drawn(width, height, |x, y| {
            let grain =
                (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).wrapping_mul(2_654_435_761) >> 29;
            let wave = |side: u32, length: f32| (side as f32 / length).sin() * 50.0 + 128.0;
            let channel = |value: f32| (value + grain as f32) as u8;
            [
                channel(wave(x + y, 37.0)),
                channel(wave(y, 23.0)),
                channel(wave(2 * x, 61.0)),
                255,
            ]
        })
    }

    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let start = 4 * (y * self.width + x) as usize;
        self.rgba[start..start + 4].try_into().unwrap()
    }

    /// Lossy encoding moves colours a little, and those of JPEG's CMYK a little more.
    #[track_caller]
    pub fn assert_near(&self, x: u32, y: u32, expected: [u8; 4]) {
        let found = self.at(x, y);
        let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 12);
        assert!(near, "{found:?} at {x},{y}, not {expected:?}");
    }

    pub fn rgb(&self) -> Vec<u8> {
        let pixels = self.rgba.chunks(4);
        pixels.flat_map(|pixel| pixel[..3].to_vec()).collect()
    }

    pub fn png(&self) -> Vec<u8> {
        let (color, depth) = (png::ColorType::Rgba, png::BitDepth::Eight);
        png_of(self.width, self.height, color, depth, &self.rgba, |_| {})
    }

    pub fn jpeg(&self, prepare: impl FnOnce(&mut JpegEncoder<'_>)) -> Vec<u8> {
        let (width, height) = (self.width as u16, self.height as u16);
        jpeg_of(
            width,
            height,
            jpeg_encoder::ColorType::Rgb,
            &self.rgb(),
            prepare,
        )
    }

    pub fn lossy_webp(&self) -> Vec<u8> {
        let encoder = webp::Encoder::from_rgba(&self.rgba, self.width, self.height);
        encoder.encode(90.0).to_vec()
    }

    /// By libwebp, which gives blocks of a picture codes of their own.
    pub fn lossless_webp(&self) -> Vec<u8> {
        let encoder = webp::Encoder::from_rgba(&self.rgba, self.width, self.height);
        encoder.encode_lossless().to_vec()
    }
}

/// A PNG of raw rows, with whatever `prepare` adds.
pub fn png_of(
    width: u32,
    height: u32,
    color: png::ColorType,
    depth: png::BitDepth,
    rows: &[u8],
    prepare: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    prepare(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
    file
}

pub type JpegEncoder<'a> = jpeg_encoder::Encoder<&'a mut Vec<u8>>;

/// A JPEG of samples.
pub fn jpeg_of(
    width: u16,
    height: u16,
    color: jpeg_encoder::ColorType,
    samples: &[u8],
    prepare: impl FnOnce(&mut JpegEncoder<'_>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 92);
    prepare(&mut encoder);
    encoder.encode(samples, width, height, color).unwrap();
    file
}

/// A PNG of chunks as given, its header first, with their checksums.
pub fn png_of_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        file.extend((data.len() as u32).to_be_bytes());
        let named = [&name[..], data].concat();
        file.extend(&named);
        file.extend(checksum(&named).to_be_bytes());
    }
    file
}

/// A PNG's header.
pub fn png_header(width: u32, height: u32, depth: u8, color: u8, interlaced: bool) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [sides, vec![depth, color, 0, 0, interlaced.into()]].concat()
}

/// CRC-32 as PNG has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// Zlib data that is not compressed; up to 65,535 bytes.
pub fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u16).to_le_bytes();
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length);
    data.extend(length.map(|byte| !byte));
    data.extend(bytes);
    data.extend((high << 16 | low).to_be_bytes());
    data
}

/// A WebP of chunks as given.
pub fn webp_of_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let body = riff_chunks(chunks);
    let length = (body.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", &body].concat()
}

/// Chunks one after the other.
pub fn riff_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in chunks {
        bytes.extend(*name);
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
    }
    bytes
}

/// The only chunk of a simple WebP.
pub fn webp_data(file: &[u8]) -> Vec<u8> {
    let length = u32::from_le_bytes(file[16..20].try_into().unwrap());
    file[20..20 + length as usize].to_vec()
}
