//! Experiments.
use num_complex::Complex32;
use omnimri_image::*;
use omnimri_recon::calibration::*;
use omnimri_recon::sparse::*;
use omnimri_recon::zero_filled::*;
use std::path::Path;
use std::time::Instant;

fn env(name: &str, default: f32) -> f32 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (cases, out) = (&args[1], &args[2]);
    std::fs::create_dir_all(out).unwrap();
    let mut dirs: Vec<_> = std::fs::read_dir(cases)
        .unwrap()
        .map(|d| d.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    dirs.sort();
    for d in dirs {
        let mut masks: Vec<_> = std::fs::read_dir(&d)
            .unwrap()
            .map(|d| d.unwrap().path())
            .filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("mask"))
            .collect();
        masks.sort();
        for m in masks {
            let options = KSpaceOptions {
                axes: Some(vec!["coil".into(), "x".into(), "y".into()]),
                mask: Some(m.clone()),
            };
            let mut k = read_kspace_npy(&d.join("kspace.npy"), &options).unwrap();
            let mut w = None;
            if d.join("noise.npy").exists() {
                let NpyData::Complex32(noise) =
                    read_npy(&d.join("noise.npy"), &OpenOptions::default())
                        .unwrap()
                        .data
                else {
                    panic!()
                };
                let white = Whitening::from_noise_scan(&noise, k.n_coils).unwrap();
                white.apply(&mut k.samples);
                w = Some(white);
            }
            let t0 = Instant::now();
            let mut o = SparseOptions::default();
            o.rounds = env("ROUNDS", o.rounds as f32) as usize;
            o.round_iterations = env("ITS0", o.round_iterations as f32) as usize;
            o.max_iterations = env("ITS", o.max_iterations as f32) as usize;
            o.tolerance = env("TOL", o.tolerance as f32) as f64;
            o.imaginary = env("IMAG", o.imaginary);
            o.phase_deviation = env("PHASE", o.phase_deviation);
            o.support_deviation = env("BLUR", o.support_deviation);
            o.support_floor = env("TAU", o.support_floor);
            let s = if env("SENSE", 0.0) > 0.0 {
                omnimri_recon::sense::sense(&k, &Default::default()).unwrap()
            } else {
                sparse(&k, &o).unwrap()
            };
            let dt = t0.elapsed().as_secs_f64();
            let n = k.n_y * k.n_x;
            let mut coils: Vec<Complex32> = s.operator.coil_images(&s.initial);
            if let Some(w) = &w {
                w.undo(&mut coils);
            }
            let img = root_sum_of_squares(&coils, n);
            let name = d.file_name().unwrap().to_string_lossy().to_string();
            write_npy_f32(
                Path::new(&format!(
                    "{out}/{name}__{}.npy",
                    m.file_stem().unwrap().to_string_lossy()
                )),
                &img,
                &[k.n_y, k.n_x],
            )
            .unwrap();
            eprintln!(
                "{name} {} {dt:.2} s its {} sigma {} lambda {}",
                m.display(),
                s.iterations,
                s.noise_variance.sqrt(),
                s.lambda
            );
        }
    }
}
