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
///
/// Rows are summed along `x` first and then over `y`, so that each voxel is read three times and not nine.
pub(crate) fn box_mean(voxels: &[f32], size: Zyx<usize>) -> Vec<f32> {
    let mut out = Vec::with_capacity(voxels.len());
    let mut sums = vec![0f32; size.y * size.x];
    for slice in voxels.chunks_exact((size.y * size.x).max(1)) {
        let rows = slice.chunks_exact(size.x);
        for (row, sums) in rows.zip(sums.chunks_exact_mut(size.x)) {
            sum_along_row(row, sums);
        }
        let row = |y: usize| &sums[y * size.x..(y + 1) * size.x];
        for y in 0..size.y {
            let near = y.saturating_sub(1)..(y + 2).min(size.y);
            let n_rows = near.len();
            let from = out.len();
            out.extend_from_slice(row(near.start));
            let sums_here = &mut out[from..];
            for other in near.skip(1) {
                for (sum, v) in sums_here.iter_mut().zip(row(other)) {
                    *sum += v;
                }
            }
            let count = |columns: usize| (n_rows * columns) as f32;
            let last = size.x - 1;
            let ends = if size.x == 1 { 1 } else { 2 };
            sums_here[0] /= count(ends);
            if last > 0 {
                sums_here[last] /= count(ends);
                let inner = count(3);
                sums_here[1..last].iter_mut().for_each(|sum| *sum /= inner);
            }
        }
    }
    out
}

/// The sum of each pixel of a row and its neighbours in the row, from left to right.
fn sum_along_row(row: &[f32], sums: &mut [f32]) {
    match row {
        [] => {}
        [only] => sums[0] = *only,
        [.., before, last] => {
            sums[0] = row[0] + row[1];
            for (sum, near) in sums[1..].iter_mut().zip(row.windows(3)) {
                *sum = near[0] + near[1] + near[2];
            }
            sums[row.len() - 1] = before + last;
        }
    }
}

/// The threshold between air and object of values from 0 to 1; `None` if they are all in one bin.
fn threshold(values: &[f32]) -> Option<f32> {
    let mut counts = [0u64; BINS];
    for &v in values {
        counts[((v * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    let histogram = counts.map(|n| n as f64);
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
///
/// Filled by runs of a row (Smith, Tint Fill, SIGGRAPH 1979): a run is filled whole, and each run of the rows above and below
/// that touches it is put on a stack by its first pixel.
fn outside(slice: &[f32], size: Zyx<usize>, threshold: f32) -> Vec<bool> {
    let mut out = vec![false; slice.len()];
    let mut open: Vec<(usize, usize)> = Vec::new();
    let border_rows = [0, size.y - 1];
    open.extend((0..size.y).flat_map(|y| [(y, 0), (y, size.x - 1)]));
    open.extend((0..size.x).flat_map(|x| border_rows.map(|y| (y, x))));
    while let Some((y, x)) = open.pop() {
        let row = y * size.x..(y + 1) * size.x;
        let values = &slice[row.clone()];
        let filled = &mut out[row];
        let is_open = |k: usize, filled: &[bool]| !filled[k] && values[k] < threshold;
        if !is_open(x, filled) {
            continue;
        }
        let first = (0..x)
            .rev()
            .take_while(|&k| is_open(k, filled))
            .last()
            .unwrap_or(x);
        let end = (x..size.x).find(|&k| !is_open(k, filled)).unwrap_or(size.x);
        filled[first..end].fill(true);
        for near in [y.checked_sub(1), Some(y + 1).filter(|y| *y < size.y)] {
            let Some(near) = near else { continue };
            let run = near * size.x + first..near * size.x + end;
            let mut before = false;
            for (k, (&v, &done)) in slice[run.clone()].iter().zip(&out[run]).enumerate() {
                let here = !done && v < threshold;
                if here && !before {
                    open.push((near, first + k));
                }
                before = here;
            }
        }
    }
    out
}

/// The object grown by the margin, as squares: rows first, then columns.
fn dilate(outside: &[bool], size: Zyx<usize>) -> Vec<bool> {
    let object: Vec<bool> = outside.iter().map(|o| !o).collect();
    let mut rows = object.clone();
    let lines = object.chunks_exact(size.x);
    for (line, grown) in lines.zip(rows.chunks_exact_mut(size.x)) {
        for step in 1..=MARGIN.min(size.x - 1) {
            merge(&mut grown[step..], &line[..size.x - step]);
            merge(&mut grown[..size.x - step], &line[step..]);
        }
    }
    let mut out = rows.clone();
    for step in 1..=MARGIN.min(size.y - 1) {
        let (n, shift) = (rows.len(), step * size.x);
        merge(&mut out[shift..], &rows[..n - shift]);
        merge(&mut out[..n - shift], &rows[shift..]);
    }
    out
}

/// True where it was or `other` is.
fn merge(here: &mut [bool], other: &[bool]) {
    for (here, other) in here.iter_mut().zip(other) {
        *here |= other;
    }
}
