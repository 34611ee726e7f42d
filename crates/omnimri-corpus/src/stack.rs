//! Slices as bytes: robust scaling, and shrinking by area average (intensities) and majority (labels).

use omnimri_image::Zyx;

use crate::select::Ranks;

/// Share of voxels below the darkest and above the brightest stored value.
const TAIL: f64 = 0.001;

/// A stack of slices on one grid, as bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Intensities `[z][y][x]`: 0 at `window[0]` and below, 255 at `window[1]` and above.
    pub voxels: Vec<u8>,
    /// Size of `voxels`.
    pub size: Zyx<usize>,
    /// Size in the file; differs from `size` where the slices were shrunk.
    pub native_size: Zyx<usize>,
    /// Voxel sizes of this grid in millimetres; `None` where the source does not say or is not to be trusted.
    pub spacing_mm: Option<Zyx<f64>>,
    /// Source intensities that became 0 and 255: the 0.1 and 99.9 percentiles of the volume.
    pub window: [f32; 2],
    /// Largest source intensity.
    pub peak: f32,
}

/// Voxels as read, before scaling.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// Intensities `[z][y][x]`, finite.
    pub voxels: Vec<f32>,
    pub size: Zyx<usize>,
    pub spacing_mm: Option<Zyx<f64>>,
}

impl Stack {
    /// A stack from intensities `[z][y][x]`, for data that is made rather than read.
    ///
    /// Scaled and shrunk as a dataset's images are; `None` if the length does not fit `size`, or a value is not finite.
    pub fn from_voxels(
        voxels: &[f32],
        size: Zyx<usize>,
        spacing_mm: Option<Zyx<f64>>,
        max_side: Option<usize>,
    ) -> Option<Self> {
        let fits = size
            .y
            .checked_mul(size.x)
            .and_then(|n| n.checked_mul(size.z));
        if fits != Some(voxels.len()) || voxels.is_empty() || !voxels.iter().all(|v| v.is_finite())
        {
            return None;
        }
        let voxels = voxels.to_vec();
        Some(Self::from_raw(
            Raw {
                voxels,
                size,
                spacing_mm,
            },
            max_side,
        ))
    }

    /// Scales `raw` and shrinks its slices so that no side exceeds `max_side` pixels.
    pub(crate) fn from_raw(raw: Raw, max_side: Option<usize>) -> Self {
        let window = robust_window(&raw.voxels);
        let peak = raw.voxels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let size = fitted(raw.size, max_side);
        let scale = 255.0 / (window[1] - window[0]).max(f32::MIN_POSITIVE);
        let byte = |v: f32| nearest(((v - window[0]) * scale).clamp(0.0, 255.0));
        let voxels = if size == raw.size {
            raw.voxels.iter().map(|&v| byte(v)).collect()
        } else {
            shrink_mean(&raw.voxels, raw.size, size)
                .into_iter()
                .map(byte)
                .collect()
        };
        let ratio = |native: usize, now: usize| native as f64 / now as f64;
        Self {
            voxels,
            size,
            native_size: raw.size,
            spacing_mm: raw.spacing_mm.map(|mm| {
                Zyx::new(
                    mm.z,
                    mm.y * ratio(raw.size.y, size.y),
                    mm.x * ratio(raw.size.x, size.x),
                )
            }),
            window,
            peak,
        }
    }

    /// Slice `z`, `[y][x]`.
    pub fn slice(&self, z: usize) -> &[u8] {
        let n = self.size.y * self.size.x;
        &self.voxels[z * n..(z + 1) * n]
    }

    /// All intensities in the source's own units, `[z][y][x]`.
    pub fn intensities(&self) -> Vec<f32> {
        let of: [f32; 256] = std::array::from_fn(|byte| self.intensity(byte as u8));
        self.voxels.iter().map(|&b| of[usize::from(b)]).collect()
    }

    /// Intensity in the source's own units of a stored byte.
    pub fn intensity(&self, byte: u8) -> f32 {
        self.window[0] + f32::from(byte) / 255.0 * (self.window[1] - self.window[0])
    }
}

/// The nearest whole number of 0 to 255, halves upwards: what `round` gives, without a call into the C library a voxel.
fn nearest(v: f32) -> u8 {
    let whole = v as u8;
    // Exact: both are below 2^24.
    whole + u8::from(v - f32::from(whole) >= 0.5)
}

/// The 0.1 and 99.9 percentiles; a constant volume gets a window of width 1.
fn robust_window(voxels: &[f32]) -> [f32; 2] {
    if voxels.is_empty() {
        return [0.0, 1.0];
    }
    let mut ranks = Ranks::of(voxels);
    let last = (voxels.len() - 1) as f64;
    let at = |share: f64| (last * share).round() as usize;
    let low = ranks.at(at(TAIL)).unwrap_or_default();
    let high = ranks.at(at(1.0 - TAIL)).unwrap_or_default();
    if high > low {
        return [low, high];
    }
    // Nearly everything is one value: the extremes are all that can be shown.
    let (min, max) = voxels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| {
            (a.min(v), b.max(v))
        });
    if max > min {
        [min, max]
    } else {
        [low, low + 1.0]
    }
}

