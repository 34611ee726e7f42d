//! The whole workflow on a scan simulated by `omnimri_recon::simulate`, compared with what was simulated.

use std::path::{Path, PathBuf};
use std::time::Instant;

use omnimri_image::nifti::write_nifti;
use omnimri_image::write_npy_complex32;
use omnimri_recon::simulate::{DemoScan, demo_scan};
use omnimri_recon::{Method, ReconOptions, Reconstruction};
use omnimri_report::result::ReconstructionInfo;
use omnimri_report::{ReconPictures, ResultDoc};
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::formats::Formats;
use crate::kspace;
use crate::read::Subject;
use crate::staged::{Staged, is_result_named};

/// The simulated k-space within the result folder.
const INPUT: &str = "kspace.npy";

/// One reconstruction of the demo against the simulated truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Method.
    pub method: String,
    /// Normalised root mean square error, after the best scale.
    pub nrmse: f64,
    /// Seconds.
    pub seconds: f64,
}

/// What the demo did.
#[derive(Debug, Clone)]
pub struct DemoOutcome {
    /// The result folder.
    pub folder: PathBuf,
    /// What was simulated, in words.
    pub description: String,
    /// Undersampling factor.
    pub acceleration: f64,
    /// Every method tried.
    pub reconstructions: Vec<Compared>,
    /// Dice of the outlined lesion against the simulated one; 0 if none was outlined.
    pub lesion_dice: f64,
    /// The result.
    pub result: ResultDoc,
}

/// Runs the demo with a seed; `say` is told each step.
///
/// # Errors
/// If the output folder cannot be written or the model fails.
pub fn run(engine: &Engine, out: &Path, seed: u64, say: impl Fn(&str)) -> Result<DemoOutcome> {
    let name = Path::new("demo scan");
    let recon_error = |source| Error::Reconstruct {
        path: name.to_owned(),
        source,
    };
    say("simulating a multi-coil brain scan with a lesion from tissue parameters");
    let scan = demo_scan(seed).map_err(recon_error)?;
    let staged = Staged::new(out, "demo")?;
    let k = &scan.kspace;
    let input = staged.fresh.join(INPUT);
    staged.fill(|_| {
        Ok(write_npy_complex32(
            &input,
            &k.samples,
            &[k.n_coils, k.n_y, k.n_x],
        )?)
    })?;
    let mut reconstructions = Vec::new();
    let mut images: Vec<Reconstruction> = Vec::new();
    for method in [Method::ZeroFilled, Method::L1Wavelet, Method::Omnimri] {
        say(&format!("reconstructing: {}", method.name()));
        let started = Instant::now();
        let r = kspace::run(Some(engine), k, method, &ReconOptions::default(), name)?;
        reconstructions.push(Compared {
            method: r.method.clone(),
            nrmse: nrmse(&r.image, &scan.truth_image),
            seconds: started.elapsed().as_secs_f64(),
        });
        images.push(r);
    }
    say("looking, outlining, measuring, writing and checking the report");
    let started = Instant::now();
    // `auto` never picks the learned method: the report rests on the conventional image.
    let read = &images[1];
    let volume = demo_volume(&scan, read);
    staged.fill(|fresh| Ok(write_nifti(&fresh.join("reconstruction.nii.gz"), &volume)?))?;
    let pictures = ReconPictures {
        zero_filled: images[0].image.clone(),
        reconstructed: read.image.clone(),
        n_y: read.n_y,
        n_x: read.n_x,
    };
    let info = ReconstructionInfo {
        method: read.method.clone(),
        acceleration: read.acceleration,
    };
    let bytes = std::fs::read(&input).map_err(|source| Error::Output {
        path: input.clone(),
        source,
    })?;
    let sha256 = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let subject = Subject {
        volume: &volume,
        reconstruction: Some((info, pictures)),
        path: Path::new(INPUT),
        sha256,
        formats: Formats::default(),
    };
    let result = staged.fill(|fresh| engine.read_volume(&subject, fresh, started))?;
    let lesion_dice = lesion_dice(&staged.fresh, &result, &scan)?;
    let folder = staged.finish(|earlier| is_result_named(earlier, INPUT))?;
    Ok(DemoOutcome {
        folder,
        description: scan.description,
        acceleration: read.acceleration,
        reconstructions,
        lesion_dice,
        result,
    })
}

/// The reconstruction with the geometry that was simulated.
fn demo_volume(scan: &DemoScan, r: &Reconstruction) -> omnimri_image::Volume {
    let mut volume = kspace::volume(&scan.kspace, r);
    volume.geometry = scan.geometry.clone();
    volume.acquisition.modality = Some("MR".to_owned());
    volume.acquisition.description = Some("Simulated T1 post contrast".to_owned());
    volume.acquisition.plane = omnimri_image::plane_of(&volume.geometry);
    volume
}

fn nrmse(image: &[f32], truth: &[f32]) -> f64 {
    let (mut xx, mut xt, mut tt) = (0.0f64, 0.0f64, 0.0f64);
    for (x, t) in image.iter().zip(truth) {
        let (x, t) = (f64::from(*x), f64::from(*t));
        (xx, xt, tt) = (xx + x * x, xt + x * t, tt + t * t);
    }
    if xx <= 0.0 || tt <= 0.0 {
        return f64::NAN;
    }
    // |a x - t|^2 / |t|^2 at the best a = <x, t> / <x, x>.
    ((tt - xt * xt / xx).max(0.0) / tt).sqrt()
}

fn lesion_dice(folder: &Path, result: &ResultDoc, scan: &DemoScan) -> Result<f64> {
    let values: Vec<u8> = result.findings.iter().filter_map(|f| f.value).collect();
    if values.is_empty() {
        return Ok(0.0);
    }
    let png = folder.join("segmentation.png");
    let path = if png.exists() {
        png
    } else {
        folder.join("segmentation.nii.gz")
    };
    let labels = match omnimri_image::open(&path, &omnimri_image::OpenOptions::default())? {
        omnimri_image::Input::Volumes(v) => {
            v.into_iter().next().map(|v| v.voxels).unwrap_or_default()
        }
        omnimri_image::Input::KSpace(_) => Vec::new(),
    };
    let (mut both, mut sum) = (0usize, 0usize);
    for (l, t) in labels.iter().zip(&scan.lesion_mask) {
        let found = values.iter().any(|v| f32::from(*v) == *l);
        both += usize::from(found && *t);
        sum += usize::from(found) + usize::from(*t);
    }
    Ok(if sum == 0 {
        1.0
    } else {
        2.0 * both as f64 / sum as f64
    })
}
