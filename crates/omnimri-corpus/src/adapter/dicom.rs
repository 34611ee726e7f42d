//! DICOM series of a folder, chosen by modality and description.

use std::path::Path;

use omnimri_image::{OpenOptions, SeriesFiles, dicom_series};

use super::settings::DicomChoice;

/// The series below a folder that a rule chooses: the first by number, or all.
pub(super) fn chosen(folder: &Path, choice: &DicomChoice) -> Result<Vec<SeriesFiles>, String> {
    if !folder.exists() {
        return Err("listed and not there".into());
    }
    let mut found = dicom_series(folder, &OpenOptions::default()).map_err(|e| e.to_string())?;
    found.retain(|series| fits(series, choice));
    if !choice.all {
        found.truncate(1);
    }
    Ok(found)
}

fn fits(series: &SeriesFiles, choice: &DicomChoice) -> bool {
    let description = series.description.as_deref().unwrap_or_default();
    let description = description.to_lowercase();
    let has = |part: &String| description.contains(&part.to_lowercase());
    let modality = choice.modality.as_deref().unwrap_or("MR");
    series.modality.as_deref().unwrap_or("MR") == modality
        && (choice.description.is_empty() || choice.description.iter().any(has))
        && !choice.not.iter().any(has)
        && series.files.len() >= choice.min_files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_held_against_the_rule() {
        let series = SeriesFiles {
            uid: "1.2".into(),
            number: Some(3),
            modality: Some("MR".into()),
            description: Some("AX T2 TSE fs".into()),
            files: vec!["a".into(), "b".into()],
        };
        let choice = |has: &[&str], not: &[&str], min_files| DicomChoice {
            description: has.iter().map(|s| (*s).to_owned()).collect(),
            not: not.iter().map(|s| (*s).to_owned()).collect(),
            min_files,
            ..DicomChoice::default()
        };
        assert!(fits(&series, &choice(&[], &[], 0)));
        assert!(fits(&series, &choice(&["t1", "t2 tse"], &[], 2)));
        assert!(!fits(&series, &choice(&["t1"], &[], 0)));
        assert!(!fits(&series, &choice(&["t2"], &["FS"], 0)));
        assert!(!fits(&series, &choice(&[], &[], 3)));
    }
}
