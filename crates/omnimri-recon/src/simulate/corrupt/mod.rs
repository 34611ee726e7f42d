//! Known corruption with known truth: what goes wrong in a scanner, done to an image that was right.
//!
//! Each step works on the complex image or its k-space (the centred orthonormal transform of [`crate::fft`]), slice by slice
//! as a 2D acquisition with rows as phase-encoding steps unless [`PhaseAxis::X`] is asked for. Corruptions are applied in the
//! order given; everything random is drawn from the seed and written into [`Applied`].
//!
//! | file | holds |
//! | --- | --- |
//! | `motion` | rigid motion from shot to shot |
//! | `phase` | periodic phase errors and echo-planar half-field ghosts |
//! | `off_resonance` | geometric distortion and signal loss |
//! | `coverage` | partial Fourier, truncation, wrap-around |
//! | `interference` | spikes, zippers, noise |
//! | `draw` | random corruptions of a given severity |

mod coverage;
mod draw;
mod interference;
mod motion;
mod off_resonance;
mod phase;
#[cfg(test)]
mod tests;

use num_complex::Complex32;
use omnimri_image::Zyx;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::sampling::PhaseAxis;
use crate::{Error, Result};

pub use draw::CorruptionKind;
pub use motion::Pose;
pub use off_resonance::FieldMap;

/// Most complex samples that one call works on: 256 mebisamples.
const MAX_SAMPLES: usize = 1 << 28;

/// How a motion develops over the shots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Steadily from the first shot to the last.
    Drift,
    /// At once, at a drawn shot.
    Sudden,
    /// To and fro, two to six times.
    Periodic,
    /// To an independent place every shot.
    Random,
}

/// Which lines one shot measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShotOrder {
    /// Neighbouring lines.
    Sequential,
    /// Every n-th line.
    Interleaved,
}

/// Axis along which off-resonance shifts the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftAxis {
    /// The readout, as in ordinary sequences.
    Readout,
    /// The phase-encoding axis, as in echo-planar imaging.
    Phase,
}

/// Shape of the off-resonance in the field of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldShape {
    /// The same everywhere: a wrong centre frequency.
    Uniform,
    /// Linear along the readout, minus to plus the peak: a wrong shim.
    Ramp,
    /// A smooth bump at a drawn place, as beside air.
    Bump,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Corruption {
    /// Rigid motion in the plane of the slice, a pose a shot. The pose while the centre of k-space is measured is zero, so
    /// that the truth stays in register.
    Motion {
        /// Shots, 1 to the number of lines.
        shots: usize,
        /// Course over the shots.
        course: Course,
        /// Lines of a shot.
        order: ShotOrder,
        /// Largest shift in pixels.
        shift_px: f32,
        /// Largest rotation in degrees, up to 45.
        rotation_deg: f32,
    },
    /// A phase error that returns every `period` lines, as from pulsation: `phase_rad * cos(2 pi k / period)`. Ghosts lie
    /// `n / period` pixels apart; that of order `m` has the Bessel amplitude `J_m(phase_rad)`, for a period of 2 the one ghost
    /// `sin(phase_rad)`.
    Ghosting {
        /// Lines a period, at least 2.
        period: usize,
        /// Amplitude of the phase.
        phase_rad: f32,
    },
    /// Odd lines against even ones in echo-planar imaging: half of `constant_rad + slope_rad * (x - n_x / 2)` to either kind,
    /// with opposite signs (the error that [`crate::epi`] corrects). The ghost at half the field of view has the amplitude
    /// `|sin|` of that half.
    EpiGhost {
        /// Phase at the centre.
        constant_rad: f32,
        /// Phase a pixel along the readout.
        slope_rad: f32,
    },
    /// Precession at another frequency: content moves by `field / bandwidth_hz` pixels; where an echo time is given, the phase
    /// `2 pi field TE` and the dephasing across voxels of a gradient echo come with it.
    OffResonance {
        /// Shape.
        field: FieldShape,
        /// Largest frequency offset.
        peak_hz: f32,
        /// Receiver bandwidth a pixel along the shifted axis.
        bandwidth_hz: f32,
        /// Time of the gradient echo; 0 for a spin echo.
        echo_ms: f32,
        /// Axis of the shift.
        along: ShiftAxis,
    },
    /// The first lines are left out and filled with zeros.
    PartialFourier {
        /// Part of the lines that is measured, more than 0.5 up to 1.
        share: f32,
    },
    /// Interference at one frequency: a noisy line of pixels along the phase-encoding axis at a drawn column.
    Zipper {
        /// Root mean square of the line over that of the image.
        strength: f32,
    },
    /// Single bad samples: plane waves over the whole slice.
    Spike {
        /// Bad samples a slice.
        n: usize,
        /// Size of a bad sample over the largest good one.
        strength: f32,
    },
    /// K-space cut off on both axes without a window: ringing at edges. The matrix stays.
    Gibbs {
        /// Part of either axis that is measured, above 0 up to 1.
        share: f32,
    },
    /// A field of view too small along the phase-encoding axis: what lies outside folds over. Image and truth are cropped to it.
    WrapAround {
        /// Part of the rows that is left, at least a third.
        share: f32,
    },
    /// Complex normal noise.
    Noise {
        /// Standard deviation of the complex noise over the root mean square of the image.
        sigma: f32,
    },
}

