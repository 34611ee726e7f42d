//! What headers, labels and measurements say beyond a report: parameters, grid, signal inside and outside, sizes, parts, places.

use omnimri_findings::facts::canonical;
use omnimri_findings::{
    Detail, Fact, Hundredths, Label, Length, Parameter, Place, Region, Sequence, Signal, Term,
    lesion_signal, measure,
};
use omnimri_image::{Affine, Geometry, Trust, Volume, Zyx};

use crate::example::Example;
use crate::stack::Stack;
use crate::study::{Study, bounds, crop, foreground, histogram};

/// Findings and structures that are measured one by one; where more are outlined, numbers would drown the rest.
const MOST_MEASURED: [usize; 2] = [4, 2];

impl Example {
    /// Facts beyond [`Example::facts`], in canonical order: what the header states, what was looked for and not outlined, and
    /// what is measured on outlines. Nothing that is not known is among them.
    pub fn details(&self) -> Vec<Fact> {
        Study::of(self).details()
    }

    /// [`Example::facts`] and [`Example::details`] in canonical order, without those that have no true sentence here: every sentence
    /// on plane, sequence or region speaks of a magnetic resonance image, so nothing of it is said of another modality. Where a
    /// dataset does not name the modality it is taken to be magnetic resonance, as the catalogue is of such datasets.
    pub fn statements(&self) -> Vec<Fact> {
        Study::of(self).all_statements()
    }

    /// Share of voxels brighter than a tenth of the brightest in percent, and the median of these likewise.
    ///
    /// Measured on every image, outlined or not; none for an empty one.
    pub fn brightness(&self) -> Option<(Detail, Detail)> {
        let counts = foreground_counts(&self.image);
        let n = counts.iter().sum::<usize>();
        let middle = n / 2;
        let mut below = 0;
        // None for an empty image: no count passes the middle.
        let median = counts.iter().position(|count| {
            below += count;
            below > middle
        })?;
        let share = n as f64 / self.image.voxels.len().max(1) as f64;
        let relative = self.image.intensity(median as u8) / self.image.peak;
        Some((
            Detail::Foreground {
                percent: percent(share)?,
            },
            Detail::Brightness {
                percent: percent(f64::from(relative))?,
            },
        ))
    }

    fn header_details(&self) -> Vec<Detail> {
        let a = &self.acquisition;
        let stated = [
            (Parameter::RepetitionTime, a.repetition_time_ms),
            (Parameter::EchoTime, a.echo_time_ms),
            (Parameter::InversionTime, a.inversion_time_ms),
            (Parameter::FlipAngle, a.flip_angle_deg),
            (Parameter::FieldStrength, a.field_strength_t),
            (Parameter::SliceThickness, a.slice_thickness_mm),
        ];
        let mut out: Vec<Detail> = stated
            .into_iter()
            .filter_map(|(of, value)| {
                let value = Hundredths::new(value?).filter(|v| v.0 > 0)?;
                Some(Detail::Parameter { of, value })
            })
            .collect();
        let n = self.image.native_size;
        let count = |n: usize| u32::try_from(n).ok();
        if let (Some(columns), Some(rows), Some(slices)) = (count(n.x), count(n.y), count(n.z)) {
            out.push(Detail::Matrix {
                columns,
                rows,
                slices,
            });
        }
        if let Some(mm) = self.image.spacing_mm {
            // Shrunk slices have larger pixels than the file.
            let native = |mm: f64, now: usize, n: usize| mm * now as f64 / n.max(1) as f64;
            let size = self.image.size;
            let x = Hundredths::new(native(mm.x, size.x, n.x));
            let y = Hundredths::new(native(mm.y, size.y, n.y));
            if let (Some(x), Some(y), Some(z)) = (x, y, Hundredths::new(mm.z)) {
                out.push(Detail::Voxel { x, y, z });
            }
        }
        out
    }
}

