//! From the classes and labels of an example to facts.

use omnimri_findings::facts::canonical;
use omnimri_findings::{
    Fact, Label, Measurement, Sequence, Side, TumourClass, lesion_signal, measure,
};
use omnimri_image::{Acquisition, Affine, Geometry, Plane, SourceKind, Trust, Volume, Zyx};

use crate::example::Example;

/// A pixel belongs to the head when it is brighter than this share of the brightest.
const HEAD: f32 = 0.1;
/// A centre closer to the middle than this share of the head's width is surely midline.
const SURELY_MIDLINE: f64 = 0.03;
/// A centre farther from the middle than this is surely to one side; between the two nothing is said.
const SURELY_ASIDE: f64 = 0.07;

impl Example {
    /// What the dataset's classes and labels say, in canonical order. Nothing that is not known is among them.
    pub fn facts(&self) -> Vec<Fact> {
        let classes = &self.classes;
        let mut facts = Vec::new();
        facts.extend(classes.plane.map(Fact::Plane));
        facts.extend(classes.sequence.map(Fact::Sequence));
        facts.extend(classes.region.map(Fact::Region));
        facts.extend(classes.tumour.map(Fact::Tumour));
        facts.extend(classes.cardiac.map(Fact::Cardiac));
        // Terms that are no label have no sentence yet, so nothing is said of them.
        for (label, n) in self.known_counts() {
            match label {
                Label::MsLesion => facts.push(Fact::MsLesions { present: n > 0 }),
                _ if n > 0 && !label.is_finding() => facts.push(Fact::Structure(label)),
                _ => {}
            }
        }
        if let Some((label, volume, measurement)) = self.main_lesion() {
            facts.push(Fact::Extent(measurement.extent()));
            facts.extend(self.lesion_side(label, &measurement).map(Fact::Location));
            let labels = self.labels.as_deref().unwrap_or_default();
            let signal = lesion_signal(labels, label.value(), &volume, classes.sequence);
            facts.extend(signal.map(Fact::Signal));
        }
        canonical(&facts)
    }

    /// As [`Self::label_counts`], of the terms that are labels.
    pub(crate) fn known_counts(&self) -> impl Iterator<Item = (Label, usize)> {
        let counts = self.label_counts().into_iter();
        counts.filter_map(|(term, n)| Some((term.label()?, n)))
    }

    /// The tumour with the most voxels, with its measurement. Scattered lesions have no one place and size.
    fn main_lesion(&self) -> Option<(Label, Volume, Measurement)> {
        let (label, _) = self
            .known_counts()
            .filter(|&(label, n)| n > 0 && TumourClass::from_label(label).is_some())
            .max_by_key(|&(_, n)| n)?;
        let volume = self.volume();
        let measurement = measure(self.labels.as_deref()?, label.value(), &volume)?;
        Some((label, volume, measurement))
    }

    /// Image left, image right or midline, in the slice with the most of the lesion; `None` if unclear or sagittal.
    fn lesion_side(&self, label: Label, measurement: &Measurement) -> Option<Side> {
        if self.classes.plane == Some(Plane::Sagittal) {
            return None;
        }
        let size = self.image.size;
        let z = measurement.largest_slice;
        let area = size.y * size.x;
        let mask = &self.labels.as_deref()?[z * area..(z + 1) * area];
        side_of(self.image.slice(z), mask, label.value(), size.x, |byte| {
            self.image.intensity(byte) > HEAD * self.image.peak
        })
    }

    /// The image as a [`Volume`] in the source's own units; sides are the image's, spacing is trusted where known.
    pub fn volume(&self) -> Volume {
        let spacing = self.image.spacing_mm;
        let untrusted = |what: &str| Trust::Untrusted(format!("the dataset gives no {what}"));
        Volume {
            voxels: self
                .image
                .voxels
                .iter()
                .map(|&byte| self.image.intensity(byte))
                .collect(),
            n_frames: 1,
            geometry: Geometry {
                size: self.image.size,
                affine: Affine::from_spacing(spacing.unwrap_or(Zyx::new(1.0, 1.0, 1.0))),
                orientation: untrusted("orientation"),
                spacing: if spacing.is_some() {
                    Trust::Trusted
                } else {
                    untrusted("spacing")
                },
            },
            acquisition: Acquisition {
                modality: self
                    .classes
                    .modality_mr
                    .filter(|mr| *mr)
                    .map(|_| "MR".to_owned()),
                plane: self.classes.plane,
                sequence_name: self.classes.sequence.map(Sequence::name).map(str::to_owned),
                ..Acquisition::default()
            },
            source: SourceKind::Image,
            warnings: Vec::new(),
        }
    }
}

