//! One slice of k-space to an image by the method asked for.

use std::path::Path;

use num_complex::Complex32;
use omnimri_image::{Acquisition, Affine, Geometry, KSpace, SourceKind, Trust, Volume, Zyx};
use omnimri_model::sense::outside_training;
use omnimri_recon::reconstruct::{Solver, of_solution};
use omnimri_recon::{Method, MultiCoil, ReconOptions, Reconstruction, reconstruct};

use crate::engine::Engine;
use crate::error::{Error, Result};

/// Reconstructs with any method; the learned one by the engine's model.
///
/// # Errors
/// [`Error::Reconstruct`] naming the input.
pub fn run(
    engine: Option<&Engine>,
    kspace: &KSpace,
    method: Method,
    options: &ReconOptions,
    path: &Path,
) -> Result<Reconstruction> {
    let fail = |source| Error::Reconstruct {
        path: path.to_owned(),
        source,
    };
    match (method, engine) {
        (Method::Omnimri, Some(engine)) => learned(engine, kspace, options, path),
        _ => reconstruct(kspace, method, options).map_err(fail),
    }
}

fn learned(
    engine: &Engine,
    kspace: &KSpace,
    options: &ReconOptions,
    path: &Path,
) -> Result<Reconstruction> {
    let fail = |source| Error::Reconstruct {
        path: path.to_owned(),
        source,
    };
    // The learned reconstruction refines the conventional one.
    let solver = Solver {
        method: Method::L1Wavelet,
        options: options.clone(),
    };
    let (setup, basis) = solver.setup(kspace).map_err(fail)?;
    let measured = basis.solved(kspace.samples.clone());
    let problem = MultiCoil::of_grid(&setup, measured).map_err(fail)?;
    let image = refine(engine, &problem, path)?;
    let name = Method::Omnimri.name();
    let mut made = of_solution(kspace, &setup, &image, &basis, name);
    made.warnings.extend(cautions(&problem, Method::L1Wavelet));
    Ok(made)
}

/// The learned method on a conventional image.
///
/// # Errors
/// [`Error::Model`] naming the input.
pub fn refine(engine: &Engine, problem: &MultiCoil, path: &Path) -> Result<Vec<Complex32>> {
    let refined = engine.predictor().reconstruct(problem);
    refined.map_err(|source| Error::Model {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// What to say beside every image of the learned method, which started from that of `conventional`.
pub fn cautions(problem: &MultiCoil, conventional: Method) -> Vec<String> {
    let compare = format!(
        "Reconstructed by the learned method: compare with `--method {}` before relying on fine detail.",
        conventional.name()
    );
    std::iter::once(compare)
        .chain(outside_training(problem))
        .collect()
}

/// The reconstructed slice as a volume; k-space without a header says nothing of geometry.
pub fn volume(kspace: &KSpace, reconstruction: &Reconstruction) -> Volume {
    let untrusted = || Trust::Untrusted("the k-space file carries no geometry".to_owned());
    let mut warnings = kspace.warnings.clone();
    warnings.extend(reconstruction.warnings.iter().cloned());
    Volume {
        voxels: reconstruction.image.clone(),
        n_frames: 1,
        geometry: Geometry {
            size: Zyx::new(1, reconstruction.n_y, reconstruction.n_x),
            affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
            orientation: untrusted(),
            spacing: untrusted(),
        },
        acquisition: Acquisition::default(),
        source: SourceKind::KSpace,
        warnings,
    }
}
