//! Which measured neighbours each missing sample has, and which samples share a kernel.

use std::collections::BTreeMap;
use std::ops::Range;

use omnimri_image::KSpace;

/// How a scan was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// Whole rows.
    LinesAlongX,
    /// Whole columns.
    LinesAlongY,
}

/// Whole lines, or `None` for anything else.
pub(super) fn is_lines(kspace: &KSpace) -> Option<Sources> {
    let mut rows = kspace.mask.chunks(kspace.n_x);
    if rows.clone().all(|row| row.iter().all(|m| m == &row[0])) {
        return Some(Sources::LinesAlongX);
    }
    let first = rows.next()?;
    rows.all(|row| row == first).then_some(Sources::LinesAlongY)
}

/// Missing samples: row and columns.
pub(super) type Targets = Vec<(usize, Range<usize>)>;

/// Samples with one pattern of neighbours and one Tikhonov weight.
pub(super) struct Group {
    /// Which window: index into [`Groups::rows`].
    pub rows: usize,
    /// Neighbours: (index among the rows of the window, sample of the window along the readout).
    pub sources: Vec<(usize, usize)>,
    /// Step of the Tikhonov weight.
    pub level: i8,
    /// Missing samples: row and columns.
    pub targets: Targets,
}

impl Group {
    /// Number of missing samples (positions).
    pub fn n_columns(&self) -> usize {
        self.targets.iter().map(|(_, columns)| columns.len()).sum()
    }
}

/// All groups of a scan.
pub(super) struct Groups {
    /// Windows: offsets of their rows from the target's, ascending, 0 among them.
    pub rows: Vec<Vec<isize>>,
    /// Samples of a window along the readout.
    pub width: usize,
    /// The groups, in an order that depends on the mask alone.
    pub groups: Vec<Group>,
}

impl Groups {
    /// Which differences of rows occur in a window.
    pub fn row_differences(&self) -> Vec<bool> {
        let span = |rows: &Vec<isize>| match (rows.first(), rows.last()) {
            (Some(a), Some(b)) => (b - a).unsigned_abs(),
            _ => 0,
        };
        let mut wanted = vec![false; self.rows.iter().map(span).max().unwrap_or(0) + 1];
        for rows in &self.rows {
            for (i, a) in rows.iter().enumerate() {
                for b in &rows[i..] {
                    wanted[(b - a).unsigned_abs()] = true;
                }
            }
        }
        wanted
    }
}

/// Groups of a scan of whole rows, calibrated on `n_calibration` rows.
///
/// A kernel takes the nearest measured rows as long as windows of its height fit often enough into the calibration area: a
/// taller kernel would learn the area by heart and be worse than a zero. Two rows may span half of the area, more rows as
/// much as leaves four windows a row; a kernel with rows on one side only, which extrapolates, reaches a quarter.
pub(super) fn find_lines(
    scan: &KSpace,
    n_calibration: usize,
    width: usize,
    max_lines: usize,
    level: impl Fn(usize, usize) -> i8,
) -> Groups {
    let measured: Vec<bool> = scan.mask.chunks(scan.n_x).map(|row| row[0]).collect();
    let reach = n_calibration.saturating_sub(1);
    let tallest = (n_calibration / 2).max(3);
    let one_sided = ((n_calibration + 1) / 4).max(1);
    let mut windows: Vec<Vec<isize>> = Vec::new();
    let mut found: BTreeMap<(usize, i8), Targets> = BTreeMap::new();
    for y in (0..scan.n_y).filter(|&y| !measured[y]) {
        let near = (1..=reach as isize).flat_map(|d| [-d, d]).filter(|&d| {
            y.checked_add_signed(d)
                .is_some_and(|row| row < scan.n_y && measured[row])
        });
        let (mut low, mut high) = (0isize, 0isize);
        let mut rows = vec![0isize];
        for d in near {
            let n = rows.len();
            let span = (high.max(d) - low.min(d)).unsigned_abs() + 1;
            let fits = if n <= 2 {
                span <= tallest
            } else {
                n_calibration >= span + 4 * n - 1
            };
            if n > max_lines || !fits {
                continue;
            }
            (low, high) = (low.min(d), high.max(d));
            rows.push(d);
        }
        let nearest = rows.get(1).map_or(usize::MAX, |d| d.unsigned_abs());
        if rows.len() == 1 || (low == 0 || high == 0) && nearest > one_sided {
            continue;
        }
        rows.sort_unstable();
        let window = windows.iter().position(|w| *w == rows).unwrap_or_else(|| {
            windows.push(rows);
            windows.len() - 1
        });
        let mut x = 0;
        while x < scan.n_x {
            let own = level(y, x);
            let end = (x..scan.n_x)
                .find(|&x| level(y, x) != own)
                .unwrap_or(scan.n_x);
            found.entry((window, own)).or_default().push((y, x..end));
            x = end;
        }
    }
    let groups = found
        .into_iter()
        .map(|((window, level), targets)| {
            let rows = windows[window].iter().enumerate();
            let sources = rows
                .filter(|(_, row)| **row != 0)
                .flat_map(|(i, _)| (0..width).map(move |dx| (i, dx)))
                .collect();
            Group {
                rows: window,
                sources,
                level,
                targets,
            }
        })
        .collect();
    Groups {
        rows: windows,
        width,
        groups,
    }
}

/// Groups of a scan undersampled along both axes: the nearest measured samples of a window of `2 half + 1` a side.
pub(super) fn find_points(
    scan: &KSpace,
    half_y: usize,
    half_x: usize,
    max_points: usize,
    level: impl Fn(usize, usize) -> i8,
) -> Groups {
    let (hy, hx) = (half_y as isize, half_x as isize);
    let mut offsets: Vec<(isize, isize)> = (-hy..=hy)
        .flat_map(|dy| (-hx..=hx).map(move |dx| (dy, dx)))
        .filter(|&o| o != (0, 0))
        .collect();
    offsets.sort_by_key(|&(dy, dx)| (dy * dy + dx * dx, dy, dx));
    let at = |y: usize, x: usize, (dy, dx): (isize, isize)| {
        let (y, x) = (y.checked_add_signed(dy)?, x.checked_add_signed(dx)?);
        (y < scan.n_y && x < scan.n_x && scan.mask[y * scan.n_x + x]).then_some(())
    };
    let mut found: BTreeMap<(Vec<u8>, i8), Targets> = BTreeMap::new();
    for y in 0..scan.n_y {
        for x in (0..scan.n_x).filter(|&x| !scan.mask[y * scan.n_x + x]) {
            let near: Vec<u8> = (0u8..)
                .zip(&offsets)
                .filter(|(_, o)| at(y, x, **o).is_some())
                .map(|(i, _)| i)
                .take(max_points)
                .collect();
            if !near.is_empty() {
                let key = (near, level(y, x));
                found.entry(key).or_default().push((y, x..x + 1));
            }
        }
    }
    let groups = found
        .into_iter()
        .map(|((near, level), targets)| {
            let sources = near
                .iter()
                .map(|&i| {
                    let (dy, dx) = offsets[usize::from(i)];
                    (
                        half_y.wrapping_add_signed(dy),
                        half_x.wrapping_add_signed(dx),
                    )
                })
                .collect();
            Group {
                rows: 0,
                sources,
                level,
                targets,
            }
        })
        .collect();
    Groups {
        rows: vec![(-hy..=hy).collect()],
        width: 2 * half_x + 1,
        groups,
    }
}