/// Side of the mean column of `mask == value` against the columns that hold any of the head.
fn side_of(
    slice: &[u8],
    mask: &[u8],
    value: u8,
    width: usize,
    is_head: impl Fn(u8) -> bool,
) -> Option<Side> {
    let mut columns = vec![false; width];
    for row in slice.chunks_exact(width) {
        for (seen, &byte) in columns.iter_mut().zip(row) {
            *seen |= is_head(byte);
        }
    }
    let first = columns.iter().position(|&seen| seen)?;
    let last = columns.iter().rposition(|&seen| seen)?;
    let inside = mask.iter().enumerate().filter(|&(_, &v)| v == value);
    let (sum, n) = inside.fold((0usize, 0usize), |(s, n), (k, _)| (s + k % width, n + 1));
    if n == 0 || last == first {
        return None;
    }
    let middle = (first + last) as f64 / 2.0;
    let offset = (sum as f64 / n as f64 - middle) / (last - first) as f64;
    if offset.abs() < SURELY_MIDLINE {
        Some(Side::Midline)
    } else if offset.abs() < SURELY_ASIDE {
        None
    } else if offset < 0.0 {
        Some(Side::ImageLeft)
    } else {
        Some(Side::ImageRight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{Classes, DatasetId, Split};
    use crate::stack::{Raw, Stack};
    use omnimri_findings::{Region, Signal};

    fn example(column: usize) -> Example {
        let size = Zyx::new(1, 41, 61);
        let mut voxels = vec![0.0; size.count()];
        let mut labels = vec![0; size.count()];
        for y in 5..36 {
            for x in 10..51 {
                voxels[size.offset(x, y, 0)] = 100.0 + (x % 5) as f32;
            }
        }
        for y in 10..14 {
            for x in column - 1..=column + 1 {
                voxels[size.offset(x, y, 0)] = 200.0;
                labels[size.offset(x, y, 0)] = Label::Glioma.value();
            }
        }
        Example {
            id: "a".into(),
            dataset: DatasetId::new("made"),
            subject: "s".into(),
            split: Split::Train,
            image: Stack::from_raw(
                Raw {
                    voxels,
                    size,
                    spacing_mm: None,
                },
                None,
            ),
            labels: Some(labels),
            annotated: vec![Label::Glioma.into(), Label::Meningioma.into()],
            boxes: Vec::new(),
            acquisition: Acquisition::default(),
            texts: Vec::new(),
            classes: Classes {
                plane: Some(Plane::Axial),
                sequence: Some(Sequence::T1Post),
                region: Some(Region::Brain),
                tumour: Some(TumourClass::Glioma),
                ..Classes::default()
            },
            questions: Vec::new(),
        }
    }

    #[test]
    fn side_is_told_only_where_it_is_clear() {
        let side = |column| {
            example(column)
                .facts()
                .into_iter()
                .find_map(|fact| match fact {
                    Fact::Location(side) => Some(side),
                    _ => None,
                })
        };
        assert_eq!(side(15), Some(Side::ImageLeft));
        assert_eq!(side(45), Some(Side::ImageRight));
        assert_eq!(side(30), Some(Side::Midline));
        assert_eq!(side(32), None);
        let mut sagittal = example(15);
        sagittal.classes.plane = Some(Plane::Sagittal);
        assert!(
            !sagittal
                .facts()
                .iter()
                .any(|f| matches!(f, Fact::Location(_)))
        );
    }

    #[test]
    fn facts_state_classes_extent_and_signal() {
        let facts = example(15).facts();
        assert!(facts.contains(&Fact::Tumour(TumourClass::Glioma)));
        assert!(facts.contains(&Fact::Signal(Signal::EnhancingMass)));
        assert!(facts.iter().any(|f| matches!(f, Fact::Extent(_))));
        assert_eq!(example(15).present(), [Label::Glioma]);
    }

    #[test]
    fn ms_lesions_are_absent_only_where_someone_looked() {
        let mut e = example(15);
        e.labels = Some(vec![0; e.image.size.count()]);
        e.classes.tumour = None;
        e.annotated = vec![Label::MsLesion.into()];
        assert!(e.facts().contains(&Fact::MsLesions { present: false }));
        e.annotated.clear();
        assert!(
            !e.facts()
                .iter()
                .any(|f| matches!(f, Fact::MsLesions { .. }))
        );
    }
}
