//! Prints or writes what was read, for comparison with other tools.
//!
//! `dump OUT INPUT...` writes the voxels of each input one after another to `OUT` as little-endian
//! float32 and prints a JSON line each: path, shape `[frame, z, y, x]`, affine. `dump --time
//! REPEATS INPUT...` only reads, and prints the seconds that one pass over all inputs took, best of
//! all repeats.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use omnimri_image::{Input, OpenOptions, Volume, open};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [flag, repeats, inputs @ ..] if flag == "--time" => time(repeats, inputs),
        [out, inputs @ ..] if !inputs.is_empty() => dump(Path::new(out), inputs),
        _ => Err("usage: dump OUT INPUT... | dump --time REPEATS INPUT...".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn volumes(path: &str) -> Outcome<Vec<Volume>> {
    match open(Path::new(path), &OpenOptions::default())? {
        Input::Volumes(volumes) => Ok(volumes),
        Input::KSpace(_) => Err(format!("{path}: k-space has no voxels").into()),
    }
}

fn dump(out: &Path, inputs: &[String]) -> Outcome<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut stdout = std::io::stdout().lock();
    for path in inputs {
        for v in volumes(path)? {
            for voxel in &v.voxels {
                file.write_all(&voxel.to_le_bytes())?;
            }
            let s = v.geometry.size;
            let line = serde_json::json!({
                "path": path,
                "shape": [v.n_frames, s.z, s.y, s.x],
                "affine": v.geometry.affine,
                "description": v.acquisition.description,
                "series_uid": v.acquisition.series_uid,
                "warnings": v.warnings,
            });
            writeln!(stdout, "{line}")?;
        }
    }
    file.flush()?;
    Ok(())
}

fn time(repeats: &str, inputs: &[String]) -> Outcome<()> {
    let mut best = f64::INFINITY;
    for _ in 0..repeats.parse::<usize>()? {
        let start = Instant::now();
        let mut n = 0;
        for path in inputs {
            n += volumes(path)?.iter().map(|v| v.voxels.len()).sum::<usize>();
        }
        if n == 0 {
            return Err("nothing was read".into());
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    writeln!(std::io::stdout(), "{best}")?;
    Ok(())
}