/// A complex image.
#[derive(Debug, Clone, PartialEq)]
pub struct ComplexSlices {
    /// Values `[z][y][x]`.
    pub data: Vec<Complex32>,
    /// Size.
    pub size: Zyx<usize>,
}

impl ComplexSlices {
    /// A magnitude image with a phase of zero, `[z][y][x]`.
    pub fn from_magnitude(voxels: &[f32], size: Zyx<usize>) -> Self {
        Self {
            data: voxels.iter().map(|&v| Complex32::new(v, 0.0)).collect(),
            size,
        }
    }

    /// Magnitude, `[z][y][x]`.
    pub fn magnitude(&self) -> Vec<f32> {
        self.data.iter().map(|v| v.norm()).collect()
    }

    /// Root mean square of the magnitude.
    fn rms(&self) -> f32 {
        let sum: f64 = self.data.iter().map(|v| f64::from(v.norm_sqr())).sum();
        (sum / self.data.len().max(1) as f64).sqrt() as f32
    }

    /// Rows and columns exchanged.
    fn transposed(&self) -> Self {
        let Zyx { z, y, x } = self.size;
        let mut data = Vec::with_capacity(self.data.len());
        for slice in self.data.chunks_exact((y * x).max(1)) {
            for column in 0..x {
                data.extend(slice.iter().skip(column).step_by(x));
            }
        }
        Self {
            data,
            size: Zyx::new(z, x, y),
        }
    }
}

/// What was drawn for a corruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    /// Nothing.
    Nothing,
    /// Pose of every shot.
    Poses(Vec<Pose>),
    /// Slice, line and sample of every spike.
    Samples(Vec<[usize; 3]>),
    /// Column of the zipper.
    Column(usize),
    /// The off-resonance.
    Field(FieldMap),
}

/// A corruption with all that was drawn for it: the whole truth of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The corruption.
    pub corruption: Corruption,
    /// What the seed decided.
    pub drawn: Drawn,
}

/// A corrupted image beside the true one.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrupted {
    /// The corrupted image.
    pub image: ComplexSlices,
    /// The image as it was, cropped where the field of view was.
    pub truth: ComplexSlices,
    /// How far off-resonance moved the content of each voxel of the truth, in pixels `[y, x]`; `None` if it did not.
    pub moved: Option<Vec<[f32; 2]>>,
    /// What was done, in order.
    pub applied: Vec<Applied>,
}

/// Corrupts an image; a pure function of its arguments, whatever the number of threads.
///
/// # Errors
/// [`Error::Size`] if the data do not fill the grid, [`Error::NotFinite`] for NaN or infinite values, [`Error::OutOfRange`] for
/// a setting that makes no sense.
pub fn corrupt(
    image: &ComplexSlices,
    phase: PhaseAxis,
    corruptions: &[Corruption],
    seed: u64,
) -> Result<Corrupted> {
    check_image(image)?;
    let turned = match phase {
        PhaseAxis::Y => image.clone(),
        PhaseAxis::X => image.transposed(),
    };
    let mut state = Corrupted {
        truth: turned.clone(),
        image: turned,
        moved: None,
        applied: Vec::with_capacity(corruptions.len()),
    };
    for (step, corruption) in corruptions.iter().enumerate() {
        corruption.check(state.image.size)?;
        // A stream a step: adding one at the end does not change those before.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step as u64);
        let drawn = corruption.apply(&mut state, &mut rng);
        state.applied.push(Applied {
            corruption: *corruption,
            drawn,
        });
    }
    if phase == PhaseAxis::X {
        let size = state.image.size;
        state.moved = state.moved.map(|m| transpose_moved(&m, size));
        state.image = state.image.transposed();
        state.truth = state.truth.transposed();
    }
    Ok(state)
}

fn transpose_moved(moved: &[[f32; 2]], size: Zyx<usize>) -> Vec<[f32; 2]> {
    let mut out = Vec::with_capacity(moved.len());
    for slice in moved.chunks_exact((size.y * size.x).max(1)) {
        for column in 0..size.x {
            let cells = slice.iter().skip(column).step_by(size.x);
            out.extend(cells.map(|[y, x]| [*x, *y]));
        }
    }
    out
}

