//! Which samples a Cartesian scan measures. Every pattern is a function of its seed.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::{Error, Result};

/// Axis along which lines are left out; the other one is the readout, measured whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhaseAxis {
    /// Rows are left out.
    Y,
    /// Columns are left out.
    X,
}

/// A sampling mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingMask {
    /// True where measured, `[y][x]`.
    pub mask: Vec<bool>,
    /// Rows.
    pub n_y: usize,
    /// Columns.
    pub n_x: usize,
}

impl SamplingMask {
    /// Everything measured.
    pub fn full(n_y: usize, n_x: usize) -> Self {
        Self {
            mask: vec![true; n_y * n_x],
            n_y,
            n_x,
        }
    }

    /// Matrix size over measured samples.
    pub fn acceleration(&self) -> f64 {
        self.mask.len() as f64 / self.mask.iter().filter(|m| **m).count().max(1) as f64
    }

    fn from_lines(lines: &[bool], n_y: usize, n_x: usize, axis: PhaseAxis) -> Self {
        let at = |i: usize| match axis {
            PhaseAxis::Y => lines[i / n_x],
            PhaseAxis::X => lines[i % n_x],
        };
        Self {
            mask: (0..n_y * n_x).map(at).collect(),
            n_y,
            n_x,
        }
    }
}

/// What a line pattern is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePattern {
    /// Axis along which lines are left out.
    pub axis: PhaseAxis,
    /// Lines of the matrix over measured lines, the centre included.
    pub acceleration: f64,
    /// Fully sampled lines about the zero frequency.
    pub n_centre: usize,
    /// Chooses the offset or the random lines.
    pub seed: u64,
}

impl LinePattern {
    /// Checks the pattern against `n` lines; returns the number of lines to measure outside the centre.
    fn budget(&self, n: usize) -> Result<usize> {
        let out_of_range = |what, min, max, found, hint| {
            Err(Error::OutOfRange {
                what,
                min,
                max,
                found,
                hint,
            })
        };
        if n == 0 {
            return out_of_range(
                "matrix",
                1.0,
                f64::from(u32::MAX),
                0.0,
                "a mask needs lines",
            );
        }
        if !(1.0..=n as f64).contains(&self.acceleration) {
            let hint = "use 1 for a full scan";
            return out_of_range("acceleration", 1.0, n as f64, self.acceleration, hint);
        }
        let total = (n as f64 / self.acceleration).round() as usize;
        if self.n_centre > total.max(1) {
            let (max, found) = (total as f64, self.n_centre as f64);
            return out_of_range(
                "centre lines",
                0.0,
                max,
                found,
                "the centre alone exceeds the acceleration",
            );
        }
        Ok(total.saturating_sub(self.n_centre))
    }

    fn centre(&self, n: usize) -> Vec<bool> {
        let start = (n / 2).saturating_sub(self.n_centre / 2);
        (0..n)
            .map(|i| (start..start + self.n_centre).contains(&i))
            .collect()
    }
}

/// True if the measured samples are evenly spaced rows and columns, or whole lines of them, more than one apart along an axis: every place of
/// the image then folds onto the same others, and without a centre nothing tells coils from folding.
///
/// # Shapes
/// - `mask`: `[n_y][n_x]`
pub fn is_lattice(mask: &[bool], n_y: usize, n_x: usize) -> bool {
    if n_y == 0 || n_x == 0 || mask.len() != n_y * n_x {
        return false;
    }
    let rows: Vec<usize> = (0..n_y)
        .filter(|y| mask[y * n_x..(y + 1) * n_x].contains(&true))
        .collect();
    let columns: Vec<usize> = (0..n_x)
        .filter(|x| (0..n_y).any(|y| mask[y * n_x + x]))
        .collect();
    // The distance of neighbours if all have the same.
    let spacing = |places: &[usize]| {
        let first = places.get(1)? - places[0];
        let even = places.windows(2).all(|pair| pair[1] - pair[0] == first);
        even.then_some(first)
    };
    let (Some(of_rows), Some(of_columns)) = (spacing(&rows), spacing(&columns)) else {
        return false;
    };
    of_rows.max(of_columns) > 1
        && rows
            .iter()
            .all(|y| columns.iter().all(|x| mask[y * n_x + x]))
}

