//! The JSON file beside a NIfTI file in which converters keep what the NIfTI header has no field
//! for (BIDS names).

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::source::base_name;
use crate::{Acquisition, Error, Result};

/// Longest sidecar read; real ones have a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// Fills what the sidecar of `path` says into `acquisition`; a sidecar that cannot be read only
/// gives a warning.
///
/// A modality other than magnetic resonance is an error, as it is for DICOM.
pub(super) fn fill(
    path: &Path,
    acquisition: &mut Acquisition,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let Some(sidecar) = sidecar_of(path).filter(|p| p.is_file()) else {
        return Ok(());
    };
    let Some(fields) = read(&sidecar) else {
        let name = sidecar.file_name().unwrap_or_default().to_string_lossy();
        warnings.push(format!(
            "The sidecar {name} is no JSON object and is ignored."
        ));
        return Ok(());
    };
    let text = |names: &[&str]| {
        let values = names.iter().filter_map(|n| fields.get(*n));
        values.filter_map(words).find(|s| !s.is_empty())
    };
    let number = |name: &str| {
        let value = fields.get(name).and_then(Value::as_f64);
        value.filter(|v| v.is_finite())
    };
    // BIDS counts in seconds.
    let time_ms = |name: &str| number(name).filter(|v| *v > 0.0).map(|s| s * 1000.0);
    let a = acquisition;
    a.modality = text(&["Modality"]);
    if let Some(modality) = a.modality.as_deref().filter(|m| *m != "MR") {
        return Err(Error::WrongModality {
            path: path.into(),
            found: modality.into(),
        });
    }
    a.description = text(&["SeriesDescription", "ProtocolName"]).or(a.description.take());
    a.sequence_name = text(&["SequenceName", "PulseSequenceName", "ScanningSequence"]);
    a.repetition_time_ms = time_ms("RepetitionTime").or(a.repetition_time_ms);
    a.echo_time_ms = time_ms("EchoTime").or(a.echo_time_ms);
    a.inversion_time_ms = time_ms("InversionTime");
    a.flip_angle_deg = number("FlipAngle");
    a.field_strength_t = number("MagneticFieldStrength");
    a.contrast_agent = text(&["ContrastBolusIngredient", "ContrastBolusAgent"]);
    let scanner = [
        text(&["Manufacturer"]),
        text(&["ManufacturersModelName", "ManufacturerModelName"]),
    ];
    let scanner: Vec<String> = scanner.into_iter().flatten().collect();
    a.scanner = (!scanner.is_empty()).then(|| scanner.join(" "));
    a.slice_thickness_mm = number("SliceThickness").filter(|v| *v > 0.0);
    a.series_number = fields.get("SeriesNumber").and_then(Value::as_i64);
    a.series_uid = text(&["SeriesInstanceUID"]);
    a.study_uid = text(&["StudyInstanceUID"]);
    Ok(())
}

/// `scan.json` of `scan.nii`, `scan.nii.gz`, `scan.hdr` or `scan.img`.
fn sidecar_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let base = base_name(path);
    let cut = base.rfind('.').filter(|&dot| dot > 0)?;
    Some(path.with_file_name(format!("{}.json", name.get(..cut)?)))
}

fn read(path: &Path) -> Option<Map<String, Value>> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// A string, or a list of strings as one.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.trim().to_string()),
        Value::Array(items) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Some(words.join("\\"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(json: &str) -> (Result<()>, Acquisition, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.b.json"), json).unwrap();
        let (mut a, mut warnings) = (Acquisition::default(), Vec::new());
        a.description = Some("from the header".into());
        let result = fill(&dir.path().join("a.b.nii.gz"), &mut a, &mut warnings);
        (result, a, warnings)
    }

    #[test]
    fn seconds_become_milliseconds_and_names_are_joined() {
        let (result, a, warnings) = filled(
            r#"{"Modality": "MR", "RepetitionTime": 2.3, "EchoTime": 0.00298, "FlipAngle": 9,
                "Manufacturer": "Maker", "ManufacturersModelName": "Model", "SeriesNumber": 4,
                "ScanningSequence": ["GR", "IR"], "MagneticFieldStrength": "3"}"#,
        );
        result.unwrap();
        assert!(warnings.is_empty());
        assert_eq!(a.repetition_time_ms, Some(2300.0));
        assert!((a.echo_time_ms.unwrap() - 2.98).abs() < 1e-9);
        assert_eq!(a.scanner.as_deref(), Some("Maker Model"));
        assert_eq!(a.sequence_name.as_deref(), Some("GR\\IR"));
        assert_eq!(a.description.as_deref(), Some("from the header"));
        assert_eq!((a.series_number, a.field_strength_t), (Some(4), None));
    }

    #[test]
    fn another_modality_is_an_error_and_broken_json_a_warning() {
        let (result, ..) = filled(r#"{"Modality": "CT"}"#);
        assert!(matches!(result, Err(Error::WrongModality { found, .. }) if found == "CT"));
        for json in ["", "[1]", "{\"Modality\": "] {
            let (result, a, warnings) = filled(json);
            assert!(result.is_ok() && warnings.len() == 1 && a.modality.is_none());
        }
    }
}
