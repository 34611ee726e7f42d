//! `omnimri recon`

use std::process::ExitCode;

use omnimri_image::nifti::write_nifti;
use omnimri_image::{Input, open, write_npy_f32, write_png_grey};
use omnimri_recon::Method;
use omnimri_workflow::{Error, kspace};

use crate::cli::Recon;

/// Reconstructs one file.
pub fn run(args: &Recon) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    let name = args.out.to_string_lossy().to_lowercase();
    // Refused before any work: a folder that is not there.
    let folder = args.out.parent().filter(|f| !f.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|f| !f.is_dir()) {
        anyhow::bail!(
            "{}: expected an existing folder for --out, found none; make it first or choose another",
            folder.display()
        );
    }
    let Input::KSpace(k) = open(&args.input, &options.open)? else {
        return Err(Error::Kind {
            path: args.input.clone(),
            expected: "k-space",
            found: "an image".to_owned(),
            hint: "images need no reconstruction: use `omnimri read`",
        }
        .into());
    };
    let engine = match options.method {
        Method::Omnimri => Some(super::engine(&args.model)?),
        _ => None,
    };
    let r = kspace::run(
        engine.as_ref(),
        &k,
        options.method,
        &options.recon,
        &args.input,
    )?;
    for w in k.warnings.iter().chain(&r.warnings) {
        eprintln!("warning: {w}");
    }
    if name.ends_with(".npy") {
        write_npy_f32(&args.out, &r.image, &[r.n_y, r.n_x])?;
    } else if name.ends_with(".png") {
        write_png_grey(&args.out, &r.image, r.n_x, r.n_y)?;
    } else {
        write_nifti(&args.out, &kspace::volume(&k, &r))?;
    }
    eprintln!(
        "{}: {} x {}, {} coils, {:.1}-fold undersampled, method {} -> {}",
        args.input.display(),
        r.n_y,
        r.n_x,
        k.n_coils,
        r.acceleration,
        r.method,
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}
