//! What a user's folder is: shards, datasets of the catalogue, an entry of its own, nnU-Net, or images with masks beside them.

mod labels;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use omnimri_corpus::CatalogueEntry;
use omnimri_corpus::adapter::{
    Adapter, AdapterKind, Choice, ClassRules, Decathlon, MaskForm, MaskRule, MissingMask, Rows,
    VolumeForm,
};
use omnimri_corpus::catalogue::{Access, AccessKind, Counts, Kind, Licence, Use, Verified};
use omnimri_corpus::load::chosen;
use omnimri_corpus::shard::MANIFEST;
use omnimri_findings::Term;
use omnimri_model::task::MaskTask;

use crate::error::{Error, Result};
use crate::pairs::{self, Pairs};
pub use labels::Labels;
use labels::{named_labels, nearest, term};

/// An entry that lies in the dataset's own folder.
pub const OWN_ENTRY: &str = "omnimri.toml";

/// A corpus as a run names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recognised {
    /// Folder above the datasets; empty for shards.
    pub data: PathBuf,
    /// Names of the datasets; none means all, for shards.
    pub sets: Vec<String>,
    /// Entries that are not of the catalogue.
    pub own: Vec<CatalogueEntry>,
    /// Root of the shards.
    pub shards: Option<String>,
    /// What was found, for the user to check: a line each.
    pub told: Vec<String>,
}

/// Recognises a folder; `labels` says what its values mean where it does not say so itself.
///
/// # Errors
/// [`Error::UnknownFolder`] for a form that is not known, [`Error::UnknownLabels`] and [`Error::NothingToDraw`] for labels that
/// the model cannot learn, and what reading the folder fails with.
pub fn recognise(data: &Path, labels: &Labels) -> Result<Recognised> {
    if let Some(root) = data.to_str().filter(|d| d.contains("://")) {
        return Ok(shards(root));
    }
    let dir = data.canonicalize().map_err(|source| Error::Read {
        path: data.into(),
        source,
    })?;
    if !dir.is_dir() {
        return Err(unknown(&dir, "a file"));
    }
    if dir.join(MANIFEST).is_file() {
        return Ok(shards(&dir.to_string_lossy()));
    }
    let (Some(parent), Some(folder)) = (dir.parent(), dir.file_name().and_then(|n| n.to_str()))
    else {
        return Err(unknown(&dir, "the root of the file system"));
    };
    let own = |entry: CatalogueEntry, told: Vec<String>| Recognised {
        data: parent.into(),
        sets: vec![entry.name.clone()],
        own: vec![entry],
        told,
        ..Recognised::default()
    };
    if dir.join(OWN_ENTRY).is_file() {
        let mut entry = read_entry(&dir.join(OWN_ENTRY))?;
        entry.folder = Some(folder.to_owned());
        refuse_undrawable(&dir, &outlined(&entry))?;
        let told = format!("{}: read as {OWN_ENTRY} says", entry.name);
        return Ok(own(entry, vec![told]));
    }
    if dir.join("dataset.json").is_file() {
        let (adapter, told) = decathlon(&dir, labels)?;
        return Ok(own(entry(folder, adapter), told));
    }
    let known = chosen(parent, &[])?;
    if let Some(one) = known.iter().find(|e| e.folder() == folder) {
        return Ok(catalogued(parent, &[one.name.as_str()]));
    }
    let below = chosen(&dir, &[])?;
    if !below.is_empty() {
        let names: Vec<&str> = below.iter().map(|e| e.name.as_str()).collect();
        return Ok(catalogued(&dir, &names));
    }
    match pairs::find(&dir)? {
        Some(found) => {
            let (adapter, told) = paired(&dir, &found, labels)?;
            Ok(own(entry(folder, adapter), told))
        }
        None => Err(unknown(
            &dir,
            "neither images with masks nor a list of them",
        )),
    }
}

fn unknown(path: &Path, found: &str) -> Error {
    Error::UnknownFolder {
        path: path.into(),
        found: found.into(),
    }
}

