//! Counts and values of examples as they pass.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::CardOptions;
use super::sheet::{colour, picture};
use crate::catalogue::find;
use crate::describe::describe;
use crate::example::{Example, Split};
use crate::harmonise::Quality;
use crate::harmonise::recognise::{Source, recognise};

/// Characters of a sample's text that are shown.
const SHOWN_TEXT: usize = 360;

/// A name with a count of what was stated and of what a rule on the image added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// By dataset, header or file name.
    pub stated: usize,
    /// By a rule on the image.
    pub by_image: usize,
}

/// What is counted of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DatasetCard {
    /// Examples.
    pub examples: usize,
    /// Of these, training examples.
    pub train: usize,
    /// Of these, validation examples.
    pub val: usize,
    /// People, or blocks that stand in for them.
    pub subjects: usize,
    /// False where the dataset names no subjects and neighbouring rows stand in for them.
    pub subjects_named: bool,
    /// Slices.
    pub slices: usize,
    /// Examples with a voxel size that is trusted.
    pub with_spacing: usize,
    /// Examples with an outline.
    pub outlined: usize,
    /// Questions.
    pub questions: usize,
    /// Texts of the dataset's own.
    pub texts: usize,
    /// Labels: examples where it is, and where someone looked.
    pub labels: BTreeMap<String, (usize, usize)>,
    /// Licence as the source writes it; empty for a dataset that is not in the catalogue.
    pub licence: String,
    /// The widest use it admits.
    pub admits: String,
    /// Were the terms read at the source's own words?
    pub licence_read: bool,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// One example of the contact sheet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The dataset.
    pub dataset: String,
    /// Its id there.
    pub id: String,
    /// Its part.
    pub split: Split,
    /// Size, voxel size, sequence and plane in words.
    pub facts: Vec<String>,
    /// Terms outlined in the shown slice, with their colours.
    pub labels: Vec<(String, [u8; 3])>,
    /// Its texts, questions with answers, or the description composed for it.
    pub texts: Vec<String>,
    /// The picture as a data URL.
    #[serde(skip)]
    pub picture: String,
}

/// What a corpus holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// By dataset.
    pub datasets: BTreeMap<String, DatasetCard>,
    /// Parts of the body.
    pub regions: BTreeMap<String, Tag>,
    /// Sequences; `unknown` where nothing says it.
    pub sequences: BTreeMap<String, Tag>,
    /// Planes; `unknown` where nothing says it.
    pub planes: BTreeMap<String, Tag>,
    /// Values by measure: sizes in pixels, voxel sizes in millimetres, characters of texts, quality.
    pub values: BTreeMap<&'static str, Vec<f32>>,
    /// The contact sheet, by dataset.
    pub samples: Vec<Sample>,
    #[serde(skip)]
    options: CardOptions,
    #[serde(skip)]
    people: BTreeMap<String, HashSet<[u8; 8]>>,
    /// Hashes of the samples so far, beside `samples`.
    #[serde(skip)]
    order: Vec<[u8; 8]>,
}