/// `native` with rows and columns reduced so that the longer side is at most `max_side`.
fn fitted(native: Zyx<usize>, max_side: Option<usize>) -> Zyx<usize> {
    let longer = native.y.max(native.x);
    match max_side {
        Some(max) if max > 0 && longer > max => {
            let to = |n: usize| ((n as f64 * max as f64 / longer as f64).round() as usize).max(1);
            Zyx::new(native.z, to(native.y), to(native.x))
        }
        _ => native,
    }
}

/// For each of `to` output cells: the input cells it covers with their share of it.
fn coverage(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|k| {
            let (start, end) = (k as f64 * step, ((k + 1) as f64 * step).min(from as f64));
            (start as usize..(end.ceil() as usize).min(from))
                .map(|i| {
                    (
                        i,
                        (end.min((i + 1) as f64) - start.max(i as f64)).max(0.0) / step,
                    )
                })
                .filter(|&(_, weight)| weight > 1e-9)
                .collect()
        })
        .collect()
}

/// Area average of each slice, `[z][y][x]`.
pub(crate) fn shrink_mean(voxels: &[f32], from: Zyx<usize>, to: Zyx<usize>) -> Vec<f32> {
    let (rows, columns) = (coverage(from.y, to.y), coverage(from.x, to.x));
    let mut out = Vec::with_capacity(to.count());
    for slice in voxels.chunks_exact(from.y * from.x) {
        for row in &rows {
            for column in &columns {
                let mut sum = 0.0;
                for &(y, wy) in row {
                    for &(x, wx) in column {
                        sum += wy * wx * f64::from(slice[y * from.x + x]);
                    }
                }
                out.push(sum as f32);
            }
        }
    }
    out
}

/// The label that covers most of each output pixel, `[z][y][x]`; ties go to the smaller value.
pub(crate) fn shrink_labels(labels: &[u8], from: Zyx<usize>, to: Zyx<usize>) -> Vec<u8> {
    if from == to {
        return labels.to_vec();
    }
    let (rows, columns) = (coverage(from.y, to.y), coverage(from.x, to.x));
    let mut out = Vec::with_capacity(to.count());
    for slice in labels.chunks_exact(from.y * from.x) {
        for row in &rows {
            for column in &columns {
                let mut votes: Vec<(u8, f64)> = Vec::with_capacity(4);
                for &(y, wy) in row {
                    for &(x, wx) in column {
                        let value = slice[y * from.x + x];
                        match votes.iter_mut().find(|(v, _)| *v == value) {
                            Some((_, weight)) => *weight += wy * wx,
                            None => votes.push((value, wy * wx)),
                        }
                    }
                }
                votes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                out.push(votes.first().map_or(0, |v| v.0));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(size: Zyx<usize>) -> Raw {
        let voxels = (0..size.count()).map(|k| ((k * 37) % 101) as f32).collect();
        Raw {
            voxels,
            size,
            spacing_mm: Some(Zyx::new(3.0, 1.0, 0.5)),
        }
    }

    #[test]
    fn shrinking_keeps_mean_and_scales_spacing() {
        let from = Zyx::new(2, 35, 21);
        let stack = Stack::from_raw(raw(from), Some(11));
        assert_eq!(stack.size, Zyx::new(2, 11, 7));
        assert_eq!(stack.native_size, from);
        let spacing = stack.spacing_mm.unwrap();
        assert!((spacing.y * 11.0 - 35.0).abs() < 1e-9 && (spacing.x * 7.0 - 10.5).abs() < 1e-9);
        let small = shrink_mean(&raw(from).voxels, from, stack.size);
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        assert!((mean(&small) - mean(&raw(from).voxels)).abs() < 1e-3);
    }

    #[test]
    fn labels_go_by_majority_and_small_images_stay() {
        let from = Zyx::new(1, 2, 4);
        let labels = [1, 1, 0, 9, 1, 0, 0, 9];
        assert_eq!(shrink_labels(&labels, from, Zyx::new(1, 1, 2)), [1, 0]);
        let stack = Stack::from_raw(raw(Zyx::new(1, 3, 5)), Some(5));
        assert_eq!(stack.size, stack.native_size);
    }

    #[test]
    fn a_spike_does_not_set_the_window() {
        let mut raw = raw(Zyx::new(1, 50, 50));
        raw.voxels[7] = 1e6;
        let stack = Stack::from_raw(raw, None);
        assert_eq!(stack.window, [0.0, 100.0]);
        assert_eq!(stack.peak, 1e6);
        assert!((stack.intensity(255) - 100.0).abs() < 1e-3);
    }

    #[test]
    fn a_constant_volume_is_black() {
        let flat = Raw {
            voxels: vec![4.0; 9],
            size: Zyx::new(1, 3, 3),
            spacing_mm: None,
        };
        assert!(Stack::from_raw(flat, None).voxels.iter().all(|&v| v == 0));
    }
}