/// Evenly spaced lines and a full centre.
///
/// # Errors
/// [`Error::OutOfRange`] for an impossible acceleration or centre.
pub fn equispaced(n_y: usize, n_x: usize, pattern: &LinePattern) -> Result<SamplingMask> {
    let n = if pattern.axis == PhaseAxis::Y {
        n_y
    } else {
        n_x
    };
    let outer = pattern.budget(n)?;
    let mut lines = pattern.centre(n);
    if outer > 0 {
        // The comb also hits the centre, so it is made denser by the lines that fall there.
        let n_free = n - pattern.n_centre;
        let spacing = n_free as f64 / outer as f64;
        let offset = ChaCha8Rng::seed_from_u64(pattern.seed).random_range(0.0..spacing.max(1e-9));
        let mut at = offset;
        while (at as usize) < n {
            lines[at as usize] = true;
            at += spacing.max(1.0);
        }
    }
    Ok(SamplingMask::from_lines(&lines, n_y, n_x, pattern.axis))
}

/// Random lines, uniformly drawn, and a full centre.
///
/// # Errors
/// [`Error::OutOfRange`] for an impossible acceleration or centre.
pub fn random_lines(n_y: usize, n_x: usize, pattern: &LinePattern) -> Result<SamplingMask> {
    let n = if pattern.axis == PhaseAxis::Y {
        n_y
    } else {
        n_x
    };
    let outer = pattern.budget(n)?;
    let mut lines = pattern.centre(n);
    let mut free: Vec<usize> = (0..n).filter(|&i| !lines[i]).collect();
    free.shuffle(&mut ChaCha8Rng::seed_from_u64(pattern.seed));
    for &line in free.iter().take(outer) {
        lines[line] = true;
    }
    Ok(SamplingMask::from_lines(&lines, n_y, n_x, pattern.axis))
}

/// Points in two phase directions with a distance between neighbours that grows from the centre (Poisson-disc-like), and a
/// fully sampled block of `n_centre x n_centre`.
///
/// # Errors
/// [`Error::OutOfRange`] for an impossible acceleration or centre.
pub fn variable_density(
    n_y: usize,
    n_x: usize,
    acceleration: f64,
    n_centre: usize,
    seed: u64,
) -> Result<SamplingMask> {
    let n = n_y * n_x;
    if !(1.0..=n.max(1) as f64).contains(&acceleration) {
        return Err(Error::OutOfRange {
            what: "acceleration",
            min: 1.0,
            max: n as f64,
            found: acceleration,
            hint: "use 1 for a full scan",
        });
    }
    let target = (n as f64 / acceleration).round() as usize;
    let block = n_centre.min(n_y) * n_centre.min(n_x);
    if block > target {
        return Err(Error::OutOfRange {
            what: "centre block",
            min: 0.0,
            max: (target as f64).sqrt().floor(),
            found: n_centre as f64,
            hint: "the centre alone exceeds the acceleration",
        });
    }
    // One order of visiting the points for all spacings, so that bisection sees a monotone count.
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (mut low, mut high) = (0.0, 8.0 * acceleration.sqrt());
    let mut best = dart_throw(&order, n_y, n_x, n_centre, high);
    for _ in 0..16 {
        let middle = 0.5 * (low + high);
        let mask = dart_throw(&order, n_y, n_x, n_centre, middle);
        let count = mask.iter().filter(|m| **m).count();
        if count > target {
            low = middle;
        } else {
            high = middle;
            best = mask;
        }
    }
    // The few points that bisection leaves open, in the order of visiting.
    let mut missing = target.saturating_sub(best.iter().filter(|m| **m).count());
    for &i in &order {
        if missing == 0 {
            break;
        }
        if !best[i] {
            best[i] = true;
            missing -= 1;
        }
    }
    Ok(SamplingMask {
        mask: best,
        n_y,
        n_x,
    })
}