impl Card {
    /// A card of nothing yet.
    pub fn new(options: CardOptions) -> Self {
        Self {
            datasets: BTreeMap::new(),
            regions: BTreeMap::new(),
            sequences: BTreeMap::new(),
            planes: BTreeMap::new(),
            values: BTreeMap::new(),
            samples: Vec::new(),
            options: CardOptions {
                samples: options.samples.min(48),
                side: options.side.clamp(32, 512),
            },
            people: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// Examples of all datasets.
    pub fn n_examples(&self) -> usize {
        self.datasets.values().map(|d| d.examples).sum()
    }

    /// Counts one example and perhaps shows it.
    pub fn add(&mut self, e: &Example) {
        let name = e.dataset.name();
        if !self.datasets.contains_key(name) {
            self.datasets.insert(name.to_owned(), facts_of(name));
        }
        let people = self.people.entry(name.to_owned()).or_default();
        people.insert(short_hash(&e.subject));
        let n_people = people.len();
        if let Some(d) = self.datasets.get_mut(name) {
            d.examples += 1;
            match e.split {
                Split::Train => d.train += 1,
                Split::Val => d.val += 1,
            }
            d.subjects = n_people;
            d.slices += e.image.size.z;
            d.with_spacing += usize::from(e.image.spacing_mm.is_some());
            d.outlined += usize::from(e.labels.as_ref().is_some_and(|l| l.iter().any(|v| *v > 0)));
            d.questions += e.questions.len();
            d.texts += e.texts.len();
            for (term, n) in e.label_counts() {
                let entry = d.labels.entry(term.name().to_owned()).or_default();
                entry.0 += usize::from(n > 0);
                entry.1 += 1;
            }
        }
        let known = recognise(e, &e.id);
        count(
            &mut self.sequences,
            known.sequence.map(|r| (r.value.name(), r.source)),
        );
        count(
            &mut self.planes,
            known.plane.map(|r| (r.value.name(), r.source)),
        );
        count(
            &mut self.regions,
            e.classes.region.map(|r| (r.name(), Source::Dataset)),
        );
        self.measure(e);
        self.show(e);
    }

    /// Keeps the numbers of an example.
    fn measure(&mut self, e: &Example) {
        let mut keep = |what: &'static str, v: Option<f32>| {
            if let Some(v) = v.filter(|v| v.is_finite()) {
                self.values.entry(what).or_default().push(v);
            }
        };
        let n = e.image.native_size;
        keep("rows", Some(n.y as f32));
        keep("columns", Some(n.x as f32));
        keep("slices", (n.z > 1).then_some(n.z as f32));
        if let Some(mm) = e.image.spacing_mm {
            keep("in-plane voxel size", Some(mm.x.min(mm.y) as f32));
            keep("distance of slices", (n.z > 1).then_some(mm.z as f32));
        }
        for text in &e.texts {
            keep(
                "characters of a text",
                Some(text.text.chars().count() as f32),
            );
        }
        for q in &e.questions {
            keep(
                "characters of a question",
                Some(q.question.chars().count() as f32),
            );
            keep(
                "characters of an answer",
                Some(q.answer.chars().count() as f32),
            );
        }
        let q = Quality::of(&e.image);
        keep("noise", q.noise);
        keep("signal-to-noise ratio", q.snr);
        keep("ghost-to-signal ratio", q.ghost.worst());
        keep("entropy focus", q.entropy_focus);
        keep("sharpness", q.sharpness);
        keep("bias field", q.bias);
        keep("share of object", Some(q.object_share));
        keep("cut off by the border", q.cut_off.worst());
        let empty = q.n_empty_slices as f32 / q.n_slices.max(1) as f32;
        keep("share of empty slices", (q.n_slices > 1).then_some(empty));
        keep("anisotropy", q.anisotropy);
    }

    /// Keeps the example if its hash is among the smallest of its dataset.
    fn show(&mut self, e: &Example) {
        let hash = short_hash(&format!("{}\n{}", e.dataset, e.id));
        let name = e.dataset.name();
        let mine: Vec<usize> = (0..self.samples.len())
            .filter(|&k| self.samples[k].dataset == name)
            .collect();
        let full = mine.len() >= self.options.samples;
        let last = mine.iter().copied().max_by_key(|&k| self.order[k]);
        if self.options.samples == 0 || full && last.is_none_or(|k| self.order[k] <= hash) {
            return;
        }
        let Some((picture, terms)) = picture(e, self.options.side) else {
            return;
        };
        if let Some(k) = last.filter(|_| full) {
            self.samples.remove(k);
            self.order.remove(k);
        }
        let known = recognise(e, &e.id);
        let said = |name: &str, source: Source| match source {
            Source::Dataset => name.to_owned(),
            _ => format!("{name} ({})", source.name()),
        };
        let n = e.image.native_size;
        let mut facts = vec![if n.z > 1 {
            format!("{} × {} × {}", n.z, n.y, n.x)
        } else {
            format!("{} × {}", n.y, n.x)
        }];
        if let Some(mm) = e.image.spacing_mm {
            facts.push(format!("{:.2} × {:.2} × {:.2} mm", mm.z, mm.y, mm.x));
        }
        facts.extend(known.sequence.map(|r| said(r.value.name(), r.source)));
        facts.extend(known.plane.map(|r| said(r.value.name(), r.source)));
        // Sorted by dataset and hash: the sheet does not depend on the order of the examples.
        let at = (0..self.samples.len())
            .position(|k| (self.samples[k].dataset.as_str(), self.order[k]) > (name, hash))
            .unwrap_or(self.samples.len());
        self.order.insert(at, hash);
        self.samples.insert(
            at,
            Sample {
                dataset: name.to_owned(),
                id: e.id.clone(),
                split: e.split,
                facts,
                labels: terms
                    .into_iter()
                    .map(|t| (t.name().to_owned(), colour(t)))
                    .collect(),
                texts: texts(e),
                picture,
            },
        );
    }
}

/// What the catalogue says of a dataset.
fn facts_of(name: &str) -> DatasetCard {
    let Ok(entry) = find(name) else {
        return DatasetCard {
            subjects_named: true,
            ..DatasetCard::default()
        };
    };
    let block = entry
        .adapter
        .as_ref()
        .and_then(|a| a.rows.subject_block.as_ref());
    let mut notes = entry.notes.clone();
    if let Some(block) = block {
        notes.push(format!(
            "Subjects are not named: {} neighbouring rows stand in for one, and the number of subjects is that of blocks; \
             {} rows on each side of a boundary between parts are left out of training.",
            block.size,
            block.guard
        ));
    }
    DatasetCard {
        subjects_named: block.is_none(),
        licence: entry.licence.name.clone(),
        admits: entry.licence.admits.name().to_owned(),
        licence_read: entry.licence.read,
        notes,
        ..DatasetCard::default()
    }
}

/// Texts to show: the dataset's own, else the description that is composed for training.
fn texts(e: &Example) -> Vec<String> {
    let short = |text: &str| {
        super::chart::cut(
            &text.split_whitespace().collect::<Vec<_>>().join(" "),
            SHOWN_TEXT,
        )
    };
    let own = e
        .texts
        .iter()
        .take(1)
        .map(|t| format!("{}: {}", t.kind.name(), t.text));
    let asked = e
        .questions
        .iter()
        .take(2)
        .map(|q| format!("{} → {}", q.question, q.answer));
    let mut out: Vec<String> = own.chain(asked).map(|t| short(&t)).collect();
    if out.is_empty() {
        let composed = describe(e, 0).map(|d| d.text()).unwrap_or_default();
        if !composed.is_empty() {
            out.push(short(&format!("composed: {composed}")));
        }
    }
    out
}

fn count(map: &mut BTreeMap<String, Tag>, found: Option<(&'static str, Source)>) {
    let (name, source) = found.unwrap_or(("unknown", Source::Dataset));
    let tag = map.entry(name.to_owned()).or_default();
    match source {
        Source::ImageRule => tag.by_image += 1,
        _ => tag.stated += 1,
    }
}

fn short_hash(text: &str) -> [u8; 8] {
    let digest = Sha256::digest(text);
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}
