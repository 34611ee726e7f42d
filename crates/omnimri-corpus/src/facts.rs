//! From the classes and labels of an example to facts.

use omnimri_findings::facts::canonical;
use omnimri_findings::{Fact, Label, Measurement, Sequence, Side, Term, lesion_signal};
use omnimri_image::{Acquisition, Affine, Geometry, Plane, SourceKind, Trust, Volume, Zyx};

use crate::example::Example;
use crate::study::Study;

/// A pixel belongs to the head when it is brighter than this share of the brightest.
pub(crate) const HEAD: f32 = 0.1;
/// A centre closer to the middle than this share of the head's width is surely midline.
const SURELY_MIDLINE: f64 = 0.03;
/// A centre farther from the middle than this is surely to one side; between the two nothing is said.
const SURELY_ASIDE: f64 = 0.07;

impl Example {
    /// What the dataset's classes and labels say, in canonical order. Nothing that is not known is among them.
    pub fn facts(&self) -> Vec<Fact> {
        Study::of(self).facts()
    }

    /// The image as a [`Volume`] in the source's own units; sides are the image's, spacing is trusted where known.
    pub fn volume(&self) -> Volume {
        let spacing = self.image.spacing_mm;
        let untrusted = |what: &str| Trust::Untrusted(format!("the dataset gives no {what}"));
        Volume {
            voxels: self.image.intensities(),
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

impl Study<'_> {
    /// Of [`Example::facts`].
    pub fn facts(&self) -> Vec<Fact> {
        let classes = &self.example.classes;
        let mut facts = Vec::new();
        facts.extend(classes.plane.map(Fact::Plane));
        facts.extend(classes.sequence.map(Fact::Sequence));
        facts.extend(classes.region.map(Fact::Region));
        facts.extend(classes.tumour.map(Fact::Tumour));
        facts.extend(classes.cardiac.map(Fact::Cardiac));
        for &(term, n) in &self.counts {
            if term == Label::MsLesion {
                facts.push(Fact::MsLesions { present: n > 0 });
            } else if n > 0 && !term.is_finding() {
                facts.push(Fact::Structure(term));
            }
        }
        if let Some((term, measurement)) = self.main_lesion() {
            facts.push(Fact::Extent(measurement.extent()));
            facts.extend(self.lesion_side(term, measurement).map(Fact::Location));
            let labels = self.example.labels.as_deref().unwrap_or_default();
            let signal = lesion_signal(labels, term.value(), self.volume(), classes.sequence);
            facts.extend(signal.map(Fact::Signal));
        }
        canonical(&facts)
    }

    /// Image left, image right or midline, in the slice with the most of the lesion; `None` if unclear or sagittal.
    fn lesion_side(&self, term: Term, measurement: &Measurement) -> Option<Side> {
        if self.example.classes.plane == Some(Plane::Sagittal) {
            return None;
        }
        let image = &self.example.image;
        let z = measurement.largest_slice;
        let area = image.size.y * image.size.x;
        let mask = &self.example.labels.as_deref()?[z * area..(z + 1) * area];
        let is_head = |byte: u8| self.foreground[usize::from(byte)];
        side_of(image.slice(z), mask, term.value(), image.size.x, is_head)
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
    use omnimri_findings::{Region, Signal, TumourClass};

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
