//! Writes what was read of raw data, for comparison with other tools.
//!
//! `raw_dump OUT INPUT [--axes NAMES] [--mask FILE] [--trajectory FILE] [--matrix SIZES] [--array NAME]` writes, for frame `i`,
//! `OUT/samples_i.npy` with `OUT/mask_i.npy` or `OUT/coord_i.npy`, then `OUT/noise.npy`, and prints the header as JSON.
//! `raw_dump --try INPUT...` reads everything and prints one line an input: what it holds, or the error.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use omnimri_image::{
    FrameData, NonCartesian, OpenOptions, RawScan, open_raw, write_npy_bool, write_npy_complex32,
    write_npy_f32,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [flag, inputs @ ..] if flag == "--try" => attempt(inputs),
        [out, input, rest @ ..] => dump(Path::new(out), Path::new(input), rest),
        _ => Err("usage: raw_dump OUT INPUT [OPTIONS] | raw_dump --try INPUT...".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(rest: &[String]) -> Outcome<OpenOptions> {
    let mut options = OpenOptions::default();
    for pair in rest.chunks(2) {
        let [name, value] = pair else {
            return Err("an option without its value".into());
        };
        let list = || value.split(',').map(str::to_string);
        match name.as_str() {
            "--axes" => options.kspace.axes = Some(list().collect()),
            "--mask" => options.kspace.mask = Some(value.into()),
            "--trajectory" => options.raw.trajectory = Some(value.into()),
            "--matrix" => {
                options.raw.matrix = list().map(|n| n.parse()).collect::<Result<_, _>>()?
            }
            "--array" => options.raw.array = Some(value.clone()),
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(options)
}

fn dump(out: &Path, input: &Path, rest: &[String]) -> Outcome<()> {
    let scan = open_raw(input, &options(rest)?)?;
    let mut frame_warnings = Vec::new();
    for index in 0..scan.len() {
        let frame = scan.frame(index)?;
        frame_warnings.push(frame.warnings);
        let at = |name: &str| out.join(format!("{name}_{index}.npy"));
        match frame.data {
            FrameData::Cartesian(k) => {
                write_npy_complex32(&at("samples"), &k.samples, &[k.n_coils, k.n_y, k.n_x])?;
                write_npy_bool(&at("mask"), &k.mask, &[k.n_y, k.n_x])?;
            }
            FrameData::Cartesian3(k) => {
                let s = k.size;
                write_npy_complex32(&at("samples"), &k.samples, &[k.n_coils, s.z, s.y, s.x])?;
                write_npy_bool(&at("mask"), &k.mask, &[s.z, s.y, s.x])?;
            }
            FrameData::NonCartesian(k) => {
                let NonCartesian {
                    n_coils,
                    n_readouts,
                    n_samples,
                    ..
                } = k;
                write_npy_complex32(
                    &at("samples"),
                    &k.samples,
                    &[n_coils, n_readouts, n_samples],
                )?;
                let coord: Vec<f32> = k.coord.concat();
                write_npy_f32(&at("coord"), &coord, &[n_readouts, n_samples, 3])?;
                if let Some(density) = k.density {
                    write_npy_f32(&at("density"), &density, &[n_readouts, n_samples])?;
                }
            }
            _ => return Err("a kind of frame that this example does not know".into()),
        }
    }
    if let Some(noise) = &scan.header.noise {
        let shape = [scan.header.n_coils, noise.n_samples];
        write_npy_complex32(&out.join("noise.npy"), &noise.samples, &shape)?;
    }
    writeln!(std::io::stdout(), "{}", json(&scan, &frame_warnings))?;
    Ok(())
}

fn json(scan: &RawScan, frame_warnings: &[Vec<String>]) -> serde_json::Value {
    let h = &scan.header;
    let labels: Vec<_> = h
        .frames
        .iter()
        .map(|f| {
            serde_json::json!({
                "slice": f.slice, "contrast": f.contrast, "phase": f.phase, "repetition": f.repetition, "set": f.set,
                "position": f.position.map(|p| [p.centre_mm, p.read, p.phase, p.slice]),
            })
        })
        .collect();
    serde_json::json!({
        "format": h.format,
        "n_coils": h.n_coils,
        "encoded": h.encoded,
        "recon": h.recon,
        "encoded_fov_mm": h.encoded_fov_mm,
        "recon_fov_mm": h.recon_fov_mm,
        "frames": labels,
        "acquisition": h.acquisition,
        "warnings": h.warnings,
        "frame_warnings": frame_warnings,
    })
}

fn attempt(inputs: &[String]) -> Outcome<()> {
    let mut stdout = std::io::stdout().lock();
    for path in inputs {
        let read = open_raw(Path::new(path), &OpenOptions::default()).and_then(|scan| {
            for index in 0..scan.len() {
                scan.frame(index)?;
            }
            Ok(scan.len())
        });
        match read {
            Ok(n) => writeln!(stdout, "ok {n} frames {path}")?,
            Err(error) => writeln!(stdout, "error {error}")?,
        }
    }
    Ok(())
}
