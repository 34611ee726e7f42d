//! Writes simulated heads as PGM pictures: `phantom_pgm OUT_DIR SEED...`
//!
//! For each seed an axial slice in four contrasts with its tumour, and coronal and sagittal cuts.

use std::error::Error;
use std::path::Path;

use omnimri_image::Plane;
use omnimri_recon::simulate::phantom::{Cut, slice};
use omnimri_recon::simulate::{HeadSpec, Sequence, demo, render};

fn write(path: &Path, image: &[f32], n_y: usize, n_x: usize) -> Result<(), Box<dyn Error>> {
    let mut sorted: Vec<f32> = image.to_vec();
    sorted.sort_by(f32::total_cmp);
    let top = sorted[sorted.len() * 997 / 1000].max(1e-9);
    let mut bytes = format!("P5\n{n_x} {n_y}\n255\n").into_bytes();
    bytes.extend(
        image
            .iter()
            .map(|v| (v / top * 255.0).clamp(0.0, 255.0) as u8),
    );
    Ok(std::fs::write(path, bytes)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("usage: phantom_pgm OUT_DIR SEED...")?;
    let out = Path::new(&out);
    std::fs::create_dir_all(out)?;
    for seed in args {
        let seed: u64 = seed.parse()?;
        let contrasts = [
            ("t1post", Sequence::t1_post()),
            ("t1", Sequence::t1()),
            ("t2", Sequence::t2()),
            ("flair", Sequence::flair()),
        ];
        let start = std::time::Instant::now();
        let spec = HeadSpec::random(seed);
        let head = slice(&spec, Cut::axial(spec.slice_offset_mm(), 1.2), 192, 192)?;
        let image = render(&head, &Sequence::t1_post());
        let took = start.elapsed();
        eprintln!(
            "seed {seed}: {took:?} {:?}",
            spec.lesion.as_ref().map(|l| l.kind)
        );
        write(&out.join(format!("random_{seed}.pgm")), &image, 192, 192)?;
        let spec = demo::demo_head(seed);
        for (plane, offset_mm) in [
            (Plane::Axial, 9.0),
            (Plane::Coronal, 10.0),
            (Plane::Sagittal, 2.0),
            (Plane::Axial, 40.0),
        ] {
            let cut = Cut {
                plane,
                offset_mm,
                pixel_mm: 0.9,
                supersampling: 3,
            };
            let head = slice(&spec, cut, 256, 256)?;
            for (name, sequence) in contrasts {
                let file = format!("demo_{seed}_{}_{offset_mm}_{name}.pgm", plane.name());
                write(&out.join(file), &render(&head, &sequence), 256, 256)?;
            }
        }
    }
    Ok(())
}
