//! From the rows of a dataset to items: what to read, and what is known of it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use omnimri_findings::Sequence;

use super::boxes::Boxes;
use super::choose::{choose, class_columns, classes, column_of};
use super::item::{Item, Listed, MaskSource, MaskWhat, Pixels, TextSource};
use super::rows::{Parts, read_rows};
use super::settings::{
    Adapter, AdapterKind, MaskForm, MaskRule, QuestionRule, Rows, Series, TextRule,
};
use super::{decathlon, dicom};
use crate::catalogue::{CatalogueEntry, is_inside};
use crate::error::{Error, Result};
use crate::example::{DatasetId, QuestionAnswer, SourceText, Split};
use crate::load::Rejected;
use crate::table::{Row, placeholders};

/// Why a row gives no item.
type Outcome<T> = std::result::Result<T, String>;

/// Lists the items of a dataset in the order of its rows.
///
/// Fails where the rows are unusable, or where a subject lies in both splits: such a table would leak.
pub(crate) fn list(entry: &CatalogueEntry, dir: &Path) -> Result<Listed> {
    let Some(adapter) = &entry.adapter else {
        return Err(Error::NoAdapter {
            name: entry.name.clone(),
        });
    };
    let (table, path) = read_rows(entry, adapter, dir)?;
    table.require(columns(adapter))?;
    let lister = Lister {
        dataset: DatasetId::new(&entry.name),
        adapter,
        dir,
        parts: Parts::new(entry, adapter, &table, dir)?,
        boxes: Boxes::read(adapter, dir)?,
    };
    let mut listed = Listed::default();
    let mut at: HashMap<String, usize> = HashMap::new();
    let all_series = adapter.series();
    for row in table.rows() {
        if let Some(only) = adapter.rows.only
            && lister.split(row).is_ok_and(|split| split != only)
        {
            continue;
        }
        if let Some(questions) = &adapter.questions
            && let Some(&k) = at.get(&row.fill(&adapter.rows.id))
        {
            let item = &mut listed.items[k];
            let reason = match lister.split(row) {
                Err(reason) => Some(reason),
                Ok(split) if split != item.split => Some(format!("a question of {split} too")),
                Ok(_) => {
                    item.questions.extend(question(questions, row));
                    None
                }
            };
            if let Some(reason) = reason {
                let path = item.image.clone();
                listed.reject(&path, reason);
            }
            continue;
        }
        for series in &all_series {
            match lister.items(row, series) {
                Ok(items) => {
                    for item in items {
                        if at.contains_key(&item.id) {
                            listed.reject(&item.image, format!("the id {} a second time", item.id));
                        } else {
                            at.insert(item.id.clone(), listed.items.len());
                            listed.items.push(item);
                        }
                    }
                }
                Err(reason) => listed.reject(&dir.join(row.fill(&series.image)), reason),
            }
        }
    }
    refuse_leaks(&listed.items, &path)?;
    Ok(listed)
}

impl Listed {
    fn reject(&mut self, path: &Path, reason: String) {
        self.rejected.push(Rejected {
            path: path.into(),
            reason,
        });
    }
}

/// Refuses a table in which one subject lies in both splits.
fn refuse_leaks(items: &[Item], table: &Path) -> Result<()> {
    let subjects = |split| -> HashSet<&str> {
        items
            .iter()
            .filter(|i| i.split == split)
            .map(|i| i.subject.as_str())
            .collect()
    };
    let (train, val) = (subjects(Split::Train), subjects(Split::Val));
    match train.intersection(&val).min() {
        None => Ok(()),
        Some(subject) => Err(Error::BadTable {
            path: table.into(),
            line: 1,
            expected: "every subject in one split".into(),
            found: format!("subject {subject} in train and val"),
        }),
    }
}

/// Columns that the settings ask for; that of the split may be absent, see [`Parts`].
pub(crate) fn columns(adapter: &Adapter) -> Vec<&str> {
    let rows = &adapter.rows;
    let mut out = placeholders(&rows.id);
    out.extend(placeholders(&rows.subject));
    out.extend(
        rows.subject_block
            .iter()
            .flat_map(|b| [b.column.as_str(), b.within.as_str()]),
    );
    out.extend(adapter.image.iter().flat_map(|t| placeholders(t)));
    for series in &adapter.series {
        out.extend(placeholders(&series.image));
        out.extend(series.mask.iter().flat_map(|t| placeholders(t)));
    }
    if let Some(q) = &adapter.questions {
        out.extend([q.question.as_str(), q.answer.as_str()]);
        out.extend(q.closed.iter().map(|c| c.column.as_str()));
        out.extend(q.options.iter().map(String::as_str));
    }
    for text in &adapter.texts {
        out.extend(text.column.as_deref());
        out.extend(text.file.iter().flat_map(|t| placeholders(t)));
    }
    out.extend(class_columns(&adapter.classes));
    for mask in adapter.mask_rules() {
        out.extend(mask.label.as_ref().and_then(column_of));
        out.extend(mask.empty_when.iter().map(|e| e.column.as_str()));
        out.extend(mask.file.iter().flat_map(|f| placeholders(f)));
    }
    out
}

