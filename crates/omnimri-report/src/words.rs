//! Numbers and names in words, the same in Markdown and HTML.

use omnimri_findings::{AnatomyEntry, CardiacClass, Finding};
use omnimri_image::SourceKind;

use crate::result::{InputInfo, ResultDoc, Sourced};

/// What stands above every report.
pub(crate) const BANNER: &str =
    "Not a medical device. For research use. Preliminary: not reviewed by a physician.";

/// For a cell without a value.
pub(crate) const NOTHING: &str = "\u{2013}";

pub(crate) fn kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Nifti => "NIfTI",
        SourceKind::MetaImage => "MetaImage",
        SourceKind::Nrrd => "NRRD",
        SourceKind::Dicom => "DICOM",
        SourceKind::Image => "PNG or JPEG slice",
        SourceKind::KSpace => "k-space",
        SourceKind::Simulated => "simulation",
    }
}

/// `512 × 512`.
pub(crate) fn matrix(input: &InputInfo) -> String {
    input
        .shape
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" \u{d7} ")
}

/// `1.00 × 1.00 mm`, or that it is not known.
pub(crate) fn spacing(input: &InputInfo) -> String {
    match &input.spacing_mm {
        Some(mm) => {
            let mm: Vec<String> = mm.iter().map(|v| format!("{v:.2}")).collect();
            format!("{} mm", mm.join(" \u{d7} "))
        }
        None => "not known".to_owned(),
    }
}

pub(crate) fn value(sourced: &Sourced) -> String {
    sourced
        .value
        .clone()
        .unwrap_or_else(|| "not known".to_owned())
}

/// `93%`; small and large ones with a decimal, never 0% or 100% for what is neither.
pub(crate) fn percent(p: f64) -> String {
    let percent = 100.0 * p;
    if (1.0..=99.0).contains(&percent) || p == 0.0 || p == 1.0 {
        format!("{percent:.0}%")
    } else if percent < 0.1 {
        "<0.1%".to_owned()
    } else if percent > 99.9 {
        ">99.9%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

fn amounts(diameter: Option<f64>, volume: Option<f64>, area: Option<usize>) -> String {
    let mut out = Vec::new();
    out.extend(diameter.map(|mm| format!("{mm:.1} mm")));
    out.extend(volume.map(|ml| format!("{ml:.2} mL")));
    out.extend(area.map(|px| format!("{px} px")));
    if out.is_empty() {
        NOTHING.to_owned()
    } else {
        out.join(", ")
    }
}

pub(crate) fn finding_size(finding: &Finding) -> String {
    amounts(finding.diameter_mm, finding.volume_ml, finding.area_px)
}

pub(crate) fn anatomy_size(entry: &AnatomyEntry) -> String {
    amounts(None, entry.volume_ml, entry.area_px)
}

/// `x 10–30, y 20–41`: the box in voxels, ends excluded.
pub(crate) fn box_words(bbox: &[usize]) -> String {
    let n = bbox.len() / 2;
    (0..n.min(3))
        .map(|k| format!("{} {}\u{2013}{}", ["x", "y", "z"][k], bbox[k], bbox[n + k]))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A class as a report calls it: `normal` is a class of the training set, not something a report may say.
pub(crate) fn class(label: &str) -> &str {
    if label == CardiacClass::Normal.name() {
        "none of the known heart diseases"
    } else {
        label
    }
}

/// First characters of a checksum.
pub(crate) fn short(sha256: &str) -> String {
    sha256.chars().take(12).collect()
}

/// The file's own name.
pub(crate) fn file_name(result: &ResultDoc) -> &str {
    let path = result.input.path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\'])
        .next()
        .filter(|n| !n.is_empty())
        .unwrap_or("input")
}

/// What the check of a sentence says, for a reader.
pub(crate) const fn mark(verified: bool) -> (&'static str, &'static str) {
    if verified {
        ("\u{2713}", "verified")
    } else {
        ("?", "not verified")
    }
}

/// What "removed" means, above the list of removed sentences.
pub(crate) const REMOVED: &str = "The language model also wrote these sentences. They disagreed \
    with the evidence, repeated it, or could not be checked, and are not part of the report.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_never_claim_certainty() {
        assert_eq!(percent(0.934), "93%");
        assert_eq!(percent(0.9999), ">99.9%");
        assert_eq!(percent(0.0001), "<0.1%");
        assert_eq!(percent(0.004), "0.4%");
        assert_eq!(percent(1.0), "100%");
    }

    #[test]
    fn no_class_is_called_normal() {
        for c in CardiacClass::ALL {
            assert!(!class(c.name()).contains("normal"));
        }
        assert_eq!(class("glioma"), "glioma");
    }

    #[test]
    fn boxes_are_read_by_axis() {
        assert_eq!(box_words(&[1, 2, 30, 40]), "x 1\u{2013}30, y 2\u{2013}40");
        assert_eq!(
            box_words(&[1, 2, 3, 4, 5, 6]),
            "x 1\u{2013}4, y 2\u{2013}5, z 3\u{2013}6"
        );
    }
}
