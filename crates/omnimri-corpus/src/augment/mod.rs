//! Augmentation of training slices: geometry, intensities and MR artefacts, within a training thread's budget.
//!
//! A [`Recipe`] is a list of steps, each a [`Transform`] with a probability and a strength; [`Recipe::apply`] is a pure function
//! of slice and seed. All geometry of a recipe becomes one resampling; labels, boxes and facts follow it. Intensities are those
//! of the network, -1 to 1 and a little beyond, with neighbouring slices as channels that all change alike.
//!
//! | file | holds |
//! | --- | --- |
//! | `geometry` | affine and elastic maps, one resampling |
//! | `intensity` | gamma, contrast, bias field, blur, noise |
//! | `artefact` | ghost, motion, spike, low resolution: cheap forms of `omnimri_recon::simulate::corrupt` |
//! | `mirror` | what a mirror image does to labels, boxes, facts and words, and where it is refused |

mod artefact;
mod geometry;
mod intensity;
pub mod mirror;
#[cfg(test)]
mod tests;

use omnimri_findings::{Fact, Term};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use geometry::{Affine, AffineLimits, Elastic, Geometry};
pub use intensity::normal;
pub use mirror::{MirrorError, mirror_example, mirrored_fact, mirrored_term, mirrored_words};

/// A box in pixels, ends exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PixelBox {
    /// What is inside.
    pub label: Term,
    /// First row.
    pub y0: usize,
    /// First column.
    pub x0: usize,
    /// Row after the last.
    pub y1: usize,
    /// Column after the last.
    pub x1: usize,
}

/// A slice with its neighbours as channels, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Intensities in the network's range, `[y][x][channel]`.
    pub image: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Neighbouring slices.
    pub channels: usize,
    /// Values of [`Term`], `[y][x]`.
    pub labels: Option<Vec<u8>>,
    /// Boxes.
    pub boxes: Vec<PixelBox>,
    /// Facts; sides are those of the image or the patient.
    pub facts: Vec<Fact>,
    /// May left and right be exchanged? See [`mirror::may_mirror`].
    pub mirror: bool,
}

/// One kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Rotation, zoom, stretch and shift: at most 12 degrees, 18%, 6% and 8% of the side at strength 1.
    Affine,
    /// A smooth deformation of up to about 6 pixels at strength 1.
    Elastic,
    /// Left and right exchanged, where the slice allows it.
    Mirror,
    /// Exponent between 0.7 and 1.42 at strength 1.
    Gamma,
    /// Contrast by a fifth and brightness by a twentieth of the range at strength 1.
    Contrast,
    /// A smooth multiplicative field.
    Bias,
    /// A Gaussian of up to 1.5 pixels at strength 1.
    Blur,
    /// Noise of up to 8% of the range at strength 1, Rician in the dark.
    Noise,
    /// Resolution lost along one axis or both, to a third at strength 1.
    LowResolution,
    /// A ghost at half the field of view.
    Ghost,
    /// Shifts between two shots.
    Motion,
    /// A plane wave from one bad sample.
    Spike,
}

impl Transform {
    /// All transforms.
    pub const ALL: [Self; 12] = [
        Self::Affine,
        Self::Elastic,
        Self::Mirror,
        Self::Gamma,
        Self::Contrast,
        Self::Bias,
        Self::Blur,
        Self::Noise,
        Self::LowResolution,
        Self::Ghost,
        Self::Motion,
        Self::Spike,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Affine => "affine",
            Self::Elastic => "elastic",
            Self::Mirror => "mirror",
            Self::Gamma => "gamma",
            Self::Contrast => "contrast",
            Self::Bias => "bias",
            Self::Blur => "blur",
            Self::Noise => "noise",
            Self::LowResolution => "low resolution",
            Self::Ghost => "ghost",
            Self::Motion => "motion",
            Self::Spike => "spike",
        }
    }

    /// True for what the scanner does wrong rather than how it is set.
    pub const fn is_artefact(self) -> bool {
        matches!(
            self,
            Self::LowResolution | Self::Ghost | Self::Motion | Self::Spike
        )
    }

    /// True if it moves pixels.
    pub const fn is_geometric(self) -> bool {
        matches!(self, Self::Affine | Self::Elastic | Self::Mirror)
    }
}

/// A transform with how often and how strongly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is done.
    pub transform: Transform,
    /// How often, 0 to 1.
    pub probability: f64,
    /// How strongly: 0 changes nothing, 1 is the most that training uses.
    pub strength: f32,
}

/// Strengths beyond this count as this.
const STRONGEST: f32 = 10.0;

/// Steps in the order they are done, geometry first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recipe(pub Vec<Step>);

