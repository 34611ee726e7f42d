//! The report as a PDF of A4 pages: words, tables as lines, and the key image.
//!
//! Only the built-in fonts of PDF are used (ISO 32000-1 9.6.2.2), so that no font is carried; letters outside Windows-1252 become
//! question marks. The page names no patient: the object that holds it does.

mod page;

use crate::error::Result;
use crate::figures::Pictures;
use crate::key_image::key_images;
use crate::result::ResultDoc;
use crate::sentences::split;
use crate::words::{
    BANNER, anatomy_size, class, finding_size, mark, matrix, percent, spacing, value,
};
use page::{Pages, Style};

/// Title of the document.
pub(crate) const TITLE: &str = "MRI report by omnimri AI, preliminary";

/// The report as a PDF file.
///
/// # Errors
/// If the pictures do not fit their grid.
pub fn render_pdf(result: &ResultDoc, pictures: &Pictures<'_>) -> Result<Vec<u8>> {
    let mut pages = Pages::new(TITLE, BANNER);
    pages.text(TITLE, Style::Title);
    pages.text(BANNER, Style::Strong);
    let key = key_images(pictures)?.into_iter().next();
    if let Some(key) = key {
        pages.picture(&key.canvas);
        pages.text(&key.caption, Style::Small);
    }
    let (sections, removed) = split(&result.report);
    for section in &sections {
        pages.text(&section.title, Style::Heading);
        for piece in &section.pieces {
            let check = match piece.fact {
                Some(fact) => format!("{}, {}", fact.origin.name(), mark(fact.verified).1),
                None => "not checked".to_owned(),
            };
            pages.text(&format!("{} ({check})", piece.text), Style::Body);
        }
    }
    list(
        &mut pages,
        "Findings table",
        result.findings.iter().map(|f| {
            let side = f.location.map_or("side not said", |s| s.name());
            let (name, share, size) = (f.label.name(), percent(f.probability), finding_size(f));
            format!("{name}: probability {share}, {side}, {size}")
        }),
    );
    list(
        &mut pages,
        "Anatomy",
        result
            .anatomy
            .iter()
            .map(|a| format!("{}: {}", a.label.name(), anatomy_size(a))),
    );
    list(
        &mut pages,
        "Classes considered",
        result
            .diagnosis
            .iter()
            .map(|d| format!("{}: {}", class(&d.label), percent(d.probability))),
    );
    list(
        &mut pages,
        "Tasks",
        result
            .status
            .iter()
            .map(|(task, s)| format!("{task}: {} ({})", s.state.name(), s.reason)),
    );
    list(&mut pages, "Warnings", result.warnings.iter().cloned());
    let a = &result.acquisition;
    let facts = [
        ("Modality", value(&a.modality)),
        ("Sequence", value(&a.sequence)),
        ("Plane", value(&a.plane)),
        ("Matrix", matrix(&result.input)),
        ("Voxel size", spacing(&result.input)),
    ];
    let facts = facts.map(|(name, text)| format!("{name}: {text}"));
    list(&mut pages, "Acquisition", facts.into_iter());
    if !removed.is_empty() {
        let n = removed.len();
        let text =
            format!("{n} sentences that the language model wrote were taken out after the check.");
        pages.text(&text, Style::Small);
    }
    let model = &result.model;
    pages.text(
        &format!(
            "Model {} {}, weights sha256 {}. Input sha256 {}. Only the classes listed above were looked for; a class \
             that is not listed can be present.",
            model.name, model.version, model.sha256, result.input.sha256
        ),
        Style::Small,
    );
    Ok(pages.finish())
}

/// A heading with lines below it; nothing for no lines.
fn list(pages: &mut Pages, title: &str, lines: impl Iterator<Item = String>) {
    for (k, line) in lines.enumerate() {
        if k == 0 {
            pages.text(title, Style::Heading);
        }
        pages.text(&line, Style::Body);
    }
}
