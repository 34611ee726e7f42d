//! The report as Markdown.

use std::fmt::Write;

use crate::result::ResultDoc;
use crate::sentences::split;
use crate::words::{
    BANNER, NOTHING, REMOVED, anatomy_size, box_words, class, file_name, finding_size, kind, mark,
    matrix, percent, spacing, value,
};

/// Escapes what Markdown or HTML would read as markup; line breaks become spaces.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn table(out: &mut String, head: &[&str], rows: &[Vec<String>]) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(head.iter().map(|h| (*h).to_owned()).collect()));
    out.push_str(&line(head.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        out.push_str(&line(row.iter().map(|c| escape(c)).collect()));
    }
    out.push('\n');
}

/// The whole report.
pub fn render_markdown(result: &ResultDoc) -> String {
    let mut out = format!(
        "# MRI report: {}\n\n> **{BANNER}**\n\n",
        escape(file_name(result))
    );
    if !result.warnings.is_empty() {
        out.push_str("## Warnings\n\n");
        for warning in &result.warnings {
            push(&mut out, format_args!("- {}\n", escape(warning)));
        }
        out.push('\n');
    }
    let (sections, removed) = split(&result.report);
    for section in &sections {
        push(&mut out, format_args!("## {}\n\n", escape(&section.title)));
        for piece in &section.pieces {
            let text = escape(piece.text);
            match piece.fact {
                Some(fact) => {
                    let (sign, words) = mark(fact.verified);
                    let origin = fact.origin.name();
                    push(
                        &mut out,
                        format_args!("- {text} *({origin}, {words} {sign})*\n"),
                    );
                }
                None => push(&mut out, format_args!("- {text} *(not checked)*\n")),
            }
        }
        out.push('\n');
    }
    tables(&mut out, result);
    if !result.report.facts.is_empty() {
        out.push_str("## How each sentence was checked\n\n");
        let rows: Vec<Vec<String>> = result
            .report
            .facts
            .iter()
            .filter(|f| !removed.iter().any(|r| std::ptr::eq(*r, *f)))
            .map(|f| {
                let verified = mark(f.verified).1.to_owned();
                vec![
                    f.claim.clone(),
                    f.origin.name().to_owned(),
                    verified,
                    f.evidence.clone(),
                ]
            })
            .collect();
        table(
            &mut out,
            &["Sentence", "Origin", "Check", "Evidence"],
            &rows,
        );
    }
    if !removed.is_empty() {
        push(&mut out, format_args!("### Taken out\n\n{REMOVED}\n\n"));
        for fact in removed {
            let (claim, evidence) = (escape(&fact.claim), escape(&fact.evidence));
            push(&mut out, format_args!("- \"{claim}\" ({evidence})\n"));
        }
        out.push('\n');
    }
    let model = &result.model;
    push(
        &mut out,
        format_args!(
            "---\n\nModel {} {}, sha256 {}. Input sha256 {}. {:.1} s.\n",
            escape(&model.name),
            escape(&model.version),
            escape(&model.sha256),
            escape(&result.input.sha256),
            result.seconds
        ),
    );
    out
}

/// Writing to a `String` cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn tables(out: &mut String, result: &ResultDoc) {
    if !result.findings.is_empty() {
        out.push_str("## Findings table\n\n");
        let rows: Vec<Vec<String>> = result
            .findings
            .iter()
            .map(|f| {
                let side = f.location.map_or(NOTHING, |s| s.name()).to_owned();
                let label = f.label.name().to_owned();
                vec![
                    label,
                    percent(f.probability),
                    side,
                    finding_size(f),
                    box_words(&f.bbox),
                ]
            })
            .collect();
        table(
            out,
            &["Finding", "Probability", "Location", "Size", "Box (voxels)"],
            &rows,
        );
    }
    if !result.anatomy.is_empty() {
        out.push_str("## Anatomy\n\n");
        let rows: Vec<Vec<String>> = result
            .anatomy
            .iter()
            .map(|a| vec![a.label.name().to_owned(), anatomy_size(a), a.file.clone()])
            .collect();
        table(out, &["Structure", "Size", "File"], &rows);
    }
    if !result.diagnosis.is_empty() {
        out.push_str("## Classes considered\n\n");
        let rows: Vec<Vec<String>> = result
            .diagnosis
            .iter()
            .map(|d| vec![class(&d.label).to_owned(), percent(d.probability)])
            .collect();
        table(out, &["Class", "Probability"], &rows);
    }
    out.push_str("## Acquisition and input\n\n");
    let acquisition = &result.acquisition;
    let mut rows = vec![
        vec![
            "File".to_owned(),
            result.input.path.clone(),
            kind(result.input.kind).to_owned(),
        ],
        vec![
            "Matrix".to_owned(),
            matrix(&result.input),
            "file".to_owned(),
        ],
        vec![
            "Voxel size".to_owned(),
            spacing(&result.input),
            "header".to_owned(),
        ],
    ];
    for (name, of) in [
        ("Modality", &acquisition.modality),
        ("Sequence", &acquisition.sequence),
        ("Plane", &acquisition.plane),
    ] {
        rows.push(vec![
            name.to_owned(),
            value(of),
            of.source.name().to_owned(),
        ]);
    }
    if let Some(recon) = &result.reconstruction {
        let how = format!("{}, {:.1}-fold", recon.method, recon.acceleration);
        rows.push(vec!["Reconstruction".to_owned(), how, "program".to_owned()]);
    }
    table(out, &["What", "Value", "Source"], &rows);
    if !result.status.is_empty() {
        out.push_str("## Tasks\n\n");
        let rows: Vec<Vec<String>> = result
            .status
            .iter()
            .map(|(task, s)| vec![task.clone(), s.state.name().to_owned(), s.reason.clone()])
            .collect();
        table(out, &["Task", "State", "Reason"], &rows);
    }
}
