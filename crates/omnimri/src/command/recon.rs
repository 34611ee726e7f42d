//! `omnimri recon`

use std::path::Path;
use std::process::ExitCode;

use num_complex::Complex32;
use omnimri_image::nifti::{write_nifti, write_nifti_complex};
use omnimri_image::{
    InputKind, Volume, detect, open, open_raw, write_cfl, write_npy_complex32, write_npy_f32,
    write_png_grey,
};
use omnimri_recon::Method;
use omnimri_workflow::{Error, scan};

use crate::cli::{Part, Recon};

/// Reconstructs one file.
pub fn run(args: &Recon) -> anyhow::Result<ExitCode> {
    let options = super::read_options(&args.kspace)?;
    // Refused before any work: a folder that is not there.
    for file in [Some(&args.out), args.uncertainty.as_ref()]
        .into_iter()
        .flatten()
    {
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|f| !f.is_dir()) {
            anyhow::bail!(
                "{}: expected an existing folder for --out, found none; make it first or choose another",
                folder.display()
            );
        }
    }
    if detect(&args.input)? != InputKind::KSpace {
        // A damaged file is that before it is of the wrong kind.
        open(&args.input, &options.open)?;
        return Err(Error::Kind {
            path: args.input.clone(),
            expected: "k-space",
            found: "an image".to_owned(),
            hint: "images need no reconstruction: use `omnimri read`",
        }
        .into());
    }
    let raw = open_raw(&args.input, &options.open)?;
    let needed = match args.dynamic {
        true => scan::bytes_needed_together(&raw.header),
        false => scan::bytes_needed(&raw.header),
    };
    scan::within(&raw.header, needed, args.memory)?;
    let engine = match options.method {
        Method::Omnimri => Some(super::engine(&args.model)?),
        _ => None,
    };
    let bar = super::counter(raw.len());
    let (method, recon) = (options.method, &options.recon);
    let progress = |done: usize| bar.set_position(done as u64);
    let made = match args.dynamic {
        true => scan::reconstruct_dynamic(&raw, recon, &progress),
        false => scan::reconstruct_scan(engine.as_ref(), &raw, method, recon, &progress),
    };
    bar.finish_and_clear();
    let made = made?;
    for w in &made.volume.warnings {
        eprintln!("warning: {w}");
    }
    write(&args.out, &made.volume, &made.complex, args.part)?;
    if let Some(file) = &args.uncertainty {
        let engine = engine.as_ref();
        let map = scan::noise_map(engine, &raw, method, recon, args.replicas, &args.input)?;
        let volume = Volume {
            voxels: map,
            n_frames: 1,
            ..made.volume.clone()
        };
        write(file, &volume, &[], Part::Magnitude)?;
    }
    let size = made.volume.geometry.size;
    let slices = if size.z > 1 {
        format!("{} x ", size.z)
    } else {
        String::new()
    };
    let frames = match made.volume.n_frames {
        1 => String::new(),
        n => format!(", {n} frames"),
    };
    let lambda = made
        .lambda
        .map_or(String::new(), |l| format!(", lambda {l:.3e}"));
    eprintln!(
        "{}: {slices}{} x {}{frames}, {} coil{}, {:.1}-fold undersampled, method {}{lambda} -> {}",
        args.input.display(),
        size.y,
        size.x,
        raw.header.n_coils,
        if raw.header.n_coils == 1 { "" } else { "s" },
        made.acceleration,
        made.method,
        args.out.display()
    );
    if let Some(why) = made.why {
        eprintln!("auto chose {}: {why}", made.method);
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes one part of an image in the format that the name says.
fn write(path: &Path, volume: &Volume, complex: &[Complex32], part: Part) -> anyhow::Result<()> {
    let name = path.to_string_lossy().to_lowercase();
    let size = volume.geometry.size;
    let shape: Vec<usize> = [volume.n_frames, size.z]
        .into_iter()
        .filter(|n| *n > 1)
        .chain([size.y, size.x])
        .collect();
    if part == Part::Complex {
        if name.ends_with(".npy") {
            write_npy_complex32(path, complex, &shape)?;
        } else if name.ends_with(".cfl") {
            write_cfl(path, complex, &shape)?;
        } else if name.ends_with(".png") {
            anyhow::bail!(
                "{}: expected .nii, .nii.gz, .npy or .cfl for a complex image, found .png; choose another name or part",
                path.display()
            );
        } else {
            write_nifti_complex(path, volume, complex)?;
        }
        return Ok(());
    }
    let phase;
    let volume = if part == Part::Phase {
        phase = Volume {
            voxels: complex.iter().map(|v| v.arg()).collect(),
            ..volume.clone()
        };
        &phase
    } else {
        volume
    };
    if name.ends_with(".npy") {
        write_npy_f32(path, &volume.voxels, &shape)?;
    } else if name.ends_with(".cfl") {
        let values: Vec<Complex32> = volume.voxels.iter().map(|v| Complex32::from(*v)).collect();
        write_cfl(path, &values, &shape)?;
    } else if name.ends_with(".png") {
        if size.z * volume.n_frames > 1 {
            eprintln!(
                "warning: A PNG holds one slice: the middle one of {} was written.",
                size.z
            );
        }
        write_png_grey(path, volume.slice(0, size.z / 2), size.x, size.y)?;
    } else {
        write_nifti(path, volume)?;
    }
    Ok(())
}
