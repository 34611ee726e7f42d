//! An example with what is counted and measured on it, each once: descriptions and instructions ask for the same numbers.

use std::cell::OnceCell;

use omnimri_findings::components::components;
use omnimri_findings::{Fact, Measurement, Term, TumourClass, measure};
use omnimri_image::{Volume, Zyx};

use crate::example::Example;
use crate::facts::HEAD;
use crate::stack::Stack;

/// An example under study. What is asked for is computed on the first call and kept.
pub(crate) struct Study<'a> {
    pub example: &'a Example,
    /// Of [`Example::label_counts`].
    pub counts: Vec<(Term, usize)>,
    /// True for bytes brighter than a tenth of the brightest.
    pub foreground: [bool; 256],
    outlined: Vec<Outlined>,
    volume: OnceCell<Volume>,
    statements: OnceCell<Vec<Fact>>,
}

/// A term that is there.
struct Outlined {
    term: Term,
    n: usize,
    measurement: OnceCell<Option<Measurement>>,
    parts: OnceCell<Vec<OnePart>>,
}

/// A connected part of an outline, in scan order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnePart {
    /// Voxels.
    pub n: usize,
    /// First column, row and slice.
    pub lower: Zyx<usize>,
    /// One past the last column, row and slice.
    pub upper: Zyx<usize>,
}

impl<'a> Study<'a> {
    pub fn of(example: &'a Example) -> Self {
        let counts = example.label_counts();
        let there = counts.iter().filter(|(_, n)| *n > 0);
        Self {
            example,
            foreground: foreground(&example.image),
            outlined: there
                .map(|&(term, n)| Outlined {
                    term,
                    n,
                    measurement: OnceCell::new(),
                    parts: OnceCell::new(),
                })
                .collect(),
            counts,
            volume: OnceCell::new(),
            statements: OnceCell::new(),
        }
    }

    /// Of [`Example::statements`].
    pub fn statements(&self) -> &[Fact] {
        self.statements.get_or_init(|| self.all_statements())
    }

    /// The image in the source's own units.
    pub fn volume(&self) -> &Volume {
        self.volume.get_or_init(|| self.example.volume())
    }

    /// True if a term is outlined.
    pub fn shows(&self, term: Term) -> bool {
        self.outlined.iter().any(|o| o.term == term)
    }

    /// What is measured on the outline of a term; `None` where there is none.
    pub fn measurement(&self, term: Term) -> Option<&Measurement> {
        let labels = self.example.labels.as_deref()?;
        let outlined = self.outlined.iter().find(|o| o.term == term)?;
        let measured = || measure(labels, term.value(), self.volume());
        outlined.measurement.get_or_init(measured).as_ref()
    }

    /// The connected parts of the outline of a term; none where there is no outline.
    pub fn parts(&self, term: Term) -> &[OnePart] {
        let labels = self.example.labels.as_deref().unwrap_or_default();
        let found = self.outlined.iter().find(|o| o.term == term);
        found.map_or(&[], |o| {
            let split = || parts(labels, self.example.image.size, term.value());
            o.parts.get_or_init(split)
        })
    }

    /// The tumour with the most voxels, with its measurement. Scattered lesions have no one place and size.
    pub fn main_lesion(&self) -> Option<(Term, &Measurement)> {
        let tumour = |term: Term| term.label().and_then(TumourClass::from_label);
        let tumours = self.outlined.iter().filter(|o| tumour(o.term).is_some());
        let term = tumours.max_by_key(|o| o.n)?.term;
        Some((term, self.measurement(term)?))
    }
}

/// Which bytes of a stack are brighter than a tenth of its brightest intensity.
pub(crate) fn foreground(image: &Stack) -> [bool; 256] {
    std::array::from_fn(|byte| image.intensity(byte as u8) > HEAD * image.peak)
}

/// How often each byte occurs.
pub(crate) fn histogram(bytes: &[u8]) -> [usize; 256] {
    // Four tables in turn: neighbours are mostly equal, and one count would wait for the other.
    let mut tables = [[0usize; 256]; 4];
    let fours = bytes.chunks_exact(4);
    for &byte in fours.remainder() {
        tables[0][usize::from(byte)] += 1;
    }
    for four in fours {
        for (table, &byte) in tables.iter_mut().zip(four) {
            table[usize::from(byte)] += 1;
        }
    }
    std::array::from_fn(|byte| tables.iter().map(|t| t[byte]).sum())
}