struct Lister<'a> {
    dataset: DatasetId,
    adapter: &'a Adapter,
    dir: &'a Path,
    parts: Parts<'a>,
    boxes: Boxes,
}

impl Lister<'_> {
    fn split(&self, row: Row<'_>) -> Outcome<Split> {
        self.parts.of(row, &subject(&self.adapter.rows, row)?)
    }

    /// The items of a series of a row: none where an optional file is not there, several for a choice of DICOM series.
    fn items(&self, row: Row<'_>, series: &Series) -> Outcome<Vec<Item>> {
        let image = self.path(&self.image_of(row, series))?;
        if series.optional && !image.exists() {
            return Ok(Vec::new());
        }
        let item = self.item(row, series, image)?;
        if self.adapter.kind != AdapterKind::DicomTree {
            return Ok(vec![item]);
        }
        let choice = series.dicom.clone().unwrap_or_default();
        let found = dicom::chosen(&item.image, &choice)?;
        if found.is_empty() && series.optional {
            return Ok(Vec::new());
        }
        if found.is_empty() {
            return Err("no series of this folder fits the rule".into());
        }
        let frame = series.frame.unwrap_or(0);
        Ok(found
            .into_iter()
            .map(|one| {
                let mut item = item.clone();
                if choice.all {
                    let last = one.uid.rsplit('.').next().unwrap_or_default();
                    item.id = format!("{}/{last}", item.id);
                }
                item.pixels = Pixels::Dicom {
                    files: one.files,
                    frame,
                };
                item
            })
            .collect())
    }

    /// Path of the image below the dataset's folder.
    fn image_of(&self, row: Row<'_>, series: &Series) -> String {
        if self.adapter.kind == AdapterKind::Decathlon {
            return match series.frame {
                Some(k) => decathlon::channel(row.get("image"), k).0,
                None => row.get("image").to_owned(),
            };
        }
        row.fill(&series.image)
    }

    fn pixels(&self, row: Row<'_>, series: &Series) -> Pixels {
        let frame = series.frame.unwrap_or(0);
        match self.adapter.kind {
            AdapterKind::ImageFolderCsv => Pixels::Picture,
            AdapterKind::Fastmri | AdapterKind::Ismrmrd => {
                Pixels::Raw(self.adapter.raw.clone().unwrap_or_default())
            }
            AdapterKind::Array => {
                let form = self.adapter.array.clone().unwrap_or_default();
                let name = series.array.clone().or_else(|| form.array.clone());
                Pixels::Array { form, name, frame }
            }
            AdapterKind::Decathlon => Pixels::File {
                frame: decathlon::channel(row.get("image"), frame).1,
            },
            _ => Pixels::File { frame },
        }
    }

    fn item(&self, row: Row<'_>, series: &Series, image: PathBuf) -> Outcome<Item> {
        let rows = &self.adapter.rows;
        let id = row.fill(&rows.id);
        if id.is_empty() {
            return Err("an empty id".into());
        }
        let mut classes = classes(&self.adapter.classes, row)?;
        if series.sequence.is_some() {
            classes.sequence = series.sequence;
        } else if self.adapter.kind == AdapterKind::Bids && self.adapter.classes.sequence.is_none()
        {
            classes.sequence = Sequence::from_name(row.get("sequence"));
        }
        let subject = subject(rows, row)?;
        let boxes = self.boxes.of(&id);
        let rules = self.adapter.mask_rules();
        let masks = rules.map(|rule| self.mask(rule, row, series));
        let questions = self.adapter.questions.as_ref();
        Ok(Item {
            dataset: self.dataset.clone(),
            id: if series.name.is_empty() {
                id
            } else {
                format!("{id}/{}", series.name)
            },
            split: self.parts.of(row, &subject)?,
            subject,
            pixels: self.pixels(row, series),
            form: self.adapter.form.clone(),
            masks: masks
                .collect::<Outcome<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect(),
            image,
            boxes,
            classes,
            texts: self.texts(row)?,
            questions: questions
                .and_then(|q| question(q, row))
                .into_iter()
                .collect(),
        })
    }

    /// A path of the table below the dataset's folder; a cell may not lead out of it.
    fn path(&self, relative: &str) -> Outcome<PathBuf> {
        if is_inside(relative) {
            Ok(self.dir.join(relative))
        } else {
            Err(format!(
                "a path inside the dataset's folder was expected, found {relative:?}"
            ))
        }
    }

    fn mask(&self, rule: &MaskRule, row: Row<'_>, series: &Series) -> Outcome<Option<MaskSource>> {
        let source = |what| MaskSource {
            what,
            missing: rule.missing,
            annotated: rule.annotated.clone(),
            array: rule.array.clone(),
        };
        if rule
            .empty_when
            .as_ref()
            .is_some_and(|e| row.get(&e.column) == e.value)
        {
            return Ok(Some(source(MaskWhat::Empty)));
        }
        let template = series.mask.as_deref().or(rule.file.as_deref());
        let file = match (template, self.adapter.kind) {
            (Some(template), _) => row.fill(template),
            // A test case has none.
            (None, AdapterKind::Decathlon) if row.get("label").is_empty() => return Ok(None),
            (None, AdapterKind::Decathlon) => row.get("label").to_owned(),
            // An array beside the image in its own file.
            (None, AdapterKind::Array) => self.image_of(row, series),
            (None, _) => return Ok(None),
        };
        let path = self.path(&file)?;
        Ok(Some(source(match rule.form {
            MaskForm::Binary => match choose("label", &rule.label, row)? {
                Some(label) => MaskWhat::Binary(path, label),
                None => return Err("a mask without a label".into()),
            },
            MaskForm::Values => {
                let known = rule.values.iter();
                let values = known.filter_map(|(k, l)| Some((k.parse().ok()?, *l)));
                MaskWhat::Values(path, values.collect(), rule.ignore.clone())
            }
            MaskForm::Named => {
                let names = rule.names.iter().map(|(k, l)| (k.to_lowercase(), *l));
                MaskWhat::Named(path, names.collect())
            }
        })))
    }

    fn texts(&self, row: Row<'_>) -> Outcome<Vec<TextSource>> {
        let mut out = Vec::new();
        for rule in &self.adapter.texts {
            out.extend(self.text(rule, row)?);
        }
        Ok(out)
    }

    fn text(&self, rule: &TextRule, row: Row<'_>) -> Outcome<Option<TextSource>> {
        let language = rule.language.clone().unwrap_or_else(|| "en".into());
        if let Some(column) = &rule.column {
            let text = row.get(column);
            return Ok((!text.is_empty()).then(|| {
                TextSource::Cell(SourceText {
                    kind: rule.kind,
                    text: text.to_owned(),
                    writer: rule.writer,
                    language,
                    origin: format!("column {column}"),
                })
            }));
        }
        let origin = row.fill(rule.file.as_deref().unwrap_or_default());
        Ok(Some(TextSource::File {
            path: self.path(&origin)?,
            kind: rule.kind,
            writer: rule.writer,
            language,
            origin,
        }))
    }
}

