//! Writes the frames of a Siemens TWIX file as `.npy`, for comparison with other tools.
//!
//! `twix_dump INPUT OUT_FOLDER` writes `frame_0.npy`, ... of shape `(coil, y, x)` or `(coil, z, y, x)` and `noise.npy`
//! of shape `(coil, sample)`, and prints a line of JSON for the header and for each frame.

use std::io::Write;
use std::path::Path;

use omnimri_image::raw::{FrameData, RawScan, read_twix};
use omnimri_image::{OpenOptions, write_npy_complex32};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out] = arguments.as_slice() else {
        return Err("usage: twix_dump INPUT OUT_FOLDER".into());
    };
    let scan = read_twix(Path::new(input), &OpenOptions::default())?;
    dump(&scan, Path::new(out))
}

fn dump(scan: &RawScan, out: &Path) -> Outcome<()> {
    let mut stdout = std::io::stdout().lock();
    let h = &scan.header;
    writeln!(
        stdout,
        "{}",
        serde_json::json!({
            "format": h.format,
            "n_coils": h.n_coils,
            "encoded": [h.encoded.z, h.encoded.y, h.encoded.x],
            "recon": [h.recon.z, h.recon.y, h.recon.x],
            "encoded_fov_mm": h.encoded_fov_mm.map(|f| [f.z, f.y, f.x]),
            "acquisition": h.acquisition,
            "warnings": h.warnings,
        })
    )?;
    if let Some(noise) = &h.noise {
        let shape = [h.n_coils, noise.n_samples];
        write_npy_complex32(&out.join("noise.npy"), &noise.samples, &shape)?;
    }
    for index in 0..scan.len() {
        let frame = scan.frame(index)?;
        let (samples, shape) = match &frame.data {
            FrameData::Cartesian(k) => (&k.samples, vec![k.n_coils, k.n_y, k.n_x]),
            FrameData::Cartesian3(k) => (&k.samples, vec![k.n_coils, k.size.z, k.size.y, k.size.x]),
            _ => return Err("not Cartesian".into()),
        };
        write_npy_complex32(&out.join(format!("frame_{index}.npy")), samples, &shape)?;
        let label = &h.frames[index];
        writeln!(
            stdout,
            "{}",
            serde_json::json!({
                "frame": index,
                "slice": label.slice,
                "contrast": label.contrast,
                "phase": label.phase,
                "repetition": label.repetition,
                "set": label.set,
                "position": label.position.map(|p| [p.centre_mm, p.read, p.phase, p.slice]),
                "n_navigators": frame.epi.as_ref().map(|e| e.navigators.len()),
                "n_reversed": frame.epi.as_ref().map(|e| e.reversed.iter().filter(|r| **r).count()),
                "regrid": frame.epi.as_ref().and_then(|e| e.regrid).map(|r| format!("{r:?}")),
                "calibration": frame.calibration.is_some(),
                "warnings": frame.warnings,
            })
        )?;
    }
    Ok(())
}
