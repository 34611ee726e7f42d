//! All files below a folder, written anew under names that tell nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{InMemDicomObject, open_file};
use omnimri_image::guard::{causes, guarded};
use omnimri_image::{OpenOptions, Volume, read_dicom, write_beside};
use rayon::prelude::*;
use serde::Serialize;

use super::object::Subject;
use super::pseudonym::Key;
use super::{DeidentifyOptions, object};
use crate::error::{Error, Result};
use crate::harmonise::burnt_in::BurntIn;
use crate::harmonise::face::{Face, face};
use crate::load::Rejected;
use crate::stack::{Raw, Stack};

/// Largest file that is read.
const MAX_BYTES: u64 = 4 << 30;
/// Most files of one run.
const MAX_FILES: usize = 1_000_000;

/// What the pixels of a written series may still show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PixelFlag {
    /// Folder below the output.
    pub folder: PathBuf,
    /// Files whose header says that text is burnt in (0028,0301).
    pub n_said_burnt_in: usize,
    /// What a look at the pixels found.
    pub burnt_in: BurntIn,
    /// Whether a face may be there; nothing was removed.
    pub face: Face,
}

/// What was done, and what a person should look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeidentifyReport {
    /// Files written.
    pub n_written: usize,
    /// Patients among them.
    pub n_subjects: usize,
    /// Files that were not written, by their original names: for the eyes of the one who ran it.
    pub left_out: Vec<Rejected>,
    /// Attributes that the profile keeps and that repeated what it removes, now empty: `(gggg,eeee)` and the number of
    /// files.
    pub residues: BTreeMap<String, usize>,
    /// Series whose pixels could be looked at.
    pub series: Vec<PixelFlag>,
    /// Series whose pixels could not be decoded: nobody looked at them.
    pub unseen: Vec<PathBuf>,
}

/// De-identifies every DICOM image below `input` into `output`, as `SUBJECT-.../SERIES/INSTANCE.dcm`.
///
/// Only images are written: reports, structure sets and other objects without pixel data are left out, for their text is
/// their content. Transfer syntax and pixel data stay. Fails where nothing can be read or the output cannot be written;
/// a file that cannot be handled is left out and named. The result does not depend on the number of threads.
pub fn deidentify_tree(
    input: &Path,
    output: &Path,
    key: &Key,
    options: &DeidentifyOptions,
) -> Result<DeidentifyReport> {
    let files = files_below(input)?;
    std::fs::create_dir_all(output).map_err(Error::io(output, "create"))?;
    let done: Vec<_> = files
        .par_iter()
        .map(|path| match one(path, output, key, options) {
            Ok(done) => Ok(Ok(done)),
            Err(Failure::Left(reason)) => Ok(Err(Rejected {
                path: path.clone(),
                reason,
            })),
            Err(Failure::Stop(error)) => Err(*error),
        })
        .collect::<Result<_>>()?;
    let mut report = DeidentifyReport::default();
    let mut subjects = BTreeSet::new();
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for result in done {
        match result {
            Ok(done) => {
                report.n_written += 1;
                subjects.insert(done.subject.clone());
                *folders.entry(done.folder).or_default() += usize::from(done.said_burnt_in);
                for tag in done.residues {
                    *report.residues.entry(tag.to_string()).or_default() += 1;
                }
            }
            Err(rejected) => report.left_out.push(rejected),
        }
    }
    report.n_subjects = subjects.len();
    for (folder, n_said_burnt_in) in folders {
        match read_dicom(&output.join(&folder), &OpenOptions::default()) {
            Ok(volumes) => report.series.push(look(folder, n_said_burnt_in, volumes)),
            Err(_) => report.unseen.push(folder),
        }
    }
    Ok(report)
}

/// A written file.
struct Done {
    subject: String,
    folder: PathBuf,
    said_burnt_in: bool,
    residues: BTreeSet<Tag>,
}

enum Failure {
    /// This file cannot be handled.
    Left(String),
    /// Nothing can be written.
    Stop(Box<Error>),
}

