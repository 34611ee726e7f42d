//! The head phantom with its structures named: the same head, with hippocampi, on any plane and any number of slices.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::anatomy::Anatomy;
use super::head::HeadSpec;
use super::phantom::{Cut, Phantom, Sampler, sampled};
use crate::Result;

/// A structure of the head phantom; the discriminant is its value in [`DetailedHead::structures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum HeadStructure {
    /// Head of the hippocampus.
    AnteriorHippocampus = 1,
    /// Body and tail of the hippocampus.
    PosteriorHippocampus,
    /// Lateral ventricle with its plexus.
    LateralVentricle,
    /// Third ventricle.
    ThirdVentricle,
    /// Caudate nucleus.
    Caudate,
    /// Putamen.
    Putamen,
    /// Globus pallidus.
    Pallidum,
    /// Thalamus.
    Thalamus,
    /// Brain stem.
    BrainStem,
    /// Cerebellum.
    Cerebellum,
    /// Cortex of the cerebrum.
    CerebralCortex,
    /// White matter of the cerebrum.
    CerebralWhiteMatter,
}

impl HeadStructure {
    /// All structures by rising value.
    pub const ALL: [Self; 12] = [
        Self::AnteriorHippocampus,
        Self::PosteriorHippocampus,
        Self::LateralVentricle,
        Self::ThirdVentricle,
        Self::Caudate,
        Self::Putamen,
        Self::Pallidum,
        Self::Thalamus,
        Self::BrainStem,
        Self::Cerebellum,
        Self::CerebralCortex,
        Self::CerebralWhiteMatter,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnteriorHippocampus => "anterior hippocampus",
            Self::PosteriorHippocampus => "posterior hippocampus",
            Self::LateralVentricle => "lateral ventricle",
            Self::ThirdVentricle => "third ventricle",
            Self::Caudate => "caudate nucleus",
            Self::Putamen => "putamen",
            Self::Pallidum => "globus pallidus",
            Self::Thalamus => "thalamus",
            Self::BrainStem => "brain stem",
            Self::Cerebellum => "cerebellum",
            Self::CerebralCortex => "cerebral cortex",
            Self::CerebralWhiteMatter => "cerebral white matter",
        }
    }
}

/// A head with its structures.
#[derive(Debug, Clone, PartialEq)]
pub struct DetailedHead {
    /// Tissues; [`super::render()`] makes images of it.
    pub phantom: Phantom,
    /// [`HeadStructure`] at the centre of every voxel, 0 for none and inside tumours, `[z][y][x]`.
    pub structures: Vec<u8>,
    /// True on the patient's left of the head's own midline, `[z][y][x]`.
    pub left: Vec<bool>,
}

/// `n_z` slices `slice_mm` apart, the first at `cut`, of a head with hippocampi `hippocampus_scale` times the size of a typical
/// adult's. Away from the hippocampi the tissues are those of [`super::stack`].
///
/// # Errors
/// [`crate::Error::OutOfRange`] for an empty or huge grid, or voxels without a size.
pub fn detailed_stack(
    spec: &HeadSpec,
    hippocampus_scale: f32,
    cut: Cut,
    (n_z, slice_mm): (usize, f32),
    (n_y, n_x): (usize, usize),
) -> Result<DetailedHead> {
    let anatomy = Anatomy::with_hippocampi(spec, hippocampus_scale.clamp(0.3, 2.0));
    let phantom = sampled(&anatomy, spec, cut, (n_z, slice_mm), (n_y, n_x))?;
    let mut structures = vec![0u8; n_z * n_y * n_x];
    let mut left = vec![false; structures.len()];
    structures
        .par_chunks_mut(n_x)
        .zip(left.par_chunks_mut(n_x))
        .enumerate()
        .for_each(|(row, (structures, left))| {
            let at = Sampler {
                anatomy: &anatomy,
                spec,
                cut,
                offset: cut.offset_mm + (row / n_y) as f32 * slice_mm,
                n_y,
                n_x,
            };
            for (x, (structure, left)) in structures.iter_mut().zip(left).enumerate() {
                let p = at.position((row % n_y) as f32, x as f32);
                let q = at.undisturbed(p);
                let local = anatomy.local(p, q);
                *left = q[0] > 0.0;
                *structure = anatomy.structure(q, &local).map_or(0, |s| s as u8);
            }
        });
    for (structure, tumour) in structures.iter_mut().zip(&phantom.lesion_mask) {
        if *tumour {
            *structure = 0;
        }
    }
    Ok(DetailedHead {
        phantom,
        structures,
        left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::tissue::Tissue;
    use crate::simulate::{slice, stack};
    use omnimri_image::Plane;

    #[test]
    fn structures_lie_in_their_tissues_and_have_a_size() {
        let spec = HeadSpec::average(7);
        let cut = Cut {
            supersampling: 1,
            ..Cut::axial(-30.0, 2.0)
        };
        let head = detailed_stack(&spec, 1.0, cut, (30, 2.0), (80, 72)).unwrap();
        let ml = |s: HeadStructure| {
            head.structures.iter().filter(|v| **v == s as u8).count() as f32 * 8.0 / 1000.0
        };
        for (structure, range) in [
            (HeadStructure::AnteriorHippocampus, 1.5..5.0),
            (HeadStructure::PosteriorHippocampus, 1.5..5.0),
            (HeadStructure::LateralVentricle, 8.0..50.0),
            (HeadStructure::Thalamus, 6.0..20.0),
            (HeadStructure::Caudate, 3.0..14.0),
            (HeadStructure::Putamen, 4.0..16.0),
        ] {
            assert!(
                range.contains(&ml(structure)),
                "{structure:?} {}",
                ml(structure)
            );
        }
        let n = head.structures.len();
        let of = |s: HeadStructure, t: Tissue| {
            let all = (0..n).filter(|i| head.structures[*i] == s as u8);
            let same = all.clone().filter(|i| head.phantom.labels[*i] == t as u8);
            same.count() as f32 / all.count() as f32
        };
        assert!(of(HeadStructure::Thalamus, Tissue::DeepGrey) > 0.9);
        assert!(of(HeadStructure::CerebralWhiteMatter, Tissue::WhiteMatter) > 0.9);
        assert!(of(HeadStructure::AnteriorHippocampus, Tissue::GreyMatter) > 0.7);
    }

    #[test]
    fn planes_show_one_head() {
        let spec = HeadSpec::average(3);
        let axial = stack(&spec, Cut::axial(0.0, 2.0), 1, 1.0, 101, 101).unwrap();
        let cut = Cut {
            plane: Plane::Coronal,
            ..Cut::axial(0.0, 2.0)
        };
        let coronal = slice(&spec, cut, 101, 101).unwrap();
        // Both planes hold the line through the centre from right to left; the coronal one lies 12 mm lower.
        let (a, b) = (
            &axial.labels[50 * 101..51 * 101],
            &coronal.labels[44 * 101..45 * 101],
        );
        let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
        assert!(same > 85, "{same}");
    }
}
