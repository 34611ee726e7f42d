//! Writes images of the first frame of a Siemens echo-planar file as PNG: as measured, regridded, and corrected.
//!
//! `epi_png INPUT.dat OUT_FOLDER` writes `measured.png`, `regridded.png`, `navigators.png` and `entropy.png`, four times
//! too bright so that ghosts show.

use std::path::Path;

use omnimri_image::raw::{EpiInfo, FrameData, read_twix};
use omnimri_image::{KSpace, OpenOptions, write_png_grey};
use omnimri_recon::{CentredFft, epi};

const BRIGHTNESS: f32 = 4.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out] = arguments.as_slice() else {
        return Err("usage: epi_png INPUT.dat OUT_FOLDER".into());
    };
    let frame = read_twix(Path::new(input), &OpenOptions::default())?.frame(0)?;
    let (FrameData::Cartesian(kspace), Some(info)) = (frame.data, frame.epi) else {
        return Err(format!("{input}: not an echo-planar slice").into());
    };
    let show = |name: &str, info: Option<EpiInfo>| -> Outcome<()> {
        let mut kspace = kspace.clone();
        if let Some(info) = info {
            let done = epi::correct(&mut kspace, &info)?;
            eprintln!("{name}: {done:?}");
        }
        save(&kspace, &Path::new(out).join(name))
    };
    show("measured.png", None)?;
    let reversed = vec![false; kspace.n_y];
    show(
        "regridded.png",
        Some(EpiInfo {
            reversed,
            ..info.clone()
        }),
    )?;
    let navigators = Vec::new();
    show(
        "entropy.png",
        Some(EpiInfo {
            navigators,
            ..info.clone()
        }),
    )?;
    show("navigators.png", Some(info))
}

fn save(kspace: &KSpace, path: &Path) -> Outcome<()> {
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let mut images = kspace.samples.clone();
    CentredFft::new(&[n_y, n_x]).inverse(&mut images);
    let mut image = vec![0.0_f32; n_y * n_x];
    for coil in images.chunks(n_y * n_x) {
        for (sum, v) in image.iter_mut().zip(coil) {
            *sum = sum.hypot(v.norm());
        }
    }
    let peak = image.iter().copied().fold(0.0, f32::max);
    for v in &mut image {
        *v = (*v / peak * BRIGHTNESS).min(1.0);
    }
    write_png_grey(path, &image, n_x, n_y)?;
    Ok(())
}
