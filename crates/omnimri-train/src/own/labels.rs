//! What the values of masks mean: as a user says it, and as `dataset.json` names them.

use std::collections::BTreeMap;

use omnimri_findings::Term;

use crate::error::{Error, Result};

/// What label values mean, as a user says it: `TERM` for a mask of one thing, `VALUE=TERM` for each of several values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// The one thing that masks outline.
    pub only: Option<Term>,
    /// Terms by value.
    pub values: BTreeMap<u16, Term>,
}

impl Labels {
    /// Parses the arguments of `--label`.
    ///
    /// # Errors
    /// [`Error::BadLabel`] for a value that is no whole number from 1 or a name that is no term.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut labels = Self::default();
        for text in arguments {
            let bad = |expected| Error::BadLabel {
                found: text.clone(),
                expected,
            };
            match text.split_once('=') {
                Some((value, name)) => {
                    let value = value.trim().parse::<u16>().ok().filter(|v| *v > 0);
                    let value = value.ok_or_else(|| bad("a value from 1 to 65535 before ="))?;
                    let term = term(name).ok_or_else(|| bad("a term after ="))?;
                    labels.values.insert(value, term);
                }
                None if labels.only.is_none() => {
                    labels.only = Some(term(text).ok_or_else(|| bad("a term, or VALUE=TERM"))?);
                }
                None => return Err(bad("one TERM, or VALUE=TERM for each of several")),
            }
        }
        if labels.only.is_some() && !labels.values.is_empty() {
            return Err(Error::BadLabel {
                found: arguments.join(", "),
                expected: "either one TERM or values",
            });
        }
        Ok(labels)
    }

    /// Everything named.
    pub(super) fn terms(&self) -> Vec<Term> {
        let mut terms: Vec<Term> = self.values.values().copied().chain(self.only).collect();
        terms.sort();
        terms.dedup();
        terms
    }
}

/// The term of a dataset's name for it: letter case, underscores and the American spelling do not matter.
pub(super) fn term(name: &str) -> Option<Term> {
    let name = name.replace(['_', '-'], " ").to_lowercase();
    let plain = |t: Term| t.name().replace('-', " ").to_lowercase();
    let british = name.replace("tumor", "tumour").replace("edema", "oedema");
    Term::all().find(|t| [&name, &british].contains(&&plain(*t).trim().to_owned()))
}

/// Labels of `dataset.json`: `{"1": "name"}` (Decathlon, nnU-Net 1) or `{"name": 1}` (nnU-Net 2).
#[derive(Default)]
pub(super) struct Named {
    /// Values and names of what is outlined.
    pub(super) foreground: Vec<(u16, String)>,
    /// Values named `ignore`, as nnU-Net has it.
    pub(super) ignore: Vec<u16>,
}

pub(super) fn named_labels(json: &serde_json::Value) -> Named {
    let mut named = Named::default();
    let labels = json.get("labels").and_then(serde_json::Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        let as_value = |v: &serde_json::Value| v.as_u64().and_then(|v| u16::try_from(v).ok());
        let pairs: Vec<(u16, String)> = match (key.parse::<u16>(), value) {
            (Ok(v), serde_json::Value::String(name)) => vec![(v, name.clone())],
            // A region of several values names each of them.
            (_, serde_json::Value::Array(several)) => several
                .iter()
                .filter_map(as_value)
                .map(|v| (v, key.clone()))
                .collect(),
            (_, one) => as_value(one)
                .map(|v| (v, key.clone()))
                .into_iter()
                .collect(),
        };
        for (value, name) in pairs.into_iter().filter(|(v, _)| *v > 0) {
            if name.eq_ignore_ascii_case("ignore") {
                named.ignore.push(value);
            } else if named.foreground.iter().all(|(v, _)| *v != value) {
                named.foreground.push((value, name));
            }
        }
    }
    named.foreground.sort();
    named
}

/// The drawable term that shares most words with a name.
pub(super) fn nearest(name: &str) -> &'static str {
    let words: Vec<String> = name
        .to_lowercase()
        .split(['_', '-', ' '])
        .map(str::to_owned)
        .collect();
    let shared = |t: &str| {
        words
            .iter()
            .filter(|w| w.len() > 2 && t.to_lowercase().contains(*w))
            .count()
    };
    let mut best = ("glioma", 0);
    for label in omnimri_findings::Label::ALL {
        if shared(label.name()) > best.1 {
            best = (label.name(), shared(label.name()));
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_findings::Label;

    #[test]
    fn labels_are_terms_by_value_or_one_term() {
        let of = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
            Labels::parse(&texts)
        };
        assert_eq!(
            of(&["Pituitary_Tumor"]).unwrap().only,
            Some(Label::PituitaryTumour.into())
        );
        let two = of(&["1=anterior hippocampus", "2=posterior hippocampus"]).unwrap();
        assert_eq!(two.values[&2], Term::from(Label::PosteriorHippocampus));
        for wrong in [
            &["0=glioma"][..],
            &["x=glioma"],
            &["1=unheard of"],
            &["glioma", "meningioma"],
            &["glioma", "1=glioma"],
        ] {
            let error = of(wrong).unwrap_err().to_string();
            assert!(error.contains("left ventricle"), "{error}");
        }
    }

    #[test]
    fn both_dialects_of_dataset_json_name_labels() {
        let one =
            named_labels(&serde_json::json!({"labels": {"0": "background", "2": "b", "1": "a"}}));
        let expected = vec![(1, "a".to_owned()), (2, "b".to_owned())];
        assert_eq!(one.foreground, expected);
        let two =
            serde_json::json!({"labels": {"background": 0, "a": 1, "b": [1, 2], "ignore": 9}});
        let two = named_labels(&two);
        assert_eq!((two.foreground, two.ignore), (expected, vec![9]));
    }
}