fn shards(root: &str) -> Recognised {
    Recognised {
        shards: Some(root.to_owned()),
        told: vec![format!("{root}: shards")],
        ..Recognised::default()
    }
}

fn catalogued(data: &Path, names: &[&str]) -> Recognised {
    Recognised {
        data: data.into(),
        sets: names.iter().map(|n| (*n).to_owned()).collect(),
        told: vec![format!("{}: of the catalogue", names.join(", "))],
        ..Recognised::default()
    }
}

fn read_entry(path: &Path) -> Result<CatalogueEntry> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })?;
    Ok(CatalogueEntry::parse(&path.to_string_lossy(), &text)?)
}

/// Everything that the masks of an entry outline.
fn outlined(entry: &CatalogueEntry) -> Vec<Term> {
    let rules = entry.adapter.iter().flat_map(Adapter::mask_rules);
    rules.flat_map(|r| r.annotated.clone()).collect()
}

/// Refuses a set whose masks the model cannot learn, as a whole; a set without masks may have classes or questions.
fn refuse_undrawable(dir: &Path, terms: &[Term]) -> Result<()> {
    if terms.is_empty() || terms.iter().any(|t| t.label().is_some()) {
        return Ok(());
    }
    let names: Vec<&str> = terms.iter().map(|t| t.name()).collect();
    Err(Error::NothingToDraw {
        path: dir.into(),
        found: names.join(", "),
    })
}

/// `dataset.json`: its own names of the labels, or the user's.
fn decathlon(dir: &Path, labels: &Labels) -> Result<(Adapter, Vec<String>)> {
    let path = dir.join("dataset.json");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let json: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| Error::UnknownFolder {
            path: path.clone(),
            found: format!("a dataset.json that is no JSON: {e}"),
        })?;
    let named = named_labels(&json);
    let mut values = labels.values.clone();
    if let (Some(only), [(value, _)]) = (labels.only, named.foreground.as_slice()) {
        values.entry(*value).or_insert(only);
    }
    let mut missing = Vec::new();
    for (value, name) in &named.foreground {
        match values.get(value).copied().or_else(|| term(name)) {
            Some(term) => {
                values.insert(*value, term);
            }
            None => missing.push((*value, name.as_str())),
        }
    }
    let names = |list: &[(u16, &str)]| {
        let names: Vec<String> = list.iter().map(|(v, n)| format!("{v} ({n})")).collect();
        names.join(", ")
    };
    if let Some((value, name)) = missing.first() {
        return Err(Error::UnknownLabels {
            path,
            unknown: names(&missing),
            value: *value,
            example: nearest(name).to_owned(),
        });
    }
    let terms = Labels { only: None, values };
    if terms.values.is_empty() {
        return Err(unknown(&path, "a dataset.json without labels"));
    }
    refuse_undrawable(dir, &terms.terms())?;
    let ending = json.get("file_ending").and_then(serde_json::Value::as_str);
    let picture = ending.is_some_and(pairs::is_picture);
    let mask = mask_rule(None, &terms, named.ignore);
    let mut adapter = adapter(AdapterKind::Decathlon, Rows::default(), mask, picture);
    adapter.rows.subject = "{id}".into();
    adapter.decathlon = Some(Decathlon::default());
    Ok((adapter, told(&terms.terms(), "dataset.json", "a case")))
}

fn paired(dir: &Path, found: &Pairs, labels: &Labels) -> Result<(Adapter, Vec<String>)> {
    let terms = labels.terms();
    if terms.is_empty() {
        return Err(Error::UnknownLabels {
            path: dir.into(),
            unknown: format!("of {}", found.mask),
            value: 1,
            example: "glioma".into(),
        });
    }
    refuse_undrawable(dir, &terms)?;
    let picture = pairs::is_picture(&found.image);
    let kind = if picture {
        AdapterKind::ImageFolderCsv
    } else {
        AdapterKind::NiftiCases
    };
    let rows = Rows {
        list: Some(found.list.clone()),
        id: found.id.clone(),
        subject: found.subject.clone(),
        ..Rows::default()
    };
    let mask = mask_rule(Some(found.mask.clone()), labels, Vec::new());
    let mut adapter = adapter(kind, rows, mask, picture);
    adapter.image = Some(found.image.clone());
    let pattern = format!("{} with {}", found.image, found.mask);
    let whose = if found.subject == found.id {
        "a file"
    } else {
        "the part {subject} of the name"
    };
    let mut lines = told(&terms, &format!("{} pairs, {pattern}", found.n), whose);
    if found.alone > 0 {
        lines.push(format!(
            "{} images without a mask are not outlined",
            found.alone
        ));
    }
    Ok((adapter, lines))
}