/// Accepts points in turn unless one lies nearer than `spacing` times a growing function of the radius.
fn dart_throw(order: &[usize], n_y: usize, n_x: usize, n_centre: usize, spacing: f64) -> Vec<bool> {
    let mut mask = vec![false; n_y * n_x];
    let start = |n: usize| (n / 2).saturating_sub(n_centre.min(n) / 2);
    for y in start(n_y)..start(n_y) + n_centre.min(n_y) {
        for x in start(n_x)..start(n_x) + n_centre.min(n_x) {
            mask[y * n_x + x] = true;
        }
    }
    let unit = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / (n as f64 / 2.0);
    for &i in order {
        let (y, x) = (i / n_x, i % n_x);
        if mask[i] {
            continue;
        }
        let radius = unit(y, n_y).hypot(unit(x, n_x));
        let distance = spacing * (0.15 + 0.85 * radius);
        let reach = distance.ceil() as usize;
        let near = |a: usize, b: usize| {
            let (dy, dx) = (a.abs_diff(y) as f64, b.abs_diff(x) as f64);
            mask[a * n_x + b] && dy * dy + dx * dx < distance * distance
        };
        let taken = (y.saturating_sub(reach)..(y + reach + 1).min(n_y))
            .any(|a| (x.saturating_sub(reach)..(x + reach + 1).min(n_x)).any(|b| near(a, b)));
        if !taken {
            mask[i] = true;
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::CalibrationArea;

    fn pattern(axis: PhaseAxis) -> LinePattern {
        LinePattern {
            axis,
            acceleration: 4.0,
            n_centre: 12,
            seed: 5,
        }
    }

    #[test]
    fn a_lattice_is_told_from_patterns_with_a_centre() {
        let (n_y, n_x) = (24, 30);
        let mask = |keep: &dyn Fn(usize, usize) -> bool| -> bool {
            let mask: Vec<bool> = (0..n_y * n_x).map(|i| keep(i / n_x, i % n_x)).collect();
            is_lattice(&mask, n_y, n_x)
        };
        assert!(mask(&|_, x| x % 3 == 1));
        assert!(mask(&|y, x| x % 2 == 0 && y % 4 == 3));
        assert!(mask(&|y, _| (5..20).contains(&y) && y % 2 == 1));
        assert!(!mask(&|_, _| true));
        assert!(!mask(&|_, x| x % 3 == 1 || (14..17).contains(&x)));
        assert!(!mask(&|y, x| (x + y) % 2 == 0 && (x + 2 * y) % 3 != 0));
        assert!(!mask(&|_, x| x == 3 || x == 7 || x == 12));
        assert!(!mask(&|_, _| false));
    }

    #[test]
    fn line_patterns_have_their_acceleration_and_centre() {
        for make in [equispaced, random_lines] {
            for axis in [PhaseAxis::Y, PhaseAxis::X] {
                let mask = make(150, 161, &pattern(axis)).unwrap();
                assert!(
                    (mask.acceleration() - 4.0).abs() < 0.4,
                    "{}",
                    mask.acceleration()
                );
                let area = CalibrationArea::find(&mask.mask, 150, 161, 200);
                let (lines, readout) = match axis {
                    PhaseAxis::Y => (area.y, area.x.len() == 161),
                    PhaseAxis::X => (area.x, area.y.len() == 150),
                };
                assert!(readout && lines.len() >= 12, "{lines:?}");
                assert_eq!(mask, make(150, 161, &pattern(axis)).unwrap());
            }
        }
    }

    #[test]
    fn variable_density_is_denser_in_the_middle_and_hits_its_acceleration() {
        let mask = variable_density(90, 101, 8.0, 15, 3).unwrap();
        assert!((mask.acceleration() - 8.0).abs() < 0.01);
        let area = CalibrationArea::find(&mask.mask, 90, 101, 24);
        assert!(area.at_least(15));
        let count = |from: usize, to: usize| {
            (from..to)
                .map(|y| {
                    mask.mask[y * 101..(y + 1) * 101]
                        .iter()
                        .filter(|m| **m)
                        .count()
                })
                .sum::<usize>()
        };
        assert!(count(20, 35) > 2 * count(0, 15));
        assert_ne!(mask, variable_density(90, 101, 8.0, 15, 4).unwrap());
    }

    #[test]
    fn impossible_patterns_are_refused() {
        let bad = LinePattern {
            acceleration: 0.5,
            ..pattern(PhaseAxis::X)
        };
        assert!(matches!(
            equispaced(9, 9, &bad),
            Err(Error::OutOfRange {
                what: "acceleration",
                ..
            })
        ));
        let bad = LinePattern {
            acceleration: f64::NAN,
            ..bad
        };
        assert!(random_lines(9, 9, &bad).is_err());
        assert!(random_lines(20, 20, &pattern(PhaseAxis::X)).is_err());
        assert!(variable_density(10, 10, 50.0, 5, 1).is_err());
        assert!(variable_density(0, 10, 2.0, 5, 1).is_err());
    }
}
