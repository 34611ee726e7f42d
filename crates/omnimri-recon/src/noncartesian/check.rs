//! What samples along a trajectory say of themselves: whether they are a scan, and their noise.

use num_complex::Complex32;
use omnimri_image::NonCartesian;

use crate::nufft::check_matrix;
use crate::{Error, Result};

/// Most coils that a scanner has, with room to spare.
const MAX_COILS: usize = 512;
/// Fewest samples from which anything can be made.
const MIN_SAMPLES: usize = 16;

/// Checks that the data is a scan of its matrix, and leaves out samples beyond the matrix's k-space; with what a user should know.
///
/// # Errors
/// [`Error::OutOfRange`], [`Error::Size`], [`Error::NotFinite`], [`Error::NoSignal`] or [`Error::Trajectory`].
pub(super) fn usable(data: &NonCartesian) -> Result<(NonCartesian, Vec<String>)> {
    check_matrix(data.size)?;
    if data.n_coils == 0 || data.n_coils > MAX_COILS {
        return Err(Error::OutOfRange {
            what: "coils",
            min: 1.0,
            max: MAX_COILS as f64,
            found: data.n_coils as f64,
            hint: "samples must be [coil][readout][sample]",
        });
    }
    let n = data.n_readouts.saturating_mul(data.n_samples);
    if n < MIN_SAMPLES {
        return Err(Error::Trajectory {
            found: format!("{n} samples"),
            hint: "a scan has at least 16; check the number of readouts and samples",
        });
    }
    let mut sizes = vec![
        (
            "trajectory",
            n,
            data.coord.len(),
            "coordinates must be [readout][sample]",
        ),
        (
            "samples",
            n.saturating_mul(data.n_coils),
            data.samples.len(),
            "samples must be [coil][readout][sample]",
        ),
    ];
    if let Some(density) = &data.density {
        sizes.push((
            "density weights",
            n,
            density.len(),
            "weights must be [readout][sample]",
        ));
    }
    for (what, expected, found, hint) in sizes {
        if expected != found {
            return Err(Error::Size {
                what,
                expected,
                found,
                hint,
            });
        }
    }
    let not_finite = data
        .samples
        .iter()
        .filter(|v| !(v.re.is_finite() && v.im.is_finite()))
        .count();
    if not_finite > 0 {
        return Err(Error::NotFinite { found: not_finite });
    }
    if data.samples.iter().all(|v| *v == Complex32::default()) {
        return Err(Error::NoSignal {
            found: "only zeros",
        });
    }
    if let Some(density) = &data.density
        && let Some(w) = density.iter().find(|w| !(w.is_finite() && **w >= 0.0))
    {
        return Err(Error::OutOfRange {
            what: "density weight",
            min: 0.0,
            max: f64::from(f32::MAX),
            found: f64::from(*w),
            hint: "leave the weights out to have them computed",
        });
    }
    let not_finite = data
        .coord
        .iter()
        .flatten()
        .filter(|k| !k.is_finite())
        .count();
    if not_finite > 0 {
        return Err(Error::Trajectory {
            found: format!("{not_finite} coordinates that are NaN or infinite"),
            hint: "remove those readouts",
        });
    }
    let lengths = [data.size.z, data.size.y, data.size.x];
    let reach = [0, 1, 2].map(|axis| data.coord.iter().map(|k| k[axis].abs()).fold(0.0, f32::max));
    for axis in 0..3 {
        if lengths[axis] == 1 && reach[axis] > 0.0 {
            return Err(Error::Trajectory {
                found: format!("positions up to {} along an axis of one pixel", reach[axis]),
                hint: "give the matrix of that axis, or order the axes z, y, x",
            });
        }
        if reach[axis] > lengths[axis] as f32 {
            return Err(Error::Trajectory {
                found: format!(
                    "positions up to {} on a matrix of {}, whose k-space ends at {}",
                    reach[axis],
                    lengths[axis],
                    lengths[axis] / 2
                ),
                hint: "check the units and the matrix",
            });
        }
    }
    if reach.iter().all(|r| *r <= 0.5) && lengths.iter().any(|n| *n > 8) {
        return Err(Error::Trajectory {
            found: "positions within 0.5 of the centre".to_owned(),
            hint: "they look like cycles per pixel; multiply them by the matrix",
        });
    }
    Ok(within_matrix(data, &lengths))
}

