//! Which plots a card has.

use std::collections::BTreeMap;

use super::chart::{Bar, bars, histogram};
use super::gather::{Card, Tag};

/// A plot with its place in the card.
pub(super) struct Plot {
    /// Heading under which it stands.
    pub section: &'static str,
    /// Name of its file.
    pub name: &'static str,
    pub title: &'static str,
    /// What its numbers mean; empty where the title says it.
    pub note: &'static str,
    pub svg: String,
}

pub(super) const HOLDS: &str = "What it holds";
pub(super) const GRIDS: &str = "Grids and texts";
pub(super) const QUALITY: &str = "Quality";

/// Histograms: measure, section, file, logarithmic, note.
const HISTOGRAMS: [(&str, &str, &str, bool, &str); 17] = [
    ("in-plane voxel size", GRIDS, "voxel_in_plane", false, "mm"),
    (
        "distance of slices",
        GRIDS,
        "voxel_through_plane",
        false,
        "mm",
    ),
    ("rows", GRIDS, "rows", false, "pixels of the file"),
    ("slices", GRIDS, "slices", true, "slices of a volume"),
    (
        "characters of a text",
        GRIDS,
        "text_length",
        true,
        "logarithmic",
    ),
    (
        "characters of a question",
        GRIDS,
        "question_length",
        true,
        "logarithmic",
    ),
    (
        "characters of an answer",
        GRIDS,
        "answer_length",
        true,
        "logarithmic",
    ),
    (
        "signal-to-noise ratio",
        QUALITY,
        "snr",
        true,
        "logarithmic; higher is better",
    ),
    (
        "noise",
        QUALITY,
        "noise",
        false,
        "share of the window; inside the object",
    ),
    (
        "ghost-to-signal ratio",
        QUALITY,
        "ghost",
        false,
        "worst axis; 0 is none",
    ),
    (
        "sharpness",
        QUALITY,
        "sharpness",
        false,
        "steepest tenth of gradients; blur lowers it",
    ),
    (
        "entropy focus",
        QUALITY,
        "entropy_focus",
        false,
        "blur and ghosts raise it",
    ),
    ("bias field", QUALITY, "bias", false, "0.1 is about 10 %"),
    (
        "share of object",
        QUALITY,
        "object_share",
        false,
        "the rest is air",
    ),
    (
        "cut off by the border",
        QUALITY,
        "cut_off",
        false,
        "worst axis; 0 is whole",
    ),
    (
        "share of empty slices",
        QUALITY,
        "empty_slices",
        false,
        "of a volume",
    ),
    (
        "anisotropy",
        QUALITY,
        "anisotropy",
        false,
        "largest over smallest voxel side",
    ),
];

/// All plots of a card that have something to show.
pub(super) fn plots(card: &Card) -> Vec<Plot> {
    let mut out = Vec::new();
    let mut add = |name, title, note, all: Vec<Bar>| {
        if !all.is_empty() {
            let svg = bars(title, all);
            out.push(Plot {
                section: HOLDS,
                name,
                title,
                note,
                svg,
            });
        }
    };
    let datasets = card.datasets.iter().map(|(name, d)| Bar {
        name: name.clone(),
        first: d.train,
        second: d.val,
    });
    add(
        "datasets",
        "Examples by dataset",
        "second colour: validation",
        datasets.collect(),
    );
    add(
        "anatomies",
        "Parts of the body",
        "examples",
        tagged(&card.regions),
    );
    add(
        "sequences",
        "Sequences",
        "second colour: told by a rule on the image",
        tagged(&card.sequences),
    );
    add(
        "planes",
        "Planes",
        "second colour: told by a rule on the image",
        tagged(&card.planes),
    );
    let mut admits: BTreeMap<&str, usize> = BTreeMap::new();
    for d in card.datasets.values() {
        let name = if d.admits.is_empty() {
            "not in the catalogue"
        } else {
            &d.admits
        };
        *admits.entry(name).or_default() += d.examples;
    }
    let admits = admits.into_iter().map(|(name, n)| Bar {
        name: name.to_owned(),
        first: n,
        second: 0,
    });
    add(
        "licences",
        "Widest use that the licences admit",
        "examples",
        sorted(admits.collect()),
    );
    let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
    for d in card.datasets.values() {
        for (name, (there, _)) in &d.labels {
            *labels.entry(name).or_default() += there;
        }
    }
    let labels = labels.into_iter().map(|(name, n)| Bar {
        name: name.to_owned(),
        first: n,
        second: 0,
    });
    add(
        "labels",
        "Outlined",
        "examples where it is there",
        sorted(labels.collect()),
    );
    for (measure, section, name, log, note) in HISTOGRAMS {
        let values = card.values.get(measure).map_or(&[][..], Vec::as_slice);
        if let Some(svg) = histogram(measure, values, log) {
            out.push(Plot {
                section,
                name,
                title: measure,
                note,
                svg,
            });
        }
    }
    out
}

fn tagged(map: &BTreeMap<String, Tag>) -> Vec<Bar> {
    let all = map.iter().map(|(name, tag)| Bar {
        name: name.clone(),
        first: tag.stated,
        second: tag.by_image,
    });
    sorted(all.collect())
}

/// The longest first, unknown last.
fn sorted(mut all: Vec<Bar>) -> Vec<Bar> {
    let key = |b: &Bar| (b.name == "unknown", usize::MAX - b.first - b.second);
    all.sort_by(|a, b| key(a).cmp(&key(b)).then(a.name.cmp(&b.name)));
    all
}
