//! Numbers of loaded examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::example::{Example, Split};

/// Numbers of one dataset's examples.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DatasetStats {
    /// Examples of both splits.
    pub examples: usize,
    /// Of these: training examples.
    pub train: usize,
    /// Of these: validation examples.
    pub val: usize,
    /// Different subjects (or what stands in for them).
    pub subjects: usize,
    /// Slices.
    pub slices: usize,
    /// Questions of the dataset's own.
    pub questions: usize,
    /// Mean length of question and answer together, in characters.
    pub mean_text_chars: f64,
    /// Examples by sequence; `unknown` where the dataset does not say.
    pub sequences: BTreeMap<String, usize>,
    /// Examples by plane.
    pub planes: BTreeMap<String, usize>,
    /// Examples by diagnosis (tumour or cardiac class).
    pub diagnoses: BTreeMap<String, usize>,
    /// For each annotated label: examples that have it, of examples in which someone looked.
    pub labels: BTreeMap<String, (usize, usize)>,
    /// Native sizes `z x y x x` with the number of examples, the most frequent first, at most five.
    pub sizes: Vec<(String, usize)>,
    /// Examples with a trusted voxel size.
    pub with_spacing: usize,
    /// Bytes of images and labels in memory.
    pub bytes: u64,
}

/// Numbers of loaded examples by dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// By name of the entry.
    pub datasets: BTreeMap<String, DatasetStats>,
}

/// Counts examples.
pub fn stats(examples: &[Example]) -> Stats {
    let mut out = Stats::default();
    let mut subjects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut sizes: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let mut characters: BTreeMap<&str, usize> = BTreeMap::new();
    for e in examples {
        let name = e.dataset.name();
        let s = out.datasets.entry(name.to_owned()).or_default();
        s.examples += 1;
        match e.split {
            Split::Train => s.train += 1,
            Split::Val => s.val += 1,
        }
        subjects.entry(name).or_default().insert(&e.subject);
        s.slices += e.image.size.z;
        s.questions += e.questions.len();
        *characters.entry(name).or_default() += e
            .questions
            .iter()
            .map(|q| q.question.len() + q.answer.len())
            .sum::<usize>();
        let unknown = || "unknown".to_owned();
        let sequence = e
            .classes
            .sequence
            .map_or_else(unknown, |v| v.name().to_owned());
        *s.sequences.entry(sequence).or_default() += 1;
        let plane = e
            .classes
            .plane
            .map_or_else(unknown, |v| v.name().to_owned());
        *s.planes.entry(plane).or_default() += 1;
        let tumour = e.classes.tumour.map(|v| v.name());
        for diagnosis in tumour
            .into_iter()
            .chain(e.classes.cardiac.map(|v| v.name()))
        {
            *s.diagnoses.entry(diagnosis.to_owned()).or_default() += 1;
        }
        for (label, n) in e.label_counts() {
            let entry = s.labels.entry(label.name().to_owned()).or_default();
            entry.0 += usize::from(n > 0);
            entry.1 += 1;
        }
        let n = e.image.native_size;
        let size = format!("{} x {} x {}", n.z, n.y, n.x);
        *sizes.entry(name).or_default().entry(size).or_default() += 1;
        s.with_spacing += usize::from(e.image.spacing_mm.is_some());
        s.bytes += (e.image.voxels.len() + e.labels.as_ref().map_or(0, Vec::len)) as u64;
    }
    for (name, s) in &mut out.datasets {
        let name = name.as_str();
        s.subjects = subjects.get(name).map_or(0, BTreeSet::len);
        s.mean_text_chars =
            characters.get(name).copied().unwrap_or(0) as f64 / s.questions.max(1) as f64;
        let mut by_count: Vec<_> = sizes.remove(name).unwrap_or_default().into_iter().collect();
        by_count.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        by_count.truncate(5);
        s.sizes = by_count;
    }
    out
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, s) in &self.datasets {
            writeln!(f, "## {name}\n")?;
            writeln!(
                f,
                "{} examples ({} train, {} val) of {} subjects, {} slices, {:.1} MB in memory, {} with voxel size.",
                s.examples,
                s.train,
                s.val,
                s.subjects,
                s.slices,
                s.bytes as f64 / 1e6,
                s.with_spacing
            )?;
            if s.questions > 0 {
                writeln!(
                    f,
                    "{} questions of {:.0} characters.",
                    s.questions, s.mean_text_chars
                )?;
            }
            writeln!(f)?;
            let plain = |map: &BTreeMap<String, usize>| {
                map.iter().fold(String::new(), |mut text, (key, n)| {
                    let comma = if text.is_empty() { "" } else { ", " };
                    let _ = write!(text, "{comma}{key} {n}");
                    text
                })
            };
            writeln!(f, "- sequences: {}", plain(&s.sequences))?;
            writeln!(f, "- planes: {}", plain(&s.planes))?;
            if !s.diagnoses.is_empty() {
                writeln!(f, "- diagnoses: {}", plain(&s.diagnoses))?;
            }
            for (label, (there, looked)) in &s.labels {
                writeln!(f, "- {label}: in {there} of {looked}")?;
            }
            let sizes: Vec<_> = s
                .sizes
                .iter()
                .map(|(size, n)| format!("{size} ({n})"))
                .collect();
            writeln!(f, "- native sizes (z x y x x): {}\n", sizes.join(", "))?;
        }
        Ok(())
    }
}