/// The smallest box, lower and upper corner, that holds every voxel of a value; `None` where there is none.
pub(crate) fn bounds(
    labels: &[u8],
    size: Zyx<usize>,
    value: u8,
) -> Option<(Zyx<usize>, Zyx<usize>)> {
    let (mut lower, mut upper) = (size, Zyx::new(0, 0, 0));
    for (k, row) in labels.chunks_exact(size.x.max(1)).enumerate() {
        let Some(first) = row.iter().position(|l| *l == value) else {
            continue;
        };
        let last = row.iter().rposition(|l| *l == value).unwrap_or(first);
        let (y, z) = (k % size.y, k / size.y);
        lower = Zyx::new(lower.z.min(z), lower.y.min(y), lower.x.min(first));
        upper = Zyx::new(
            upper.z.max(z + 1),
            upper.y.max(y + 1),
            upper.x.max(last + 1),
        );
    }
    (upper.z > 0).then_some((lower, upper))
}

/// What lies in a box of a grid, `[z][y][x]`, and its size.
pub(crate) fn crop(
    labels: &[u8],
    size: Zyx<usize>,
    (lower, upper): (Zyx<usize>, Zyx<usize>),
) -> (Vec<u8>, Zyx<usize>) {
    let inner = Zyx::new(upper.z - lower.z, upper.y - lower.y, upper.x - lower.x);
    let mut out = Vec::with_capacity(inner.count());
    for z in lower.z..upper.z {
        for y in lower.y..upper.y {
            out.extend_from_slice(&labels[size.offset(lower.x, y, z)..][..inner.x]);
        }
    }
    (out, inner)
}

/// The connected parts of a value, by the first voxel in scan order: within its box the order is that of the whole grid.
fn parts(labels: &[u8], size: Zyx<usize>, value: u8) -> Vec<OnePart> {
    let Some(bounds) = bounds(labels, size, value) else {
        return Vec::new();
    };
    let (inside, inner) = crop(labels, size, bounds);
    let found = components(inner, |k| inside[k] == value);
    let mut out: Vec<OnePart> = found
        .sizes
        .iter()
        .map(|&n| OnePart {
            n,
            lower: size,
            upper: Zyx::new(0, 0, 0),
        })
        .collect();
    for (k, &part) in found.part.iter().enumerate().filter(|(_, p)| **p > 0) {
        let from = bounds.0;
        let x = from.x + k % inner.x;
        let y = from.y + k / inner.x % inner.y;
        let z = from.z + k / (inner.x * inner.y);
        if let Some(p) = out.get_mut(part as usize - 1) {
            p.lower = Zyx::new(p.lower.z.min(z), p.lower.y.min(y), p.lower.x.min(x));
            p.upper = Zyx::new(
                p.upper.z.max(z + 1),
                p.upper.y.max(y + 1),
                p.upper.x.max(x + 1),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_crop_are_those_of_the_whole_grid() {
        let size = Zyx::new(3, 17, 23);
        let mut labels = vec![0; size.count()];
        for (x, y, z) in [(5, 4, 1), (6, 5, 2), (20, 3, 1), (9, 15, 0), (10, 15, 0)] {
            labels[size.offset(x, y, z)] = 7;
        }
        labels[size.offset(0, 0, 0)] = 3;
        let whole = components(size, |k| labels[k] == 7);
        let found = parts(&labels, size, 7);
        assert_eq!(found.iter().map(|p| p.n).collect::<Vec<_>>(), whole.sizes);
        // The two on the first slice come first, and a corner across slices connects.
        assert_eq!(
            (found[0].lower, found[0].upper),
            (Zyx::new(0, 15, 9), Zyx::new(1, 16, 11))
        );
        let across = found
            .iter()
            .find(|p| p.lower.x == 5)
            .map(|p| (p.n, p.upper));
        assert_eq!(across, Some((2, Zyx::new(3, 6, 7))));
        assert!(parts(&labels, size, 9).is_empty());
    }

    #[test]
    fn a_histogram_counts_every_byte() {
        let bytes: Vec<u8> = (0..1003).map(|k| (k % 7) as u8).collect();
        let counts = histogram(&bytes);
        assert_eq!(counts.iter().sum::<usize>(), 1003);
        assert_eq!((counts[0], counts[6], counts[7]), (144, 143, 0));
    }
}
