//! Writes two made-up reports, to look at the page without a model: `cargo run --example made_up -- OUT`.

use std::path::PathBuf;

use omnimri_image::Zyx;
use omnimri_report::result::ReconstructionInfo;
use omnimri_report::{Pictures, Result, write_report};

#[path = "../tests/it/made_up.rs"]
mod made_up;

fn main() -> Result<()> {
    let out = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("made-up"), PathBuf::from);
    let (volume, labels) = made_up::head(Zyx::new(1, 256, 232), false);
    let doc = made_up::result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    write_report(&out.join("slice"), &doc, &pictures)?;

    let (volume, labels) = made_up::head(Zyx::new(21, 224, 192), true);
    let mut doc = made_up::result(&volume, &labels);
    doc.reconstruction = Some(ReconstructionInfo {
        method: "omnimri".to_owned(),
        acceleration: 4.0,
    });
    let recon = made_up::reconstruction(&volume);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: Some(&recon),
    };
    write_report(&out.join("volume"), &doc, &pictures)
}
