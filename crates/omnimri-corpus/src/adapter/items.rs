//! From the rows of a table to items: what to read, and what is known of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use omnimri_findings::Label;

use super::rows::read_rows;
use super::settings::{Adapter, Choice, ClassRules, MaskForm, MaskRule, NiftiForm, Rows};
use crate::catalogue::{CatalogueEntry, is_inside};
use crate::error::{Error, Result};
use crate::example::{Classes, DatasetId, QuestionAnswer, Split};
use crate::load::Rejected;
use crate::table::{Row, placeholders};

/// How to read the mask of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MaskSource {
    /// Nobody outlined anything.
    None,
    /// Someone looked and there is nothing.
    Empty,
    /// A file whose foreground is one label.
    Binary(PathBuf, Label),
    /// A file whose values map to labels.
    Values(PathBuf, BTreeMap<u8, Label>),
}

/// One example before its pixels are read.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub dataset: DatasetId,
    pub id: String,
    pub subject: String,
    pub split: Split,
    pub image: PathBuf,
    pub mask: MaskSource,
    pub annotated: Vec<Label>,
    pub classes: Classes,
    pub questions: Vec<QuestionAnswer>,
    /// For volumes: how to turn and trust them.
    pub nifti: Option<NiftiForm>,
}

/// What a table lists.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub items: Vec<Item>,
    pub rejected: Vec<Rejected>,
}

