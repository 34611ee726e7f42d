//! Writes made-up results of a DICOM series as DICOM, FHIR and BIDS, for other people's tools to open:
//! `cargo run --example made_up_dicom -- OUT [SERIES]`. Without SERIES a series is made up too.

use std::path::{Path, PathBuf};

use omnimri_image::{DicomSeries, OpenOptions, read_dicom_series, write_label_map};
use omnimri_report::bids::{BidsName, write_bids, write_bids_description};
use omnimri_report::dicom::{Making, SegmentationType, write_dicom};
use omnimri_report::fhir::fhir_bundle;
use omnimri_report::{Pictures, Result};

#[path = "../tests/it/made_up.rs"]
#[expect(dead_code, reason = "its own image is not used here")]
mod made_up;
#[path = "../tests/it/made_up_series.rs"]
mod made_up_series;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let out = args
        .next()
        .unwrap_or_else(|| PathBuf::from("made-up-dicom"));
    let input = args.next().unwrap_or_else(|| {
        let folder = out.join("series");
        made_up_series::write_series(&folder, |_, _| {});
        folder
    });
    let mut series = read_dicom_series(&input, &OpenOptions::default())?;
    write_all(&out, &input, series.remove(0))
}

fn write_all(out: &Path, input: &Path, series: DicomSeries) -> Result<()> {
    let (volume, source) = (series.volume, series.source?);
    let labels = made_up_series::lesions(&volume);
    let doc = made_up_series::result(&volume, &labels);
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    for (name, kind) in [
        ("binary", SegmentationType::Binary),
        ("labelmap", SegmentationType::LabelMap),
    ] {
        let folder = out.join(name);
        // Made by the caller, as a result folder is.
        write_bids_description(&folder.join("bids"), None)?;
        let mut making = Making::now(None)?;
        write_dicom(&folder, &doc, &pictures, &source, kind, &mut making)?;
        write_label_map(&folder.join("segmentation.nii.gz"), &labels)?;
        let bundle = fhir_bundle(&doc, Some(&source), &mut making)?;
        omnimri_image::write_beside(&folder.join("fhir.json"), |w| writeln!(w, "{bundle:#}"))?;
        let name = BidsName::of_input(input, None);
        write_bids(&folder.join("bids"), &name, None, &doc, &pictures)?;
    }
    Ok(())
}
