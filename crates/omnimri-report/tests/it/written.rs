//! What lies in the folder afterwards.

use std::fs;

use omnimri_image::Zyx;
use omnimri_report::{Error, Pictures, write_report};

use crate::made_up::{head, reconstruction, result};

#[test]
fn three_files_are_written_and_nothing_else() {
    let (volume, labels) = head(Zyx::new(7, 53, 61), true);
    let doc = result(&volume, &labels);
    let recon = reconstruction(&volume);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a/b");
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: Some(&recon),
    };
    for _ in 0..2 {
        write_report(&dir, &doc, &pictures).unwrap();
    }
    let mut names: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["report.html", "report.md", "report.pdf", "result.json"]
    );

    let html = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(html.starts_with("<!doctype html>"));
    assert!(html.contains("Not a medical device"));
    assert!(!html.contains("<head> &") && !html.contains("<b>is</b>"));
    assert!(html.contains("made-up &lt;head&gt; &amp; &quot;shoulders&quot;.png"));
    assert!(!html.contains("<script") && !html.contains("src=\"http"));
    assert_eq!(
        html.matches("<img ").count(),
        html.matches(" alt=\"").count()
    );
    // Key image twice, mosaic, and two reconstructions.
    assert_eq!(html.matches("data:image/png;base64,").count(), 5);
    assert!(html.contains("50 mm") && html.contains(">R</b>"));

    let text = fs::read_to_string(dir.join("report.md")).unwrap();
    assert!(text.contains("Not a medical device") && text.contains("## Impression"));
    assert!(!text.contains("<b>"));
    for words in [&html, &text] {
        assert!(!words.to_lowercase().contains("no abnormality"));
    }
}

#[test]
fn an_image_without_header_has_no_sides_and_no_scale() {
    let (volume, labels) = head(Zyx::new(1, 61, 53), false);
    let doc = result(&volume, &labels);
    let folder = tempfile::tempdir().unwrap();
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    write_report(folder.path(), &doc, &pictures).unwrap();
    let html = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(!html.contains("class=\"mk") && !html.contains("class=\"bar\""));
    assert!(html.contains("image left") && html.contains("role=\"alert\""));
}

#[test]
fn bad_numbers_and_bad_grids_leave_nothing() {
    let (volume, labels) = head(Zyx::new(1, 61, 53), false);
    let mut doc = result(&volume, &labels);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    let pictures = Pictures {
        volume: &volume,
        labels: None,
        reconstruction: None,
    };
    doc.diagnosis[1].probability = f64::NAN;
    let error = write_report(&dir, &doc, &pictures).unwrap_err();
    assert_eq!(
        error.to_string(),
        "diagnosis[1].probability: expected a number from 0 to 1, found NaN"
    );
    doc.diagnosis[1].probability = 0.1;
    let mut small = labels.clone();
    small.labels.pop();
    let pictures = Pictures {
        labels: Some(&small),
        ..pictures
    };
    let error = write_report(&dir, &doc, &pictures).unwrap_err();
    assert!(matches!(error, Error::GridMismatch { .. }), "{error}");
    assert!(!dir.exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (volume, labels) = head(Zyx::new(1, 61, 53), false);
    let doc = result(&volume, &labels);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    fs::write(&file, "x").unwrap();
    let pictures = Pictures {
        volume: &volume,
        labels: Some(&labels),
        reconstruction: None,
    };
    let error = write_report(&file.join("out"), &doc, &pictures).unwrap_err();
    assert!(matches!(error, Error::CreateFolder { .. }), "{error}");
    // A folder stands where a file should: the files staged before it are removed again.
    let dir = folder.path().join("out");
    fs::create_dir_all(dir.join("report.html")).unwrap();
    let error = write_report(&dir, &doc, &pictures).unwrap_err();
    assert!(matches!(error, Error::WriteFile { .. }), "{error}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
}