/// The question of a row, with the options of a multiple choice; `None` where either side is empty.
fn question(rule: &QuestionRule, row: Row<'_>) -> Option<QuestionAnswer> {
    let (question, answer) = (row.get(&rule.question), row.get(&rule.answer));
    if question.is_empty() || answer.is_empty() {
        return None;
    }
    let options: Vec<String> = ('A'..='Z')
        .zip(rule.options.iter().map(|column| row.get(column)))
        .filter(|(_, text)| !text.is_empty())
        .map(|(letter, text)| format!("{letter}: {text}"))
        .collect();
    let closed = match &rule.closed {
        Some(closed) => row.get(&closed.column).eq_ignore_ascii_case(&closed.value),
        None => !options.is_empty() || ["yes", "no"].iter().any(|w| answer.eq_ignore_ascii_case(w)),
    };
    Some(QuestionAnswer {
        question: if options.is_empty() {
            question.to_owned()
        } else {
            format!("{question} {}", options.join(", "))
        },
        answer: answer.to_owned(),
        closed,
    })
}

fn subject(rows: &Rows, row: Row<'_>) -> Outcome<String> {
    let block = rows.subject_block.as_ref().map(|b| (b, row.get(&b.within)));
    let Some((block, group)) = block.filter(|(_, group)| !group.is_empty()) else {
        let name = row.fill(&rows.subject);
        return if name.is_empty() {
            Err("an empty subject".into())
        } else {
            Ok(name)
        };
    };
    let cell = row.get(&block.column);
    match cell.parse::<u64>() {
        Ok(number) => Ok(format!("{group}/{}", number / block.size.max(1))),
        Err(_) => Err(format!(
            "{}: expected a whole number, found {cell:?}",
            block.column
        )),
    }
}
