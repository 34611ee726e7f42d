//! Reconstructs one file as the command line does, without the model: `recon_case INPUT METHOD OUT.npy [MASK.npy [NOISE.npy]]`
//!
//! An array INPUT is `(coil, y, x)`. For measuring time and memory of the engine alone; `-` for MASK where zeros tell.

use std::error::Error;
use std::path::{Path, PathBuf};

use omnimri_image::npy::{NpyData, read_npy, write_npy_f32};
use omnimri_image::{KSpaceOptions, OpenOptions, open_raw};
use omnimri_recon::frame::reconstruct_frame;
use omnimri_recon::{ReconOptions, reconstruct};

// The allocator of the program, whose peaks differ from those of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, method, out, rest @ ..] = args.as_slice() else {
        return Err("usage: recon_case INPUT METHOD OUT.npy [MASK.npy [NOISE.npy]]".into());
    };
    let is_array = input.ends_with(".npy");
    let open = OpenOptions {
        kspace: KSpaceOptions {
            axes: is_array.then(|| ["coil", "y", "x"].map(str::to_owned).to_vec()),
            mask: rest.first().filter(|m| *m != "-").map(PathBuf::from),
        },
        ..OpenOptions::default()
    };
    let noise = match rest.get(1) {
        Some(path) => match read_npy(Path::new(path), &OpenOptions::default())?.data {
            NpyData::Complex32(values) => Some(values),
            _ => return Err(format!("{path}: expected a complex64 noise scan").into()),
        },
        None => None,
    };
    let options = ReconOptions {
        noise,
        ..ReconOptions::default()
    };
    let method = method.parse()?;
    let scan = open_raw(Path::new(input), &open)?;
    let made = reconstruct_frame::<omnimri_recon::Error>(
        scan.frame(0)?,
        &scan.header,
        method,
        &options,
        &|kspace, options| reconstruct(kspace, method, options),
        &|_| Err(omnimri_recon::Error::NeedsModel { found: "omnimri" }),
    )?;
    let image: Vec<f32> = made.image.iter().map(|v| v.norm()).collect();
    write_npy_f32(
        Path::new(out),
        &image,
        &[made.size.z, made.size.y, made.size.x],
    )?;
    eprintln!(
        "{}, lambda {:?}, {} iterations, {:?}",
        made.method,
        made.lambda,
        made.iterations.unwrap_or(0),
        made.warnings
    );
    Ok(())
}
