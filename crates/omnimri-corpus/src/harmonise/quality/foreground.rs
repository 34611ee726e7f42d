//! What is object and what is air around it.

use omnimri_image::Zyx;

/// Bins of the histogram that Otsu's threshold is taken from.
const BINS: usize = 256;
/// Place of the threshold between the mean of the dark and of the bright class: dim tissue (cerebrospinal fluid of a
/// T1-weighted image) is object, noise and weak ghosts are air.
const PLACE: f32 = 0.35;
/// Pixels around the object that are neither object nor air: its blurred edge.
const MARGIN: usize = 3;

/// Masks of a volume, `[z][y][x]`.
pub(crate) struct Foreground {
    /// The object, with what it encloses in a slice.
    pub object: Vec<bool>,
    /// Air at least three pixels from the object.
    pub air: Vec<bool>,
}

impl Foreground {
    /// Of intensities from 0 to 1, `[z][y][x]`; nothing is object in a flat volume.
    ///
    /// The threshold lies between the class means of Otsu (IEEE Trans. Syst. Man Cybern. 9, 1979), taken on 3 x 3 means
    /// so that noise does not decide; air is what is below it and reaches the border of its slice.
    pub fn of(voxels: &[f32], size: Zyx<usize>) -> Self {
        let smooth = box_mean(voxels, size);
        let Some(threshold) = threshold(&smooth) else {
            return Self {
                object: vec![false; voxels.len()],
                air: vec![false; voxels.len()],
            };
        };
        let mut object = vec![true; voxels.len()];
        let mut air = vec![false; voxels.len()];
        let n = size.y * size.x;
        for z in 0..size.z {
            let range = z * n..(z + 1) * n;
            let outside = outside(&smooth[range.clone()], size, threshold);
            let near = dilate(&outside, size);
            for (k, at) in range.enumerate() {
                object[at] = !outside[k];
                air[at] = outside[k] && !near[k];
            }
        }
        Self { object, air }
    }
}

/// Mean of the 3 x 3 neighbours inside each slice.
pub(crate) fn box_mean(voxels: &[f32], size: Zyx<usize>) -> Vec<f32> {
    let mut out = Vec::with_capacity(voxels.len());
    for slice in voxels.chunks_exact((size.y * size.x).max(1)) {
        for y in 0..size.y {
            let rows = y.saturating_sub(1)..(y + 2).min(size.y);
            for x in 0..size.x {
                let columns = x.saturating_sub(1)..(x + 2).min(size.x);
                let mut sum = 0.0;
                let n = rows.len() * columns.len();
                for row in rows.clone() {
                    let at = row * size.x;
                    sum += slice[at + columns.start..at + columns.end]
                        .iter()
                        .sum::<f32>();
                }
                out.push(sum / n as f32);
            }
        }
    }
    out
}

/// The threshold between air and object of values from 0 to 1; `None` if they are all in one bin.
fn threshold(values: &[f32]) -> Option<f32> {
    let mut histogram = [0f64; BINS];
    for &v in values {
        histogram[((v * BINS as f32) as usize).min(BINS - 1)] += 1.0;
    }
    let total = values.len() as f64;
    let sum: f64 = histogram
        .iter()
        .enumerate()
        .map(|(k, n)| k as f64 * n)
        .sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best: Option<(f64, f64, f64)> = None;
    for (k, n) in histogram.iter().enumerate() {
        below += n;
        sum_below += k as f64 * n;
        if below == 0.0 || below >= total {
            continue;
        }
        let (dark, bright) = (sum_below / below, (sum - sum_below) / (total - below));
        let between = below * (total - below) * (bright - dark).powi(2);
        if best.is_none_or(|(b, _, _)| between > b) {
            best = Some((between, dark, bright));
        }
    }
    let (_, dark, bright) = best?;
    let bin = |v: f64| (v as f32 + 0.5) / BINS as f32;
    Some(bin(dark) + PLACE * (bin(bright) - bin(dark)))
}

/// Pixels of a slice below `threshold` that reach its border through such pixels.
fn outside(slice: &[f32], size: Zyx<usize>, threshold: f32) -> Vec<bool> {
    let mut out = vec![false; slice.len()];
    let mut open = Vec::new();
    let visit = |k: usize, out: &mut Vec<bool>, open: &mut Vec<usize>| {
        if !out[k] && slice[k] < threshold {
            out[k] = true;
            open.push(k);
        }
    };
    for y in 0..size.y {
        visit(y * size.x, &mut out, &mut open);
        visit(y * size.x + size.x - 1, &mut out, &mut open);
    }
    for x in 0..size.x {
        visit(x, &mut out, &mut open);
        visit((size.y - 1) * size.x + x, &mut out, &mut open);
    }
    while let Some(k) = open.pop() {
        let (y, x) = (k / size.x, k % size.x);
        if x > 0 {
            visit(k - 1, &mut out, &mut open);
        }
        if x + 1 < size.x {
            visit(k + 1, &mut out, &mut open);
        }
        if y > 0 {
            visit(k - size.x, &mut out, &mut open);
        }
        if y + 1 < size.y {
            visit(k + size.x, &mut out, &mut open);
        }
    }
    out
}

/// The object grown by the margin, as squares: rows first, then columns.
fn dilate(outside: &[bool], size: Zyx<usize>) -> Vec<bool> {
    let mut rows = vec![false; outside.len()];
    for y in 0..size.y {
        let line = &outside[y * size.x..(y + 1) * size.x];
        for x in 0..size.x {
            let near = x.saturating_sub(MARGIN)..(x + MARGIN + 1).min(size.x);
            rows[y * size.x + x] = line[near].iter().any(|o| !o);
        }
    }
    (0..outside.len())
        .map(|k| {
            let (y, x) = (k / size.x, k % size.x);
            let near = y.saturating_sub(MARGIN)..(y + MARGIN + 1).min(size.y);
            near.into_iter().any(|row| rows[row * size.x + x])
        })
        .collect()
}