fn mask_rule(file: Option<String>, labels: &Labels, ignore: Vec<u16>) -> MaskRule {
    MaskRule {
        file,
        form: if labels.only.is_some() {
            MaskForm::Binary
        } else {
            MaskForm::Values
        },
        label: labels.only.map(Choice::Fixed),
        values: labels
            .values
            .iter()
            .map(|(v, t)| (v.to_string(), *t))
            .collect(),
        ignore,
        names: BTreeMap::new(),
        annotated: labels.terms(),
        empty_when: None,
        missing: MissingMask::Unlabelled,
        array: None,
    }
}

fn adapter(kind: AdapterKind, rows: Rows, mask: MaskRule, picture: bool) -> Adapter {
    let mut regions: Vec<_> = mask.annotated.iter().map(|t| t.region()).collect();
    regions.dedup();
    let classes = ClassRules {
        // One region where all structures lie in the same.
        region: match regions.as_slice() {
            [one] => Some(Choice::Fixed(*one)),
            _ => None,
        },
        modality_mr: Some(Choice::Fixed(true)),
        ..ClassRules::default()
    };
    Adapter {
        kind,
        rows,
        image: None,
        series: Vec::new(),
        mask: Some(mask),
        masks: Vec::new(),
        classes,
        boxes: None,
        texts: Vec::new(),
        questions: None,
        form: VolumeForm {
            canonical: !picture,
            spacing_wrong: false,
        },
        bids: None,
        decathlon: None,
        raw: None,
        array: None,
    }
}

fn told(terms: &[Term], what: &str, whose: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "{what}; {whose} is a subject, a tenth of the subjects are held out"
    )];
    let (drawn, other): (Vec<Term>, Vec<Term>) = terms.iter().partition(|t| {
        t.label()
            .is_some_and(|l| MaskTask::ALL.contains(&MaskTask::of(l)))
    });
    let list = |terms: &[Term]| {
        terms
            .iter()
            .map(|t| t.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    lines.push(format!("outlines {}", list(&drawn)));
    if !other.is_empty() {
        lines.push(format!(
            "left out, for the model has no query for it: {}",
            list(&other)
        ));
    }
    lines
}

/// An entry around an adapter: the facts that a user's folder does not tell are marked as not known.
fn entry(folder: &str, adapter: Adapter) -> CatalogueEntry {
    let plain: String = folder
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    // Never the name of a published set: its licence is not that of these files.
    let name = match omnimri_corpus::find(&plain) {
        Ok(_) => format!("own_{plain}"),
        Err(_) => plain,
    };
    CatalogueEntry {
        name,
        title: folder.to_owned(),
        kind: Kind::ImageOnly,
        anatomy: vec!["not told".into()],
        sequences: Vec::new(),
        modalities: vec!["MR".into()],
        tasks: vec!["segmentation".into()],
        kspace: false,
        folder: Some(folder.to_owned()),
        notes: Vec::new(),
        overlaps_with: Vec::new(),
        images_from: Vec::new(),
        verified: Verified::No,
        citation: String::new(),
        layout: "as recognised".into(),
        layout_from: "the folder itself".into(),
        counts: Counts::default(),
        licence: Licence {
            name: "the user's own data".into(),
            admits: Use::Unclear,
            read: false,
            share_alike: false,
            plain: "Not told.".into(),
        },
        access: Access {
            how: AccessKind::Open,
            page: "the user's own".into(),
        },
        checksum: Vec::new(),
        adapter: Some(adapter),
    }
}
