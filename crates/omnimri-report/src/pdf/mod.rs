//! The report as a PDF of A4 pages, in the order in which a radiologist reads: head, technique, findings, impression, key images with
//! overlays and scale bars, measurements, uncertainty, provenance.
//!
//! Only the built-in fonts of PDF are used (ISO 32000-1 9.6.2.2), so that no font is carried; letters outside Windows-1252 become
//! question marks. The page names the file that was read, and no patient: the object that holds it does.

mod page;
mod text;

use omnimri_findings::AnatomyEntry;

use crate::error::Result;
use crate::figures::Pictures;
use crate::key_image::key_images;
use crate::result::{DiagnosisEntry, ResultDoc, TaskState};
use crate::sentences::{SectionView, split};
use crate::words::{
    BANNER, REMOVED, anatomy_size, box_words, class, file_name, finding_size, kind, mark, matrix,
    percent, short, spacing, value,
};
use page::{Pages, Style};

/// Title of the document.
pub(crate) const TITLE: &str = "MRI report by omnimri AI, preliminary";
/// Tallest key image in points: it shares the first page with the report's words.
const KEY_IMAGE: f32 = 250.0;
/// Tallest overview.
const OVERVIEW: f32 = 330.0;

/// The report as a PDF file.
///
/// # Errors
/// If the pictures do not fit their grid.
pub fn render_pdf(result: &ResultDoc, pictures: &Pictures<'_>) -> Result<Vec<u8>> {
    let mut pages = Pages::new(TITLE, BANNER);
    pages.band(TITLE, file_name(result));
    head(&mut pages, result);
    pages.boxed(&[BANNER.to_owned()], Style::Small, true);
    let (sections, removed) = split(&result.report);
    for section in &sections {
        words(&mut pages, section);
    }
    for (k, key) in key_images(pictures)?.iter().enumerate() {
        let (title, tallest) = match k {
            0 => ("Key image", KEY_IMAGE),
            _ => ("Overview", OVERVIEW),
        };
        pages.picture(title, &key.canvas, tallest);
        pages.text(&key.caption, Style::Small);
    }
    measurements(&mut pages, result);
    uncertainty(&mut pages, result, removed.len());
    provenance(&mut pages, result);
    Ok(pages.finish())
}

/// What was examined, and how.
fn head(pages: &mut Pages, result: &ResultDoc) {
    let a = &result.acquisition;
    let mut facts = vec![
        ("Modality", value(&a.modality)),
        ("Sequence", value(&a.sequence)),
        ("Plane", value(&a.plane)),
        ("Input", kind(result.input.kind).to_owned()),
        ("Matrix", matrix(&result.input)),
        ("Voxel size", spacing(&result.input)),
    ];
    if let Some(r) = &result.reconstruction {
        let how = format!("{}, {:.1}-fold accelerated", r.method, r.acceleration);
        facts.push(("Reconstruction", how));
    }
    pages.facts(&facts);
}

/// A section with the origin and check of every sentence; the impression stands out.
fn words(pages: &mut Pages, section: &SectionView<'_>) {
    pages.text(&section.title, Style::Heading);
    let sentences = section.pieces.iter().map(|piece| match piece.fact {
        Some(fact) => format!(
            "{} ({}, {})",
            piece.text,
            fact.origin.name(),
            mark(fact.verified).1
        ),
        None => format!("{} (not checked)", piece.text),
    });
    if section.key == "impression" {
        let sentences: Vec<String> = sentences.collect();
        pages.boxed(&sentences, Style::Strong, false);
    } else {
        sentences.for_each(|s| pages.text(&s, Style::Body));
    }
}

fn measurements(pages: &mut Pages, result: &ResultDoc) {
    if !result.findings.is_empty() {
        pages.text("Outlined findings", Style::Heading);
        let rows: Vec<Vec<String>> = result
            .findings
            .iter()
            .map(|f| {
                let side = f.location.map_or("not said", |s| s.name());
                let name = f.label.name().to_owned();
                let (share, size) = (percent(f.probability), finding_size(f));
                vec![name, share, side.to_owned(), size, box_words(&f.bbox)]
            })
            .collect();
        let titles = [
            "Finding",
            "Probability",
            "Location",
            "Size",
            "Box in voxels",
        ];
        pages.table(&titles, &[1.4, 0.9, 1.1, 1.3, 1.9], &rows);
    }
    if !result.anatomy.is_empty() {
        pages.text("Structures", Style::Heading);
        let row = |a: &AnatomyEntry| vec![a.label.name().to_owned(), anatomy_size(a)];
        let rows: Vec<Vec<String>> = result.anatomy.iter().map(row).collect();
        pages.table(&["Structure", "Size"], &[1.0, 1.0], &rows);
    }
}

/// Alternatives, what was not answered, what was taken out, and what to know of the input.
fn uncertainty(pages: &mut Pages, result: &ResultDoc, removed: usize) {
    pages.text("Uncertainty", Style::Heading);
    let share = |d: &DiagnosisEntry| {
        (
            class(&d.label).to_owned(),
            d.probability,
            percent(d.probability),
        )
    };
    let shares: Vec<_> = result.diagnosis.iter().map(share).collect();
    pages.bars(&shares);
    for (task, s) in &result.status {
        let text = format!("{task}: {}. {}", s.state.name(), s.reason);
        match s.state {
            TaskState::Answered => pages.text(&text, Style::Small),
            _ => pages.boxed(&[text], Style::Body, true),
        }
    }
    if removed > 0 {
        let text = format!("Taken out after the check: {removed}. {REMOVED}");
        pages.text(&text, Style::Small);
    }
    for warning in &result.warnings {
        pages.boxed(std::slice::from_ref(warning), Style::Body, true);
    }
}

fn provenance(pages: &mut Pages, result: &ResultDoc) {
    pages.text("Provenance", Style::Heading);
    let (model, input) = (&result.model, &result.input);
    let text = format!(
        "Model {} {}, weights sha256 {}. Input sha256 {}. Read in {:.1} s. Only the classes listed above were looked for; a \
         class that is not listed can be present.",
        model.name,
        model.version,
        short(&model.sha256),
        short(&input.sha256),
        result.seconds
    );
    pages.text(&text, Style::Small);
}
