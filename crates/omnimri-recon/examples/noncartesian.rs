//! Reconstructs a case folder: `noncartesian CASE OUT.npy [gridding|sense|tv] [lambda|auto] [delays|no-delays|true]`;
//! `true` takes `coord_true.npy`.
//!
//! The folder holds `samples.npy` `[coil][readout][sample]` and `coord.npy` `[readout][sample][z, y, x]` in cycles per field of view, and
//! `ref.npy` whose shape is the matrix, as `tools/bench/radial_cases.py` writes them.

use std::path::Path;
use std::time::Instant;

use omnimri_image::npy::{NpyData, read_npy, write_npy_complex32};
use omnimri_image::{NonCartesian, OpenOptions, Zyx};
use omnimri_recon::noncartesian::{
    DelayCorrection, NonCartesianMethod, NonCartesianOptions, reconstruct,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let word = |i: usize| args.get(i).map_or("", String::as_str);
    let case = Path::new(word(0));
    let read = |name: &str| read_npy(&case.join(name), &OpenOptions::default());
    let (samples, coord, reference) = (
        read("samples.npy")?,
        read(if word(4) == "true" {
            "coord_true.npy"
        } else {
            "coord.npy"
        })?,
        read("ref.npy")?,
    );
    let (NpyData::Complex32(values), NpyData::F32(positions)) = (&samples.data, &coord.data) else {
        return Err("samples must be complex64 and coordinates float32".into());
    };
    let data = NonCartesian {
        samples: values.clone(),
        n_coils: samples.shape[0],
        n_readouts: samples.shape[1],
        n_samples: samples.shape[2],
        coord: positions
            .chunks_exact(3)
            .map(|k| [k[0], k[1], k[2]])
            .collect(),
        size: Zyx {
            z: 1,
            y: reference.shape[0],
            x: reference.shape[1],
        },
        density: None,
    };
    let options = NonCartesianOptions {
        method: match word(2) {
            "gridding" => NonCartesianMethod::Gridding,
            "sense" => NonCartesianMethod::IterativeSense,
            _ => NonCartesianMethod::TotalVariation,
        },
        lambda: word(3).parse().ok(),
        delays: if word(4) == "delays" {
            DelayCorrection::Auto
        } else {
            DelayCorrection::Off
        },
        ..NonCartesianOptions::default()
    };
    let start = Instant::now();
    let out = reconstruct(&data, &options)?;
    eprintln!(
        "{:.2} s, {} iterations, lambda {:?}, noise {:.5}, delays {:?}, {:?}",
        start.elapsed().as_secs_f64(),
        out.iterations,
        out.lambda,
        out.noise_variance.sqrt(),
        out.delays,
        out.warnings
    );
    write_npy_complex32(Path::new(word(1)), &out.image, &[out.size.y, out.size.x])?;
    Ok(())
}