impl Study<'_> {
    /// Of [`Example::details`].
    pub fn details(&self) -> Vec<Fact> {
        let mut out = self.example.header_details();
        out.extend(self.absent());
        out.extend(self.outline_details());
        out.extend(self.place().map(|place| Detail::Place { place }));
        let mut facts: Vec<Fact> = out.into_iter().map(Fact::Detail).collect();
        facts.extend(self.bright_blood().map(Fact::Signal));
        canonical(&facts)
    }

    /// Of [`Example::statements`], computed anew.
    pub fn all_statements(&self) -> Vec<Fact> {
        let mut facts = self.facts();
        facts.extend(self.details());
        if self.example.classes.modality_mr == Some(false) {
            facts.retain(|f| !matches!(f, Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_)));
        }
        canonical(&facts)
    }

    /// What was looked for and is not there.
    fn absent(&self) -> impl Iterator<Item = Detail> {
        let absent = self.counts.iter().filter(|(_, n)| *n == 0);
        absent.map(|&(of, _)| Detail::Absent { of })
    }

    /// Numbers of the outlines: findings first, then the largest structures.
    fn outline_details(&self) -> Vec<Detail> {
        let Some(labels) = self.example.labels.as_deref() else {
            return Vec::new();
        };
        let mut there = self.counts.clone();
        there.retain(|&(_, n)| n > 0);
        there.sort_by_key(|&(term, n)| (!term.is_finding(), std::cmp::Reverse(n)));
        let mut measured = [0; 2];
        there.retain(|(term, _)| {
            let n = &mut measured[usize::from(!term.is_finding())];
            *n += 1;
            *n <= MOST_MEASURED[usize::from(!term.is_finding())]
        });
        if there.is_empty() {
            return Vec::new();
        }
        let image = &self.example.image;
        let foreground = foreground_counts(image).iter().sum::<usize>();
        let mut out = Vec::new();
        for (of, n) in there {
            let Some(m) = self.measurement(of) else {
                continue;
            };
            let relative = self.relative(labels, of);
            out.extend(relative.map(|percent| Detail::Relative { of, percent }));
            match (m.volume_ml.and_then(Hundredths::new), m.area_px) {
                (Some(ml), _) => out.push(Detail::Volume { of, ml }),
                (None, Some(pixels)) => {
                    // Counted on this grid, which may be smaller than the file's.
                    let pixels = u32::try_from(pixels).ok();
                    let same = image.size == image.native_size;
                    out.extend(
                        pixels
                            .filter(|_| same)
                            .map(|pixels| Detail::Area { of, pixels }),
                    );
                }
                (None, None) => {}
            }
            if !of.is_finding() {
                continue;
            }
            let parts: Vec<usize> = self.parts(of).iter().map(|p| p.n).collect();
            let smallest = smallest_part(&parts);
            let count = parts.iter().filter(|n| **n >= smallest).count();
            // The diameter of several lesions would be read as that of each.
            if count == 1 {
                let length = self.diameter(labels, of, m.diameter_mm);
                out.extend(length.map(|length| Detail::Diameter { of, length }));
            }
            // A count of crumbs left by an outline's editor tells nothing of the disease.
            if count == parts.len() {
                let n = u32::try_from(count).ok();
                out.extend(n.map(|n| Detail::Parts { of, n }));
            }
            let share = Hundredths::new(100.0 * n as f64 / foreground.max(1) as f64);
            let share = share.filter(|s| s.0 <= 10_000);
            out.extend(share.map(|percent| Detail::Share { of, percent }));
        }
        out
    }

    /// The longest diameter in millimetres where the spacing is trusted, else in pixels of the file.
    fn diameter(&self, labels: &[u8], of: Term, mm: Option<f64>) -> Option<Length> {
        if let Some(mm) = mm {
            return Hundredths::new((mm * 10.0).round() / 10.0).map(Length::Mm);
        }
        let (size, native) = (self.example.image.size, self.example.image.native_size);
        // Only the outline counts, so its box is enough.
        let (inside, inner) = crop(labels, size, bounds(labels, size, of.value())?);
        let ratio = |n: usize, now: usize| n as f64 / now.max(1) as f64;
        let pixels = Zyx::new(1.0, ratio(native.y, size.y), ratio(native.x, size.x));
        let whole = self.volume();
        let unit = Volume {
            voxels: vec![0.0; inner.count()],
            geometry: Geometry {
                size: inner,
                affine: Affine::from_spacing(pixels),
                orientation: whole.geometry.orientation.clone(),
                spacing: Trust::Trusted,
            },
            acquisition: whole.acquisition.clone(),
            warnings: Vec::new(),
            ..*whole
        };
        let px = measure(&inside, of.value(), &unit)?.diameter_mm?;
        Hundredths::new(px.round()).map(Length::Px)
    }

    /// Mean signal inside the outline in percent of that of the foreground outside all findings, over the slices that show it.
    fn relative(&self, labels: &[u8], of: Term) -> Option<u32> {
        // What a voxel counts for by its label: inside, outside, or nothing.
        let part: [Option<usize>; 256] = std::array::from_fn(|value| {
            let value = value as u8;
            let finding = Term::from_value(value).is_some_and(Term::is_finding);
            match value == of.value() {
                true => Some(0),
                false => (!finding).then_some(1),
            }
        });
        let image = &self.example.image;
        let area = image.size.y * image.size.x;
        let mut counts = [[0usize; 256]; 2];
        for (z, slice) in labels.chunks_exact(area.max(1)).enumerate() {
            if slice.contains(&of.value()) {
                for (&value, &byte) in slice.iter().zip(image.slice(z)) {
                    if let Some(part) = part[usize::from(value)] {
                        counts[part][usize::from(byte)] += 1;
                    }
                }
            }
        }
        let mean = |counts: &[usize; 256], keep: &dyn Fn(usize) -> bool| {
            let kept = || counts.iter().enumerate().filter(|(byte, _)| keep(*byte));
            let n: usize = kept().map(|(_, n)| n).sum();
            let sum: f64 = kept()
                .map(|(byte, n)| f64::from(image.intensity(byte as u8)) * *n as f64)
                .sum();
            (n > 0).then(|| sum / n as f64)
        };
        let inside = mean(&counts[0], &|_| true).filter(|m| *m >= 0.0)?;
        let outside = mean(&counts[1], &|byte| self.foreground[byte]).filter(|m| *m > 0.0)?;
        percent(inside / outside)
    }

    /// Bright blood, measured where the sequence lets expect it: a fact that [`Example::facts`] leaves to descriptions.
    fn bright_blood(&self) -> Option<Signal> {
        let cavity = Term::from(Label::LeftVentricleCavity);
        let cine = self.example.classes.sequence == Some(Sequence::Cine);
        if !cine || !self.shows(cavity) {
            return None;
        }
        let labels = self.example.labels.as_deref()?;
        let signal = lesion_signal(labels, cavity.value(), self.volume(), Some(Sequence::Cine))?;
        (signal == Signal::HyperintenseLesion).then_some(Signal::BrightBlood)
    }

    /// The third of the head's height in which the main lesion's centre lies; `None` near a border between thirds.
    fn place(&self) -> Option<Place> {
        /// A centre closer to a border than this share of the head's height lies in neither third for sure.
        const UNSURE: f64 = 0.03;
        if self.example.classes.region != Some(Region::Brain) {
            return None;
        }
        let (term, m) = self.main_lesion()?;
        let image = &self.example.image;
        let size = image.size;
        let z = m.largest_slice;
        let rows: Vec<usize> = image
            .slice(z)
            .chunks_exact(size.x.max(1))
            .enumerate()
            .filter(|(_, row)| row.iter().any(|&b| self.foreground[usize::from(b)]))
            .map(|(y, _)| y)
            .collect();
        let (first, last) = (*rows.first()?, *rows.last()?);
        if last == first {
            return None;
        }
        let area = size.y * size.x;
        let mask = &self.example.labels.as_deref()?[z * area..(z + 1) * area];
        let inside = mask.iter().enumerate().filter(|&(_, &v)| v == term.value());
        let (sum, n) = inside.fold((0usize, 0usize), |(s, n), (k, _)| (s + k / size.x, n + 1));
        let at = (sum as f64 / n.max(1) as f64 - first as f64) / (last - first) as f64;
        let near = |border: f64| (at - border).abs() < UNSURE;
        if near(1.0 / 3.0) || near(2.0 / 3.0) {
            None
        } else if at < 1.0 / 3.0 {
            Some(Place::Upper)
        } else if at < 2.0 / 3.0 {
            Some(Place::Middle)
        } else {
            Some(Place::Lower)
        }
    }
}

/// How often each byte of the foreground occurs; 0 for the others.
fn foreground_counts(image: &Stack) -> [usize; 256] {
    let (counts, inside) = (histogram(&image.voxels), foreground(image));
    std::array::from_fn(|byte| if inside[byte] { counts[byte] } else { 0 })
}

/// Fewest voxels of a connected part that counts beside others: 3, and 1% of the largest; of a single part its own size.
///
/// Both are our own choice, against crumbs that an outline's editor leaves; they are not taken from a guideline.
pub(crate) fn smallest_part(sizes: &[usize]) -> usize {
    let largest = sizes.iter().copied().max().unwrap_or(0);
    largest.min(3.max(largest.div_ceil(100)))
}

/// A share as whole percent; `None` if it is not finite or absurd.
fn percent(share: f64) -> Option<u32> {
    let percent = (100.0 * share).round();
    (0.0..=100_000.0)
        .contains(&percent)
        .then_some(percent as u32)
}