/// Lists the items of a dataset in the order of its table.
///
/// Fails where the table is unusable, or where a subject lies in both splits: such a table would leak.
pub(crate) fn list(entry: &CatalogueEntry, dir: &Path) -> Result<Listed> {
    let Some(adapter) = &entry.adapter else {
        return Err(Error::NoAdapter {
            name: entry.name.clone(),
        });
    };
    let (table, path) = read_rows(entry, adapter.rows(), dir)?;
    table.require(columns(adapter))?;
    let lister = Lister {
        dataset: DatasetId::new(&entry.name),
        adapter,
        dir,
    };
    let mut listed = Listed::default();
    let mut at: HashMap<String, usize> = HashMap::new();
    for row in table.rows() {
        let part = adapter.rows().only;
        if part.is_some_and(|only| split_of(adapter.rows(), row).is_ok_and(|s| s != only)) {
            continue;
        }
        if let Adapter::QuestionAnswerCsv(s) = adapter
            && let Some(&k) = at.get(&row.fill(&s.rows.id))
        {
            let (item, question) = (&mut listed.items[k], lister.question(row));
            let reason = match split_of(&s.rows, row) {
                Err(reason) => Some(reason),
                Ok(split) if split != item.split => Some(format!("a question of {split} too")),
                Ok(_) => {
                    item.questions.extend(question);
                    None
                }
            };
            if let Some(reason) = reason {
                let path = item.image.clone();
                listed.reject(&path, reason);
            }
            continue;
        }
        for series in adapter.series() {
            match lister.item(row, &series) {
                Ok(item) => {
                    if at.insert(item.id.clone(), listed.items.len()).is_some() {
                        listed.reject(&item.image, format!("the id {} a second time", item.id));
                    } else {
                        listed.items.push(item);
                    }
                }
                Err(reason) => {
                    listed.reject(&dir.join(row.fill(&series.image)), reason);
                }
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

/// Columns that the settings ask for.
fn columns(adapter: &Adapter) -> Vec<&str> {
    let rows = adapter.rows();
    let mut out = vec![rows.split.as_str()];
    out.extend(placeholders(&rows.id));
    out.extend(placeholders(&rows.subject));
    out.extend(
        rows.subject_block
            .iter()
            .flat_map(|b| [b.column.as_str(), b.within.as_str()]),
    );
    match adapter {
        Adapter::ImageFolderCsv(s) => out.extend(placeholders(&s.image)),
        Adapter::NiftiFolder(s) => out.extend(placeholders(&s.image)),
        Adapter::QuestionAnswerCsv(s) => {
            out.extend(placeholders(&s.image));
            out.extend([s.question.as_str(), s.answer.as_str()]);
            out.extend(s.closed.iter().map(|c| c.column.as_str()));
        }
        Adapter::PairedChannels(_) | Adapter::NiftiCases(_) => {}
    }
    let classes = adapter.classes();
    out.extend(column_of(&classes.plane));
    out.extend(column_of(&classes.sequence));
    out.extend(column_of(&classes.region));
    out.extend(column_of(&classes.tumour));
    out.extend(column_of(&classes.cardiac));
    out.extend(column_of(&classes.modality_mr));
    if let Some(mask) = adapter.mask() {
        out.extend(column_of(&mask.label));
        out.extend(mask.empty_when.iter().map(|e| e.column.as_str()));
        out.extend(mask.file.iter().flat_map(|f| placeholders(f)));
    }
    out
}

fn column_of<T>(choice: &Option<Choice<T>>) -> Option<&str> {
    match choice {
        Some(Choice::Column { column, .. }) => Some(column),
        _ => None,
    }
}

fn split_of(rows: &Rows, row: Row<'_>) -> std::result::Result<Split, String> {
    match row.get(&rows.split) {
        "train" => Ok(Split::Train),
        "val" => Ok(Split::Val),
        other => Err(format!("split: expected train or val, found {other:?}")),
    }
}

/// The value of a rule for a row; a value that the map does not know is an error.
fn choose<T: Copy>(
    what: &str,
    rule: &Option<Choice<T>>,
    row: Row<'_>,
) -> std::result::Result<Option<T>, String> {
    match rule {
        None => Ok(None),
        Some(Choice::Fixed(value)) => Ok(Some(*value)),
        Some(Choice::Column { column, map }) => match (map.get(row.get(column)), row.get(column)) {
            (Some(value), _) => Ok(Some(*value)),
            (None, "") => Ok(None),
            (None, found) => {
                let known: Vec<_> = map.keys().map(String::as_str).collect();
                Err(format!(
                    "{what}: expected one of {}, found {found:?}",
                    known.join(", ")
                ))
            }
        },
    }
}

struct Lister<'a> {
    dataset: DatasetId,
    adapter: &'a Adapter,
    dir: &'a Path,
}

impl Lister<'_> {
    fn item(&self, row: Row<'_>, series: &super::Series) -> std::result::Result<Item, String> {
        let rows = self.adapter.rows();
        let id = row.fill(&rows.id);
        if id.is_empty() {
            return Err("an empty id".into());
        }
        let mut classes = classes(self.adapter.classes(), row)?;
        if series.sequence.is_some() {
            classes.sequence = series.sequence;
        }
        let mask = self.adapter.mask();
        Ok(Item {
            dataset: self.dataset.clone(),
            id: if series.name.is_empty() {
                id
            } else {
                format!("{id}/{}", series.name)
            },
            subject: subject(rows, row)?,
            split: split_of(rows, row)?,
            image: self.path(&row.fill(&series.image))?,
            mask: match mask {
                None => MaskSource::None,
                Some(rule) => self.mask(rule, row, series)?,
            },
            annotated: mask.map(|rule| rule.annotated.clone()).unwrap_or_default(),
            classes,
            questions: self.question(row).into_iter().collect(),
            nifti: self.adapter.nifti_form().cloned(),
        })
    }

    /// A path of the table below the dataset's folder; a cell may not lead out of it.
    fn path(&self, relative: &str) -> std::result::Result<PathBuf, String> {
        if is_inside(relative) {
            Ok(self.dir.join(relative))
        } else {
            Err(format!(
                "a path inside the dataset's folder was expected, found {relative:?}"
            ))
        }
    }

    fn mask(
        &self,
        rule: &MaskRule,
        row: Row<'_>,
        series: &super::Series,
    ) -> std::result::Result<MaskSource, String> {
        if rule
            .empty_when
            .as_ref()
            .is_some_and(|e| row.get(&e.column) == e.value)
        {
            return Ok(MaskSource::Empty);
        }
        let Some(template) = series.mask.as_ref().or(rule.file.as_ref()) else {
            return Ok(MaskSource::None);
        };
        let path = self.path(&row.fill(template))?;
        match rule.form {
            MaskForm::Binary => match choose("label", &rule.label, row)? {
                Some(label) => Ok(MaskSource::Binary(path, label)),
                None => Err("a mask without a label".into()),
            },
            MaskForm::Values => Ok(MaskSource::Values(
                path,
                rule.values
                    .iter()
                    .filter_map(|(k, l)| Some((k.parse().ok()?, *l)))
                    .collect(),
            )),
        }
    }

    fn question(&self, row: Row<'_>) -> Option<QuestionAnswer> {
        let Adapter::QuestionAnswerCsv(s) = self.adapter else {
            return None;
        };
        let (question, answer) = (row.get(&s.question), row.get(&s.answer));
        if question.is_empty() || answer.is_empty() {
            return None;
        }
        let closed = s.closed.as_ref();
        Some(QuestionAnswer {
            question: question.to_owned(),
            answer: answer.to_owned(),
            closed: closed.is_some_and(|c| row.get(&c.column).eq_ignore_ascii_case(&c.value)),
        })
    }
}

fn classes(rules: &ClassRules, row: Row<'_>) -> std::result::Result<Classes, String> {
    Ok(Classes {
        plane: choose("plane", &rules.plane, row)?,
        sequence: choose("sequence", &rules.sequence, row)?,
        region: choose("region", &rules.region, row)?,
        tumour: choose("tumour", &rules.tumour, row)?,
        cardiac: choose("cardiac", &rules.cardiac, row)?,
        modality_mr: choose("modality_mr", &rules.modality_mr, row)?,
    })
}

fn subject(rows: &Rows, row: Row<'_>) -> std::result::Result<String, String> {
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
