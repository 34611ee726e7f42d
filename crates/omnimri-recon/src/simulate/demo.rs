//! The scan of `omnimri demo`.

use num_complex::Complex32;
use omnimri_image::{Geometry, KSpace};

use super::acquire::{acquire, coil_maps_birdcage};
use super::head::HeadSpec;
use super::lesion::{Enhancement, LesionKind, LesionSpec};
use super::phantom::{Cut, Phantom, slice};
use super::render::render;
use super::signal::Sequence;
use crate::Result;
use crate::sampling::{LinePattern, PhaseAxis, equispaced};

/// A simulated examination and its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoScan {
    /// What the scanner measured.
    pub kspace: KSpace,
    /// The image without noise and undersampling, magnitude `[y][x]`.
    pub truth_image: Vec<f32>,
    /// The tumour, `[y][x]`.
    pub lesion_mask: Vec<bool>,
    /// The phantom, with the label of every tissue.
    pub phantom: Phantom,
    /// Grid and affine of the slice.
    pub geometry: Geometry,
    /// What was simulated, in one sentence.
    pub description: String,
}

/// An axial T1-weighted slice after contrast agent through a ring-enhancing tumour: 8 coils, 256 x 256, every fourth line and a
/// full centre, complex noise.
///
/// # Errors
/// None for any seed; the signature leaves room for scans read from files.
pub fn demo_scan(seed: u64) -> Result<DemoScan> {
    const N: usize = 256;
    const PIXEL_MM: f32 = 0.9;
    const N_COILS: usize = 8;
    let spec = demo_head(seed);
    let cut = Cut {
        supersampling: 3,
        ..Cut::axial(9.0, PIXEL_MM)
    };
    let phantom = slice(&spec, cut, N, N)?;
    let truth_image = render(&phantom, &Sequence::t1_post());
    // A slow phase across the slice, as off-resonance leaves it.
    let image: Vec<Complex32> = truth_image
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let (y, x) = (
                (i / N) as f32 / N as f32 - 0.5,
                (i % N) as f32 / N as f32 - 0.5,
            );
            Complex32::from_polar(*v, 0.8 * x - 1.4 * y + 2.0 * x * y + 1.1 * y * y)
        })
        .collect();
    let maps = coil_maps_birdcage(N_COILS, N, N, seed);
    let pattern = LinePattern {
        axis: PhaseAxis::X,
        acceleration: 4.0,
        n_centre: 22,
        seed,
    };
    let mask = equispaced(N, N, &pattern)?;
    let mean = truth_image.iter().sum::<f32>() / truth_image.len() as f32;
    let kspace = acquire(&image, &maps, &mask, 0.06 * mean, seed)?;
    let description = format!(
        "Simulated axial contrast-enhanced T1-weighted spin echo (500/12 ms, 1.5 T) of a head with a ring-enhancing tumour: \
         {N_COILS} coils, {N} x {N}, {PIXEL_MM} mm, {:.1}-fold undersampled.",
        mask.acceleration()
    );
    let geometry = phantom.geometry();
    let lesion_mask = phantom.lesion_mask.clone();
    Ok(DemoScan {
        kspace,
        truth_image,
        lesion_mask,
        phantom,
        geometry,
        description,
    })
}

/// The head of the demo: average, with a glioma-like tumour in the patient's left hemisphere.
pub fn demo_head(seed: u64) -> HeadSpec {
    HeadSpec {
        csf_mm: 2.6,
        sulcus_mm: 0.8,
        rotation_deg: [-3.0, 1.0, 1.5],
        offset_mm: [0.0, 2.0, 0.0],
        bias: 0.15,
        lesion: Some(LesionSpec {
            kind: LesionKind::GliomaLike,
            centre: [0.47, 0.36, 0.14],
            radius_mm: 16.0,
            irregularity: 0.75,
            enhancement: Enhancement::Ring,
            rim_mm: 3.4,
            oedema_mm: 13.0,
        }),
        ..HeadSpec::average(seed)
    }
}
