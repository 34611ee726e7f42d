//! What the header of a compressed frame declares.
//!
//! It is compared with the data set before a decoder allocates for it: a decoder trusts its own
//! stream, and one whose size differs from the image's cannot be put in its place anyway.

/// Size and sample format of one compressed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codestream {
    pub rows: usize,
    pub columns: usize,
    pub components: usize,
    /// Bits a sample.
    pub precision: u32,
    /// Process number of a JPEG frame header (0 baseline, 1 extended, 3 lossless, ...).
    pub process: Option<u8>,
}

impl Codestream {
    /// Reads the frame header of a JPEG or JPEG-LS stream; `None` if there is none.
    pub fn of_jpeg(stream: &[u8]) -> Option<Self> {
        if stream.get(..2)? != [0xFF, 0xD8] {
            return None;
        }
        let mut at = 2;
        loop {
            // Fill bytes may stand before a marker.
            while stream.get(at)? == &0xFF && stream.get(at + 1)? == &0xFF {
                at += 1;
            }
            let [0xFF, marker] = *stream.get(at..at + 2)? else {
                return None;
            };
            at += 2;
            match marker {
                // Markers without a segment.
                0x01 | 0xD0..=0xD8 => continue,
                // End of image or start of scan before any frame header.
                0xD9 | 0xDA => return None,
                // Frame headers: SOF0 to SOF15 but for DHT, JPG and DAC, and JPEG-LS.
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7 => {
                    let [precision, r1, r0, c1, c0, components] = *stream.get(at + 2..at + 8)?
                    else {
                        return None;
                    };
                    return Some(Self {
                        rows: u16::from_be_bytes([r1, r0]).into(),
                        columns: u16::from_be_bytes([c1, c0]).into(),
                        components: components.into(),
                        precision: precision.into(),
                        process: (marker < 0xD0).then(|| marker - 0xC0),
                    });
                }
                _ => {
                    let [high, low] = *stream.get(at..at + 2)? else {
                        return None;
                    };
                    at += usize::from(u16::from_be_bytes([high, low])).max(2);
                }
            }
        }
    }

    /// Reads the size segment of a JPEG 2000 codestream; `None` if there is none or if the
    /// component is subsampled.
    pub fn of_jpeg2000(stream: &[u8]) -> Option<Self> {
        // SOC, SIZ, its length and its capabilities.
        if stream.get(..4)? != [0xFF, 0x4F, 0xFF, 0x51] {
            return None;
        }
        let word = |at: usize| {
            let bytes = stream.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes) as usize)
        };
        let [columns, rows] = [word(8)?, word(12)?];
        let [left, top] = [word(16)?, word(20)?];
        let components = usize::from(u16::from_be_bytes(stream.get(40..42)?.try_into().ok()?));
        let [depth, 1, 1] = *stream.get(42..45)? else {
            return None;
        };
        Some(Self {
            rows: rows.checked_sub(top)?,
            columns: columns.checked_sub(left)?,
            components,
            precision: u32::from(depth & 0x7F) + 1,
            process: None,
        })
    }

    /// The JPEG 2000 codestream inside a JP2 file, which some writers put in a fragment.
    pub fn inside_jp2(data: &[u8]) -> &[u8] {
        const SIGNATURE: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";
        if !data.starts_with(SIGNATURE) {
            return data;
        }
        let start = data
            .windows(4)
            .position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])
            .unwrap_or(0);
        &data[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jpeg_frame_header_is_found_behind_other_segments() {
        let mut stream = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 9, 9, 0xFF, 0xFF, 0xC3];
        stream.extend([0, 11, 12, 0x01, 0x02, 0x00, 0x80, 1, 1, 0x11, 0]);
        let found = Codestream::of_jpeg(&stream).unwrap();
        assert_eq!((found.rows, found.columns), (258, 128));
        assert_eq!((found.components, found.precision), (1, 12));
        assert_eq!(found.process, Some(3));
        for n in 0..19 {
            assert_eq!(Codestream::of_jpeg(&stream[..n]), None);
        }
    }

    #[test]
    fn jpeg2000_size_leaves_the_offset_out() {
        let mut stream = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
        for word in [70_u32, 50, 6, 1, 70, 50, 0, 0] {
            stream.extend(word.to_be_bytes());
        }
        stream.extend([0, 1, 0x8B, 1, 1]);
        let found = Codestream::of_jpeg2000(&stream).unwrap();
        assert_eq!((found.rows, found.columns), (49, 64));
        assert_eq!((found.components, found.precision), (1, 12));
        assert_eq!(Codestream::of_jpeg2000(&stream[..44]), None);
        let mut jp2 = b"\0\0\0\x0cjP  \r\n\x87\nmore".to_vec();
        jp2.extend(&stream);
        assert_eq!(Codestream::inside_jp2(&jp2), stream);
    }
}