fn check_image(image: &ComplexSlices) -> Result<()> {
    let Zyx { z, y, x } = image.size;
    let n = z.checked_mul(y).and_then(|n| n.checked_mul(x));
    let n = n.filter(|n| (1..=MAX_SAMPLES).contains(n)).unwrap_or(0);
    if n == 0 {
        return Err(out_of_range(
            "samples of the image",
            (1.0, MAX_SAMPLES as f64),
            z as f64 * y as f64 * x as f64,
            "corrupt it in parts",
        ));
    }
    if image.data.len() != n {
        return Err(Error::Size {
            what: "image to corrupt",
            expected: n,
            found: image.data.len(),
            hint: "values must be [z][y][x] of the size given",
        });
    }
    let found = image.data.iter().filter(|v| !v.is_finite()).count();
    match found {
        0 => Ok(()),
        _ => Err(Error::NotFinite { found }),
    }
}

pub(super) fn out_of_range(
    what: &'static str,
    (min, max): (f64, f64),
    found: f64,
    hint: &'static str,
) -> Error {
    Error::OutOfRange {
        what,
        min,
        max,
        found,
        hint,
    }
}

impl Corruption {
    /// Refuses settings that make no sense on this grid.
    fn check(&self, size: Zyx<usize>) -> Result<()> {
        let within = |what, min: f64, max: f64, found: f64| match (min..=max).contains(&found) {
            true => Ok(()),
            false => Err(out_of_range(
                what,
                (min, max),
                found,
                "see the corruption's documentation",
            )),
        };
        let n_y = size.y as f64;
        match *self {
            Self::Motion {
                shots,
                shift_px,
                rotation_deg,
                ..
            } => {
                within("shots", 1.0, n_y, shots as f64)?;
                within("shift in pixels", 0.0, 1e4, shift_px.into())?;
                within("rotation in degrees", 0.0, 45.0, rotation_deg.into())
            }
            Self::Ghosting { period, phase_rad } => {
                within("period in lines", 2.0, n_y.max(2.0), period as f64)?;
                within("phase in radians", -100.0, 100.0, phase_rad.into())
            }
            Self::EpiGhost {
                constant_rad,
                slope_rad,
            } => {
                within("phase in radians", -100.0, 100.0, constant_rad.into())?;
                within("phase a pixel in radians", -10.0, 10.0, slope_rad.into())
            }
            Self::OffResonance {
                peak_hz,
                bandwidth_hz,
                echo_ms,
                ..
            } => {
                within("off-resonance in hertz", -1e5, 1e5, peak_hz.into())?;
                within("bandwidth a pixel in hertz", 0.1, 1e6, bandwidth_hz.into())?;
                within("echo time in milliseconds", 0.0, 1e4, echo_ms.into())
            }
            Self::PartialFourier { share } => within("measured part", 0.5, 1.0, share.into()),
            Self::Zipper { strength } => within("strength", 0.0, 1e4, strength.into()),
            Self::Spike { n, strength } => {
                within("spikes", 0.0, 1e4, n as f64)?;
                within("strength", 0.0, 1e4, strength.into())
            }
            Self::Gibbs { share } => within("measured part", 0.01, 1.0, share.into()),
            Self::WrapAround { share } => within("rows left", 1.0 / 3.0, 1.0, share.into()),
            Self::Noise { sigma } => within("noise level", 0.0, 1e4, sigma.into()),
        }
    }

    fn apply(&self, state: &mut Corrupted, rng: &mut ChaCha8Rng) -> Drawn {
        match *self {
            Self::Motion {
                shots,
                course,
                order,
                shift_px,
                rotation_deg,
            } => {
                let poses = motion::draw(shots, course, shift_px, rotation_deg, rng);
                let poses = motion::relative_to_centre(poses, order, state.image.size.y);
                motion::apply(&mut state.image, &poses, order);
                Drawn::Poses(poses)
            }
            Self::Ghosting { period, phase_rad } => {
                phase::ghosting(&mut state.image, period, phase_rad);
                Drawn::Nothing
            }
            Self::EpiGhost {
                constant_rad,
                slope_rad,
            } => {
                phase::epi(&mut state.image, constant_rad, slope_rad);
                Drawn::Nothing
            }
            Self::OffResonance {
                field,
                peak_hz,
                bandwidth_hz,
                echo_ms,
                along,
            } => {
                let map = FieldMap::draw(field, peak_hz, state.image.size, rng);
                off_resonance::apply(state, &map, bandwidth_hz, echo_ms, along);
                Drawn::Field(map)
            }
            Self::PartialFourier { share } => {
                coverage::partial_fourier(&mut state.image, share);
                Drawn::Nothing
            }
            Self::Gibbs { share } => {
                coverage::truncate(&mut state.image, share);
                Drawn::Nothing
            }
            Self::WrapAround { share } => {
                coverage::wrap_around(state, share);
                Drawn::Nothing
            }
            Self::Zipper { strength } => {
                Drawn::Column(interference::zipper(&mut state.image, strength, rng))
            }
            Self::Spike { n, strength } => {
                Drawn::Samples(interference::spikes(&mut state.image, n, strength, rng))
            }
            Self::Noise { sigma } => {
                interference::noise(&mut state.image, sigma, rng);
                Drawn::Nothing
            }
        }
    }
}
