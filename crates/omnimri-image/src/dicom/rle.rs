//! RLE Lossless (PS3.5, annex G): one PackBits segment for each byte of a sample, highest first.

/// Bytes of the segment table that opens every frame.
const TABLE_BYTES: usize = 64;
/// Two bytes of a segment stand for at most 128.
const MOST_EXPANSION: usize = 64;

/// Decodes a frame of `n_samples` samples of `sample_bytes` bytes; little-endian samples come out.
///
/// The error says in words what is wrong with the data.
pub(super) fn decode(
    data: &[u8],
    n_samples: usize,
    sample_bytes: usize,
) -> Result<Vec<u8>, String> {
    let n_bytes = n_samples.saturating_mul(sample_bytes);
    if n_bytes > data.len().saturating_mul(MOST_EXPANSION) {
        return Err(format!("{} bytes for {n_bytes}", data.len()));
    }
    let (table, _) = data.as_chunks::<4>();
    let word = |i: usize| table.get(i).map(|w| u32::from_le_bytes(*w) as usize);
    let n_segments = word(0).filter(|_| data.len() >= TABLE_BYTES);
    if n_segments != Some(sample_bytes) {
        let found = n_segments.map_or("none".into(), |n| n.to_string());
        return Err(format!("{found} segments instead of {sample_bytes}"));
    }
    let mut out = vec![0; n_bytes];
    for segment in 0..sample_bytes {
        let start = word(1 + segment).unwrap_or(0);
        let next = (segment + 1 < sample_bytes).then(|| word(2 + segment));
        let end = next.flatten().unwrap_or(data.len());
        let bytes = data
            .get(start..end)
            .filter(|_| start >= TABLE_BYTES)
            .ok_or_else(|| format!("segment {segment} from byte {start} to {end}"))?;
        let place = sample_bytes - 1 - segment;
        let n = unpack_bits(bytes, out.iter_mut().skip(place).step_by(sample_bytes));
        if n < n_samples {
            return Err(format!("{n} of {n_samples} samples in segment {segment}"));
        }
    }
    Ok(out)
}

/// Fills `out` from PackBits data; returns how many bytes it set.
fn unpack_bits<'a>(mut data: &[u8], out: impl Iterator<Item = &'a mut u8>) -> usize {
    let mut out = out.into_iter();
    let mut n = 0;
    while let [code, rest @ ..] = data {
        let code = *code as i8;
        // -128 stands for nothing.
        let (n_literal, n_repeat) = match code {
            0.. => (code as usize + 1, 0),
            -127..0 => (1, 1 - isize::from(code)),
            i8::MIN => (0, 0),
        };
        let n_literal = n_literal.min(rest.len());
        let (values, after) = rest.split_at(n_literal);
        let runs = if n_repeat > 0 { n_repeat as usize } else { 1 };
        for value in values.iter().flat_map(|v| std::iter::repeat_n(v, runs)) {
            let Some(place) = out.next() else {
                return n;
            };
            *place = *value;
            n += 1;
        }
        data = after;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut at = TABLE_BYTES as u32;
        let mut words = vec![segments.len() as u32];
        for s in segments {
            words.push(at);
            at += s.len() as u32;
        }
        words.resize(TABLE_BYTES / 4, 0);
        let table = words.iter().flat_map(|w| w.to_le_bytes());
        table
            .chain(segments.iter().flat_map(|s| s.iter().copied()))
            .collect()
    }

    #[test]
    fn runs_literals_and_nothing() {
        let segment = [0xFE, 0xAA, 0x80, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAB];
        let expected = [0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAB, 0xAB, 0xAB, 0xAB];
        assert_eq!(decode(&frame(&[&segment]), 10, 1).unwrap(), expected);
        let two = frame(&[&[0xFF, 1], &[1, 2, 3]]);
        assert_eq!(decode(&two, 2, 2).unwrap(), [2, 1, 3, 1]);
    }

    #[test]
    fn damage_is_said() {
        let whole = frame(&[&[0xFF, 1], &[1, 2, 3]]);
        for n in 0..whole.len() {
            assert!(decode(&whole[..n], 2, 2).is_err());
        }
        assert!(decode(&whole, 3, 2).is_err());
        assert!(decode(&whole, 2, 1).is_err());
        assert!(decode(&whole, usize::MAX, 2).is_err());
        let mut far = whole.clone();
        far[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&far, 2, 2).is_err());
    }
}