/// Leaves out the samples of a readout that lie beyond the matrix's k-space in every readout, where they would alias; readouts stay equally long.
fn within_matrix(data: &NonCartesian, lengths: &[usize; 3]) -> (NonCartesian, Vec<String>) {
    // A gradient delay moves the last samples a little over the edge.
    let beyond = |k: &[f32; 3]| {
        (0..3).any(|axis| lengths[axis] > 1 && k[axis].abs() > lengths[axis] as f32 / 2.0 + 2.0)
    };
    let kept: Vec<usize> = (0..data.n_samples)
        .filter(|s| {
            data.coord
                .iter()
                .skip(*s)
                .step_by(data.n_samples)
                .any(|k| !beyond(k))
        })
        .collect();
    if kept.len() == data.n_samples {
        return (data.clone(), Vec::new());
    }
    let pick = |from: &dyn Fn(usize) -> Complex32, rows: usize| -> Vec<Complex32> {
        (0..rows)
            .flat_map(|r| kept.iter().map(move |s| r * data.n_samples + s))
            .map(from)
            .collect()
    };
    let rows = data.n_readouts;
    let out = NonCartesian {
        samples: pick(&|i| data.samples[i], rows * data.n_coils),
        n_coils: data.n_coils,
        n_readouts: rows,
        n_samples: kept.len(),
        coord: (0..rows)
            .flat_map(|r| kept.iter().map(move |s| data.coord[r * data.n_samples + s]))
            .collect(),
        size: data.size,
        density: data.density.as_ref().map(|d| {
            (0..rows)
                .flat_map(|r| kept.iter().map(move |s| d[r * data.n_samples + s]))
                .collect()
        }),
    };
    let left_out = data.n_samples - kept.len();
    (
        out,
        vec![format!(
            "{left_out} of {} samples a readout lie beyond the k-space of the matrix and were left out.",
            data.n_samples
        )],
    )
}

/// Noise variance of a complex sample, estimated where signal is weakest.
///
/// A readout sampled more densely than the field of view needs holds no signal at its highest frequencies, so its eighth difference is noise;
/// otherwise the samples far from the centre are taken as they are. Of shells by distance from the centre the lowest median energy counts: an
/// upper bound where the periphery still holds signal.
pub(super) fn noise_variance(data: &NonCartesian) -> f64 {
    const N_SHELLS: usize = 6;
    const MIN_VALUES: usize = 64;
    const BINOMIAL: [f32; 9] = [1.0, -8.0, 28.0, -56.0, 70.0, -56.0, 28.0, -8.0, 1.0];
    const GAIN: f64 = 12_870.0;
    let n = data.n_samples;
    let reach = |k: &[f32; 3]| {
        let part = |k: f32, n: usize| {
            if n > 1 {
                f64::from(k) / (n as f64 / 2.0)
            } else {
                0.0
            }
        };
        part(k[0], data.size.z)
            .hypot(part(k[1], data.size.y))
            .hypot(part(k[2], data.size.x))
    };
    let dense = |at: usize| {
        let (a, b) = (data.coord[at - 4], data.coord[at + 4]);
        let step = (0..3)
            .map(|axis| (b[axis] - a[axis]).powi(2))
            .sum::<f32>()
            .sqrt()
            / 8.0;
        step < 0.6
    };
    let mut differences = vec![Vec::new(); N_SHELLS];
    let mut plain = vec![Vec::new(); N_SHELLS];
    for readout in 0..data.n_readouts {
        for s in 0..n {
            let at = readout * n + s;
            let r = reach(&data.coord[at]);
            if r < 0.4 {
                continue;
            }
            let shell = (((r - 0.4) / 0.6 * N_SHELLS as f64) as usize).min(N_SHELLS - 1);
            for coil in data.samples.chunks(data.coord.len()) {
                plain[shell].push(coil[at].norm_sqr());
                if s >= 4 && s + 4 < n && dense(at) {
                    let sum: Complex32 = coil[at - 4..=at + 4]
                        .iter()
                        .zip(BINOMIAL)
                        .map(|(v, c)| v * c)
                        .sum();
                    differences[shell].push(sum.norm_sqr());
                }
            }
        }
    }
    // The median of an exponentially distributed energy is ln 2 of its mean.
    let lowest = |shells: Vec<Vec<f32>>| {
        let medians = shells
            .into_iter()
            .filter(|s| s.len() >= MIN_VALUES)
            .map(|mut s| {
                let middle = s.len() / 2;
                f64::from(*s.select_nth_unstable_by(middle, f32::total_cmp).1)
                    / std::f64::consts::LN_2
            });
        medians.fold(f64::INFINITY, f64::min)
    };
    let (filtered, plain) = (lowest(differences) / GAIN, lowest(plain));
    let least = filtered.min(plain);
    if least.is_finite() { least } else { 0.0 }
}