fn one(
    path: &Path,
    output: &Path,
    key: &Key,
    options: &DeidentifyOptions,
) -> std::result::Result<Done, Failure> {
    let left = |reason: String| Failure::Left(reason);
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    if bytes > MAX_BYTES {
        return Err(left(format!("{bytes} bytes, more than {MAX_BYTES}")));
    }
    let file = guarded(|| open_file(path))
        .map_err(left)?
        .map_err(|e| left(causes(&e)))?;
    let syntax = file.meta().transfer_syntax().to_owned();
    let object = file.into_inner();
    if object.get(tags::PIXEL_DATA).is_none() {
        return Err(left(
            "no image: its text is its content and cannot be cleaned by rule".into(),
        ));
    }
    let text = |tag| said(&object, tag);
    let (Some(class), Some(instance)) = (text(tags::SOP_CLASS_UID), text(tags::SOP_INSTANCE_UID))
    else {
        return Err(left("an object without SOP class or instance UID".into()));
    };
    // Two patients without an identifier must not become one: their study tells them apart.
    let who = text(tags::PATIENT_ID)
        .or_else(|| text(tags::STUDY_INSTANCE_UID))
        .unwrap_or_default();
    let series = text(tags::SERIES_INSTANCE_UID).unwrap_or_default();
    let said_burnt_in = text(tags::BURNED_IN_ANNOTATION).is_some_and(|v| v == "YES");
    let subject = Subject {
        key,
        options,
        days: key.days(&who),
        pseudonym: key.patient(&who),
    };
    let object::Cleaned { object, residues } = subject.clean(object);
    let sop = key.uid(&instance);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(sop.clone())
        .build()
        .map_err(|e| left(causes(&e)))?;
    let folder = Path::new(&subject.pseudonym).join(key.uid(&series));
    let place = output.join(&folder);
    std::fs::create_dir_all(&place)
        .map_err(|e| Failure::Stop(Box::new(Error::io(&place, "create")(e))))?;
    let file = object.with_exact_meta(meta);
    let mut written = Vec::new();
    guarded(|| file.write_all(&mut written).map_err(|e| causes(&e)))
        .map_err(left)?
        .map_err(left)?;
    write_beside(&place.join(format!("{sop}.dcm")), |w| w.write_all(&written))
        .map_err(|e| Failure::Stop(Box::new(Error::Write(e))))?;
    Ok(Done {
        subject: subject.pseudonym,
        folder,
        said_burnt_in,
        residues,
    })
}

/// A text without padding; `None` if it is absent or empty.
fn said(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_raw_str().ok()?;
    let text = text.trim_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// Looks at the pixels of a series.
fn look(folder: PathBuf, n_said_burnt_in: usize, volumes: Vec<Volume>) -> PixelFlag {
    let mut flag = PixelFlag {
        folder,
        n_said_burnt_in,
        burnt_in: BurntIn::default(),
        face: Face::NotSeen,
    };
    for mut volume in volumes {
        let n = volume.geometry.size.count();
        volume.voxels.truncate(n);
        let (voxels, geometry) = (volume.voxels, volume.geometry);
        let stack = Stack::from_raw(
            Raw {
                voxels,
                size: geometry.size,
                spacing_mm: geometry.trusted_spacing_mm(),
            },
            None,
        );
        let found = BurntIn::of(&stack);
        if found.glyphs > flag.burnt_in.glyphs {
            flag.burnt_in = found;
        }
        let code = geometry.affine.orientation_code();
        let code = geometry.orientation.is_trusted().then_some(code.as_str());
        flag.face = flag.face.max(face(&stack, code));
    }
    flag
}

/// Files below a path, sorted; links are not followed.
fn files_below(input: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![input.to_path_buf()];
    if input.is_file() {
        return Ok(open);
    }
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder, "list"))? {
            let entry = entry.map_err(Error::io(&folder, "list"))?;
            let kind = entry
                .file_type()
                .map_err(Error::io(entry.path(), "look at"))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
        if files.len() > MAX_FILES {
            return Err(Error::Missing {
                path: input.into(),
                expected: format!("at most {MAX_FILES} files"),
                hint: "give one patient's or one study's folder at a time".into(),
            });
        }
    }
    files.sort();
    Ok(files)
}

impl DeidentifyReport {
    /// True if every file was written and nothing was flagged.
    pub fn is_clear(&self) -> bool {
        self.left_out.is_empty()
            && self.unseen.is_empty()
            && self
                .series
                .iter()
                .all(|s| s.n_said_burnt_in == 0 && !s.burnt_in.suspected && s.face == Face::NotSeen)
    }
}

impl fmt::Display for DeidentifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} files of {} subjects written; pixel data were copied, not cleaned",
            self.n_written, self.n_subjects
        )?;
        for r in &self.left_out {
            writeln!(f, "  left out: {}: {}", r.path.display(), r.reason)?;
        }
        for (tag, n) in &self.residues {
            writeln!(
                f,
                "  {tag} repeated an identifier and was emptied in {n} files"
            )?;
        }
        for s in &self.series {
            let name = s.folder.display();
            if s.n_said_burnt_in > 0 || s.burnt_in.suspected {
                writeln!(f, "  possibly burnt-in text: {name}")?;
            }
            if s.face == Face::PossiblyIntact {
                writeln!(f, "  possibly intact face: {name}")?;
            }
            if s.face == Face::Unknown {
                writeln!(f, "  could not be checked for a face: {name}")?;
            }
        }
        for folder in &self.unseen {
            writeln!(
                f,
                "  pixels could not be decoded, nobody looked: {}",
                folder.display()
            )?;
        }
        Ok(())
    }
}
