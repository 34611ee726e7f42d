//! The segments of a label map: numbers, names, codes, colours and tracking identifiers.

use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use omnimri_findings::Label;

use super::dataset::{Concept, put, put_code, put_items, put_text};
use super::making::Uids;
use super::shell::Shell;
use crate::error::Result;

/// One label of a label map as a segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) label: Label,
    /// Segment Number.
    pub(crate) number: u16,
    /// Tracking ID, unique within a result.
    pub(crate) tracking_id: String,
    /// Tracking UID: the same in the segmentation and in the measurement report.
    pub(crate) tracking_uid: String,
}

/// The labels that occur in `labels`, by rising value. Their segment numbers count from 1, or are the values of the label map
/// where `numbered_by_value` is true.
pub(crate) fn segments(
    labels: &[u8],
    numbered_by_value: bool,
    uids: &mut Uids,
) -> Result<Vec<Segment>> {
    let mut seen = [false; 256];
    for label in labels {
        seen[usize::from(*label)] = true;
    }
    let mut out = Vec::new();
    for label in Label::ALL {
        if seen[usize::from(label.value())] {
            out.push(Segment {
                label,
                number: if numbered_by_value {
                    label.value().into()
                } else {
                    out.len() as u16 + 1
                },
                tracking_id: format!("omnimri {}", label.name()),
                tracking_uid: uids.uid()?,
            });
        }
    }
    Ok(out)
}

/// What a label is: `(category, type)` of CID 7150 and the vocabulary.
pub(crate) fn property(label: Label) -> (Concept, Concept) {
    let category = if label.is_finding() {
        Concept("49755003", "SCT", "Morphologically Abnormal Structure")
    } else {
        Concept("123037004", "SCT", "Anatomical Structure")
    };
    (category, label.code().map_or(category, Concept::from))
}

/// Where a finding lies.
pub(crate) fn site(label: Label) -> Option<Concept> {
    label.region().code().map(Concept::from)
}

impl Segment {
    /// Item of the Segment Sequence (PS3.3 C.8.20.4).
    pub(crate) fn item(&self, shell: &Shell<'_>) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        let (category, kind) = property(self.label);
        put(&mut item, tags::SEGMENT_NUMBER, self.number);
        put(&mut item, tags::SEGMENT_LABEL, self.label.name());
        if self.label.code().is_some_and(|c| !c.exact) {
            let wider = format!("{}; the code is of a wider concept", self.label.name());
            put(&mut item, tags::SEGMENT_DESCRIPTION, wider);
        }
        put(&mut item, tags::SEGMENT_ALGORITHM_TYPE, "AUTOMATIC");
        let algorithm = shell.model_name();
        put_text(&mut item, tags::SEGMENT_ALGORITHM_NAME, &algorithm, 64);
        put_items(
            &mut item,
            tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE,
            vec![algorithm_item(shell)],
        );
        put_code(
            &mut item,
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            category,
        );
        put_code(&mut item, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, kind);
        if let Some(site) = site(self.label).filter(|_| self.label.is_finding()) {
            put_code(&mut item, tags::ANATOMIC_REGION_SEQUENCE, site);
        }
        put(&mut item, tags::TRACKING_ID, self.tracking_id.as_str());
        put(&mut item, tags::TRACKING_UID, self.tracking_uid.as_str());
        let colour = PrimitiveValue::U16(cielab(self.label.rgb()).into_iter().collect());
        put(&mut item, tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, colour);
        item
    }
}

/// Algorithm Identification Macro (PS3.3 10.16).
fn algorithm_item(shell: &Shell<'_>) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put_code(
        &mut item,
        tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
        Concept("123109", "DCM", "Artificial Intelligence"),
    );
    put_text(&mut item, tags::ALGORITHM_NAME, &shell.model_name(), 64);
    put_text(&mut item, tags::ALGORITHM_VERSION, &shell.model.version, 64);
    put(&mut item, tags::ALGORITHM_SOURCE, super::shell::MAKER);
    let weights = format!("weights sha256 {}", shell.model.sha256);
    put_text(&mut item, tags::ALGORITHM_PARAMETERS, &weights, 1024);
    item
}

/// sRGB as CIELab with the D50 white point, scaled to 16 bits (PS3.3 C.10.7.1.1; matrix: IEC 61966-2-1 with Bradford adaptation).
fn cielab(rgb: [u8; 3]) -> [u16; 3] {
    const TO_XYZ: [[f64; 3]; 3] = [
        [0.436_074_7, 0.385_064_9, 0.143_080_4],
        [0.222_504_5, 0.716_878_6, 0.060_616_9],
        [0.013_932_2, 0.097_104_5, 0.714_173_3],
    ];
    const WHITE: [f64; 3] = [0.964_22, 1.0, 0.825_21];
    let linear = rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    let [x, y, z]: [f64; 3] = std::array::from_fn(|k| {
        let t = TO_XYZ[k]
            .iter()
            .zip(linear)
            .map(|(m, c)| m * c)
            .sum::<f64>()
            / WHITE[k];
        if t > 216.0 / 24389.0 {
            t.cbrt()
        } else {
            (24389.0 / 27.0 * t + 16.0) / 116.0
        }
    });
    let lab = [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)];
    let scaled = |v: f64, low: f64, range: f64| {
        ((v - low) / range * 65535.0).round().clamp(0.0, 65535.0) as u16
    };
    [
        scaled(lab[0], 0.0, 100.0),
        scaled(lab[1], -128.0, 255.0),
        scaled(lab[2], -128.0, 255.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_or_are_values() {
        let labels = [0, 12, 9, 9, 77];
        let numbers = |by_value| -> Vec<(Label, u16)> {
            let made = segments(&labels, by_value, &mut Uids::seeded(1)).unwrap();
            made.iter().map(|s| (s.label, s.number)).collect()
        };
        assert_eq!(numbers(false), [(Label::Glioma, 1), (Label::MsLesion, 2)]);
        assert_eq!(numbers(true), [(Label::Glioma, 9), (Label::MsLesion, 12)]);
    }

    #[test]
    fn white_and_red_have_their_known_colours() {
        assert_eq!(cielab([255; 3]), [65535, 32896, 32896]);
        // Red is L 54.29, a 80.81, b 69.89 under D50.
        let [l, a, b] = cielab([255, 0, 0]).map(f64::from);
        assert!((l / 655.35 - 54.29).abs() < 0.02);
        assert!((a / 65535.0 * 255.0 - 128.0 - 80.81).abs() < 0.05);
        assert!((b / 65535.0 * 255.0 - 128.0 - 69.89).abs() < 0.05);
    }
}