impl Recipe {
    /// One transform, always.
    pub fn only(transform: Transform, strength: f32) -> Self {
        Self(vec![Step {
            transform,
            probability: 1.0,
            strength,
        }])
    }

    /// What training uses: the geometry and intensities that the nano model saw, with artefacts now and then.
    pub fn training() -> Self {
        use Transform::*;
        let steps = [
            (Affine, 1.0, 1.0),
            (Elastic, 0.3, 0.5),
            (Mirror, 0.5, 1.0),
            (Gamma, 1.0, 1.0),
            (Contrast, 1.0, 1.0),
            (Bias, 1.0, 1.0),
            (Blur, 0.1, 1.0),
            (Noise, 0.4, 1.0),
            (LowResolution, 0.15, 0.7),
            (Ghost, 0.05, 0.7),
            (Motion, 0.05, 0.7),
            (Spike, 0.03, 0.7),
        ];
        Self(
            steps
                .into_iter()
                .map(|(transform, probability, strength)| Step {
                    transform,
                    probability,
                    strength,
                })
                .collect(),
        )
    }

    /// Only the steps that change intensities, for whoever moves pixels elsewhere.
    #[must_use]
    pub fn intensities(&self) -> Self {
        let steps = self.0.iter().filter(|s| !s.transform.is_geometric());
        Self(steps.copied().collect())
    }

    /// A changed slice. A slice whose arrays do not fit its size comes back unchanged.
    pub fn apply(&self, slice: &Slice, seed: u64) -> Slice {
        if !slice.fits() {
            return slice.clone();
        }
        let steps: Vec<(Step, ChaCha8Rng)> = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(i, step)| {
                // A stream a step: one more step does not change the others.
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(i as u64);
                let happens = rng.random::<f64>() < step.probability;
                let strength = step.strength.min(STRONGEST);
                (happens && strength > 0.0).then_some((Step { strength, ..*step }, rng))
            })
            .collect();
        let mut geometry = Geometry::default();
        for (step, rng) in steps.iter().filter(|(s, _)| s.transform.is_geometric()) {
            let mut rng = rng.clone();
            geometry.add(step, slice, &mut rng);
        }
        let mut out = geometry.apply(slice);
        let mut planes = planes(&out.image, out.channels);
        let size = (out.height, out.width);
        for (step, rng) in steps.iter().filter(|(s, _)| !s.transform.is_geometric()) {
            let mut rng = rng.clone();
            change(step, &mut planes, size, &mut rng);
        }
        interleave(&planes, &mut out.image);
        out
    }

    /// Many slices on all threads; slice `i` gets `seed + i`.
    pub fn apply_all(&self, slices: &[Slice], seed: u64) -> Vec<Slice> {
        slices
            .par_iter()
            .enumerate()
            .map(|(i, slice)| self.apply(slice, seed.wrapping_add(i as u64)))
            .collect()
    }
}

impl Slice {
    fn fits(&self) -> bool {
        let area = self.height.checked_mul(self.width);
        let whole = area.and_then(|a| a.checked_mul(self.channels));
        self.channels > 0
            && area.is_some_and(|a| a > 0)
            && whole == Some(self.image.len())
            && self.labels.as_ref().is_none_or(|l| Some(l.len()) == area)
    }
}

/// Channels as images of their own.
fn planes(image: &[f32], channels: usize) -> Vec<Vec<f32>> {
    (0..channels)
        .map(|c| image.iter().skip(c).step_by(channels).copied().collect())
        .collect()
}

fn interleave(planes: &[Vec<f32>], image: &mut [f32]) {
    for (i, pixel) in image.chunks_exact_mut(planes.len()).enumerate() {
        for (v, plane) in pixel.iter_mut().zip(planes) {
            *v = plane[i];
        }
    }
}

/// One change of intensities; what is drawn is the same for all channels, noise aside.
fn change(step: &Step, planes: &mut [Vec<f32>], size: (usize, usize), rng: &mut ChaCha8Rng) {
    let s = step.strength;
    match step.transform {
        Transform::Gamma => intensity::gamma(planes, s, rng),
        Transform::Contrast => intensity::contrast(planes, s, rng),
        Transform::Bias => intensity::bias(planes, size, s, rng),
        Transform::Blur => intensity::blur(planes, size, s, rng),
        Transform::Noise => intensity::noise(planes, s, rng),
        Transform::LowResolution => artefact::low_resolution(planes, size, s, rng),
        Transform::Ghost => artefact::ghost(planes, size, s, rng),
        Transform::Motion => artefact::motion(planes, size, s, rng),
        Transform::Spike => artefact::spike(planes, size, s, rng),
        Transform::Affine | Transform::Elastic | Transform::Mirror => {}
    }
}
