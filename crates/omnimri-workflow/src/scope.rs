//! Is this an image the model knows? And what the header says of it.

use omnimri_findings::{Region, Sequence};
use omnimri_image::{Volume, percentiles};
use omnimri_model::Look;
use omnimri_model::heads::OUT_OF_SCOPE;

use crate::trust::Gate;

/// Probability from which an image counts as one the model does not know.
const OUT: f32 = 0.5;
/// A class head that is less sure than this is not quoted.
pub const SURE: f32 = 0.5;

/// Percentiles between which an image must show some contrast.
const CONTRAST: [f64; 2] = [0.5, 99.5];
/// Neighbouring voxels less alike than this, along every axis, are noise. Slices of a body stay above 0.7.
const NOISE: f64 = 0.3;

/// What the model may answer for.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// A region the model knows, and how sure it is.
    Known(Region, f64),
    /// Nothing; the reason in words.
    OutOfScope(String),
}

/// What speaks for and against an image being in scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Why there is nothing to read, whatever a model makes of it: another modality, one grey level, noise.
    pub ruled_out: Option<String>,
    /// Probability of the class head that the image is none it knows.
    pub strange: f32,
    /// The most probable region, unless "none" is more probable than each.
    pub region: Option<(Region, f64)>,
    /// The network's pooled features, `[evidence_width]`.
    pub features: Vec<f32>,
}

impl Sight {
    /// Looks for what rules the image out, and keeps what the model says.
    pub(crate) fn of(volume: &Volume, look: &Look) -> Self {
        let best = (0..look.region.len()).fold(0, |b, i| {
            if look.region[i] > look.region[b] {
                i
            } else {
                b
            }
        });
        let region = Region::HEAD.get(best).copied();
        Self {
            ruled_out: other_modality(volume).or_else(|| no_image(volume)),
            strange: look.region.get(OUT_OF_SCOPE).copied().unwrap_or(0.0),
            region: region.map(|region| (region, f64::from(look.region[best]))),
            features: look.features.clone(),
        }
    }

    /// Decides: by what rules the image out, then by the class head, then by the gate where one was fitted.
    pub fn scope(&self, gate: Option<&Gate>) -> Scope {
        if let Some(reason) = &self.ruled_out {
            return Scope::OutOfScope(reason.clone());
        }
        match self.region {
            Some((region, p)) if self.strange < OUT => {
                if gate.is_some_and(|gate| gate.refuses(&self.features)) {
                    return Scope::OutOfScope(UNLIKE.to_owned());
                }
                Scope::Known(region, p)
            }
            _ => Scope::OutOfScope(format!(
                "The image does not look like an MRI slice of a region this model knows (probability {:.2} that it is none).",
                self.strange
            )),
        }
    }
}

/// Why an image is refused by the gate.
const UNLIKE: &str = "The image is unlike those that this model was trained on (MRI of the brain, hippocampus, heart and lumbar spine).";

fn other_modality(volume: &Volume) -> Option<String> {
    let modality = volume.acquisition.modality.as_ref()?;
    (modality != "MR").then(|| {
        format!(
            "The header says modality {modality}; this model reads magnetic resonance (MR) only."
        )
    })
}

/// Why the first frame shows nothing at all, whatever a model makes of it: one grey level, or noise.
fn no_image(volume: &Volume) -> Option<String> {
    let voxels = volume.frame(0);
    let range = percentiles(voxels, &CONTRAST);
    if range.first() >= range.last() {
        return Some(
            "The image is blank: its pixels have one grey level, so there is nothing to read."
                .to_owned(),
        );
    }
    let alike = likeness(voxels, volume);
    (alike < NOISE).then(|| {
        format!(
            "The image looks like noise: neighbouring pixels have nothing in common (correlation {alike:.2}), so there is nothing to read."
        )
    })
}

/// Correlation of neighbouring voxels along the axis where it is largest.
fn likeness(voxels: &[f32], volume: &Volume) -> f64 {
    let size = volume.geometry.size;
    let mean = voxels.iter().map(|v| f64::from(*v)).sum::<f64>() / voxels.len() as f64;
    let variance = voxels
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / voxels.len() as f64;
    let along = |length: usize, step: usize| {
        let (mut sum, mut n) = (0.0, 0usize);
        for (i, v) in voxels.iter().enumerate() {
            if i / step % length + 1 < length {
                sum += (f64::from(*v) - mean) * (f64::from(voxels[i + step]) - mean);
                n += 1;
            }
        }
        // An axis of one voxel says nothing.
        if n == 0 {
            f64::MIN
        } else {
            sum / n as f64 / variance.max(f64::MIN_POSITIVE)
        }
    };
    let axes = [(size.x, 1), (size.y, size.x), (size.z, size.x * size.y)];
    let best = axes
        .map(|(length, step)| along(length, step))
        .into_iter()
        .fold(f64::MIN, f64::max);
    // One voxel has no neighbours: nothing speaks for noise.
    if best == f64::MIN { 1.0 } else { best }
}

/// The weighting a header's words name, if they name one clearly.
pub fn header_sequence(volume: &Volume) -> Option<Sequence> {
    let a = &volume.acquisition;
    let text = format!(
        "{} {}",
        a.description.as_deref().unwrap_or_default(),
        a.sequence_name.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    let has = |w: &str| text.contains(w);
    let post =
        a.contrast_agent.is_some() || ["post", "gad", "+c", "gd", "t1ce"].iter().any(|w| has(w));
    if has("flair") {
        Some(Sequence::Flair)
    } else if has("t2") && !has("t2*") {
        Some(Sequence::T2)
    } else if has("t1") || has("mprage") {
        Some(if post && !has("pre") {
            Sequence::T1Post
        } else {
            Sequence::T1
        })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::{Acquisition, Affine, Geometry, SourceKind, Trust, Zyx};

    fn volume(size: Zyx<usize>, value: impl Fn(usize) -> f32) -> Volume {
        Volume {
            voxels: (0..size.count()).map(value).collect(),
            n_frames: 1,
            geometry: Geometry {
                size,
                affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
                orientation: Trust::Trusted,
                spacing: Trust::Trusted,
            },
            acquisition: Acquisition::default(),
            source: SourceKind::Nifti,
            warnings: Vec::new(),
        }
    }

    /// Values without relation to each other.
    fn noise(i: usize) -> f32 {
        let h = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((h ^ (h >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32
    }

    #[test]
    fn a_blank_and_noise_are_no_images() {
        let size = Zyx::new(3, 41, 37);
        let blank = no_image(&volume(size, |_| 7.0)).unwrap();
        assert!(blank.contains("blank"), "{blank}");
        let noisy = no_image(&volume(size, noise)).unwrap();
        assert!(noisy.contains("noise"), "{noisy}");
        // Smooth along one axis only, as a stack of thick slices: an image.
        assert_eq!(
            no_image(&volume(size, |i| noise(i / 37) + (i % 37) as f32)),
            None
        );
    }

    #[test]
    fn words_of_a_header_name_the_sequence() {
        let mut v = volume(Zyx::new(1, 2, 2), |i| i as f32);
        for (words, sequence) in [
            ("AX T1 POST GAD", Some(Sequence::T1Post)),
            ("T1 pre", Some(Sequence::T1)),
            ("t2 flair", Some(Sequence::Flair)),
            ("AX T2 TSE", Some(Sequence::T2)),
            ("localizer", None),
        ] {
            v.acquisition.description = Some(words.to_owned());
            assert_eq!(header_sequence(&v), sequence, "{words}");
        }
    }
}
