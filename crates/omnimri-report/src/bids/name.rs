//! Entities of a file name (BIDS, Common Principles and Appendix Entities).

use std::path::Path;

/// Entities that a segmentation's name may keep, in the order of the standard.
const KEPT: [&str; 8] = ["task", "acq", "ce", "rec", "run", "echo", "part", "chunk"];

/// What the name of a derivative is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsName {
    /// Label of `sub-`.
    pub subject: String,
    /// Label of `ses-`.
    pub session: Option<String>,
    /// Other entities and their labels, in the order of the standard.
    kept: Vec<(&'static str, String)>,
    /// Label of `desc-`: `omnimri`, then what else tells inputs of one subject apart.
    description: String,
}

/// Letters and digits of a text; what a label may be.
fn label(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

impl BidsName {
    /// Of a BIDS file, `sub-01_ses-2_run-1_T1w.nii.gz` for example; `None` for any other name.
    ///
    /// The suffix, and entities that a segmentation's name may not have, become part of the description, so that two images of
    /// one subject do not share a name.
    pub fn of_bids(path: &Path) -> Option<Self> {
        let file = path.file_name()?.to_str()?;
        let stem = file
            .strip_suffix(".nii.gz")
            .or_else(|| file.strip_suffix(".nii"))?;
        let (entities, suffix) = stem.rsplit_once('_')?;
        let mut parts = entities.split('_').map(|part| part.split_once('-'));
        let (key, subject) = parts.next()??;
        let sound = |text: &str| !text.is_empty() && label(text) == text;
        if key != "sub" || !sound(subject) || !sound(suffix) {
            return None;
        }
        let mut name = Self {
            subject: subject.to_owned(),
            session: None,
            kept: Vec::new(),
            description: format!("omnimri{suffix}"),
        };
        for part in parts {
            let (key, value) = part?;
            if !sound(key) || !sound(value) {
                return None;
            }
            match KEPT.iter().find(|k| **k == key) {
                _ if key == "ses" => name.session = Some(value.to_owned()),
                Some(kept) => name.kept.push((kept, value.to_owned())),
                None => name.description.push_str(&format!("{key}{value}")),
            }
        }
        name.kept
            .sort_by_key(|(key, _)| KEPT.iter().position(|k| k == key));
        Some(name)
    }

    /// Of any input: as [`BidsName::of_bids`] where its name is one of BIDS; else the letters and digits of its stem are the
    /// subject, and those of `part`, where the input has several images, the acquisition.
    pub fn of_input(path: &Path, part: Option<&str>) -> Self {
        let mut name = Self::of_bids(path).unwrap_or_else(|| {
            let stem = label(&omnimri_image::stem(path));
            Self {
                subject: if stem.is_empty() {
                    "input".to_owned()
                } else {
                    stem
                },
                session: None,
                kept: Vec::new(),
                description: "omnimri".to_owned(),
            }
        });
        if let Some(part) = part.map(label).filter(|p| !p.is_empty()) {
            name.kept.retain(|(key, _)| *key != "acq");
            name.kept.push(("acq", part));
            name.kept
                .sort_by_key(|(key, _)| KEPT.iter().position(|k| k == key));
        }
        name
    }

    /// Folder below the dataset: `sub-01/ses-2/anat`.
    pub fn folder(&self) -> String {
        match &self.session {
            Some(session) => format!("sub-{}/ses-{session}/anat", self.subject),
            None => format!("sub-{}/anat", self.subject),
        }
    }

    /// File name without suffix and extension: `sub-01_ses-2_run-1_desc-omnimriT1w`.
    pub fn stem(&self) -> String {
        let mut out = format!("sub-{}", self.subject);
        if let Some(session) = &self.session {
            out.push_str(&format!("_ses-{session}"));
        }
        for (key, value) in &self.kept {
            out.push_str(&format!("_{key}-{value}"));
        }
        out + "_desc-" + &self.description
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bids(name: &str) -> Option<String> {
        BidsName::of_bids(Path::new(name)).map(|n| format!("{}/{}", n.folder(), n.stem()))
    }

    #[test]
    fn entities_are_kept_in_order_and_the_rest_is_told_apart() {
        assert_eq!(
            bids("x/sub-01_ses-2_run-1_acq-hi_inv-2_T1w.nii.gz").unwrap(),
            "sub-01/ses-2/anat/sub-01_ses-2_acq-hi_run-1_desc-omnimriT1winv2"
        );
        assert_eq!(
            bids("sub-a_FLAIR.nii").unwrap(),
            "sub-a/anat/sub-a_desc-omnimriFLAIR"
        );
        for other in [
            "scan.nii.gz",
            "sub-_T1w.nii",
            "sub-1.nii",
            "sub-1_x_T1w.nii",
            "sub-1_T1w.png",
        ] {
            assert_eq!(bids(other), None, "{other}");
        }
    }

    #[test]
    fn other_inputs_get_a_subject_from_their_name() {
        let name = BidsName::of_input(Path::new("data/brain scan_3.nii.gz"), None);
        assert_eq!(name.stem(), "sub-brainscan3_desc-omnimri");
        let name = BidsName::of_input(Path::new("study/"), Some("5-0a1b"));
        assert_eq!(name.stem(), "sub-study_acq-50a1b_desc-omnimri");
        assert_eq!(
            BidsName::of_input(Path::new("---.nii"), None).subject,
            "input"
        );
    }
}
