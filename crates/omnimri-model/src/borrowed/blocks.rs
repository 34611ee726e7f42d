//! Blocks of quantised numbers, as ggml packs them (`src/ggml-quants.c`).

use half::{bf16, f16};

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// Upper half of a single.
    Bf16,
    /// 32 numbers of 4 bits, a scale.
    Q4_0,
    /// 32 numbers of 4 bits, a scale and an offset.
    Q4_1,
    /// 32 numbers of 5 bits, a scale.
    Q5_0,
    /// 32 numbers of 5 bits, a scale and an offset.
    Q5_1,
    /// 32 numbers of 8 bits, a scale.
    Q8_0,
    /// 256 numbers of 4 bits, eight scales and offsets of 6 bits.
    Q4K,
    /// 256 numbers of 5 bits, eight scales and offsets of 6 bits.
    Q5K,
    /// 256 numbers of 6 bits, sixteen scales of 8 bits.
    Q6K,
}

impl Stored {
    /// The kind of a `ggml_type`; none for one that is not read.
    pub fn of(ggml_type: u32) -> Option<Self> {
        Some(match ggml_type {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Numbers a block, bytes a block.
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of `n` numbers; none if they are no whole number of blocks or too many.
    pub fn bytes(self, n: usize) -> Option<usize> {
        let (numbers, bytes) = self.block();
        if n.is_multiple_of(numbers) {
            (n / numbers).checked_mul(bytes)
        } else {
            None
        }
    }

    /// The numbers of whole blocks, appended to `out`; a last block that is not whole is left out.
    pub fn read(self, bytes: &[u8], out: &mut Vec<f32>) {
        let (_, size) = self.block();
        for b in bytes.chunks_exact(size) {
            match self {
                Self::F32 => out.push(f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
                Self::F16 => out.push(half_at(b, 0)),
                Self::Bf16 => out.push(bf16::from_le_bytes([b[0], b[1]]).to_f32()),
                Self::Q4_0 => nibbles(b, 2, None, half_at(b, 0), -8.0 * half_at(b, 0), out),
                Self::Q4_1 => nibbles(b, 4, None, half_at(b, 0), half_at(b, 2), out),
                Self::Q5_0 => {
                    let d = half_at(b, 0);
                    nibbles(b, 6, Some(word_at(b, 2)), d, -16.0 * d, out);
                }
                Self::Q5_1 => {
                    nibbles(b, 8, Some(word_at(b, 4)), half_at(b, 0), half_at(b, 2), out);
                }
                Self::Q8_0 => {
                    let d = half_at(b, 0);
                    out.extend(b[2..].iter().map(|q| d * f32::from(*q as i8)));
                }
                Self::Q4K => four_or_five(b, &[], &b[16..], out),
                Self::Q5K => four_or_five(b, &b[16..48], &b[48..], out),
                Self::Q6K => six(b, out),
            }
        }
    }
}

fn half_at(b: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

fn word_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

/// 32 numbers: the low nibbles of 16 bytes, then the high ones, with a fifth bit each from `high`.
fn nibbles(b: &[u8], at: usize, high: Option<u32>, scale: f32, offset: f32, out: &mut Vec<f32>) {
    let fifth = |k: usize| high.map_or(0, |h| ((h >> k) & 1) << 4);
    let q = &b[at..at + 16];
    let low = q
        .iter()
        .enumerate()
        .map(|(k, v)| u32::from(v & 15) | fifth(k));
    let top = q
        .iter()
        .enumerate()
        .map(|(k, v)| u32::from(v >> 4) | fifth(k + 16));
    out.extend(low.chain(top).map(|v| v as f32 * scale + offset));
}

/// Scale and offset of the `k`-th of eight groups, 6 bits each in 12 bytes.
fn scale_and_offset(s: &[u8], k: usize) -> (f32, f32) {
    let (d, m) = if k < 4 {
        (s[k] & 63, s[k + 4] & 63)
    } else {
        (
            (s[k + 4] & 15) | ((s[k - 4] >> 6) << 4),
            (s[k + 4] >> 4) | ((s[k] >> 6) << 4),
        )
    };
    (f32::from(d), f32::from(m))
}

/// 256 numbers of 4 bits, or of 5 where `high` is not empty.
fn four_or_five(b: &[u8], high: &[u8], low: &[u8], out: &mut Vec<f32>) {
    let (d, dmin, scales) = (half_at(b, 0), half_at(b, 2), &b[4..16]);
    for (pair, q) in low.chunks_exact(32).take(4).enumerate() {
        for half in 0..2 {
            let group = 2 * pair + half;
            let (scale, offset) = scale_and_offset(scales, group);
            for (l, v) in q.iter().enumerate() {
                let four = (v >> (4 * half)) & 15;
                let fifth = high.get(l).map_or(0, |h| ((h >> group) & 1) << 4);
                out.push(d * scale * f32::from(four | fifth) - dmin * offset);
            }
        }
    }
}

/// 256 numbers of 6 bits: two halves of 128, each four runs of 32 that share 64 bytes of low and 32 of high bits.
fn six(b: &[u8], out: &mut Vec<f32>) {
    let d = half_at(b, 208);
    for part in 0..2 {
        let (ql, qh) = (
            &b[64 * part..64 * part + 64],
            &b[128 + 32 * part..160 + 32 * part],
        );
        let scales = &b[192 + 8 * part..200 + 8 * part];
        for run in 0..4 {
            for l in 0..32 {
                let low = (ql[l + 32 * (run % 2)] >> (4 * (run / 2))) & 15;
                let high = ((qh[l] >> (2 * run)) & 3) << 4;
                let scale = f32::from(scales[l / 16 + 2 * run] as i8);
                out.push(d * scale * (f32::from(low | high) - 32.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(stored: Stored, bytes: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        stored.read(bytes, &mut out);
        out
    }

    fn halves(values: &[f32]) -> Vec<u8> {
        let bytes = values.iter().map(|v| f16::from_f32(*v).to_le_bytes());
        bytes.flatten().collect()
    }

    #[test]
    fn blocks_by_hand() {
        let mut q4 = halves(&[0.5, -1.0]);
        q4.extend([0x73; 16]);
        let out = numbers(Stored::Q4_1, &q4);
        assert_eq!((out.len(), out[0], out[16]), (32, 0.5, 2.5));
        let mut q4 = halves(&[0.5]);
        q4.extend([0x73; 16]);
        assert_eq!(numbers(Stored::Q4_0, &q4)[..1], [-2.5]);
        let mut q5 = halves(&[1.0]);
        q5.extend(0x0001_0002u32.to_le_bytes());
        q5.extend([0x21; 16]);
        let out = numbers(Stored::Q5_0, &q5);
        assert_eq!((out[0], out[1], out[16], out[17]), (-15.0, 1.0, 2.0, -14.0));
        let mut q8 = halves(&[0.25]);
        q8.extend([0xfe; 32]);
        assert_eq!(numbers(Stored::Q8_0, &q8), [-0.5; 32]);
        // Sixes: low nibble 1, high bits 2 give 33; a scale of -2.
        let mut q6 = vec![0x11; 128];
        q6.extend([0b1010_1010; 64]);
        q6.extend([(-2i8) as u8; 16]);
        q6.extend(halves(&[0.5]));
        assert_eq!(numbers(Stored::Q6K, &q6), [-1.0; 256]);
        // Fours: scale 3 and offset 5 in every group, both below 16.
        let mut q4k = halves(&[2.0, 1.0]);
        q4k.extend([3, 3, 3, 3, 5, 5, 5, 5, 0x53, 0x53, 0x53, 0x53]);
        let mut q5k = q4k.clone();
        q4k.extend([0x21; 128]);
        let out = numbers(Stored::Q4K, &q4k);
        assert_eq!((out.len(), out[0], out[32], out[255]), (256, 1.0, 7.0, 7.0));
        q5k.extend([0b0000_0010; 32]);
        q5k.extend([0x21; 128]);
        let out = numbers(Stored::Q5K, &q5k);
        assert_eq!((out[0], out[32], out[64]), (1.0, 6.0 * 18.0 - 5.0, 1.0));
    }

    #[test]
    fn a_part_of_a_block_has_no_size() {
        assert_eq!(Stored::Q6K.bytes(512), Some(420));
        assert_eq!(Stored::Q6K.bytes(500), None);
        assert_eq!(Stored::F32.bytes(usize::MAX), None);
    }
}
