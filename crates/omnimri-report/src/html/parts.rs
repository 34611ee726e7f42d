//! The blocks of the page.

use base64::Engine;
use omnimri_findings::{AnatomyEntry, Finding, Label};

use super::escape;
use crate::figures::{Figure, Panel};
use crate::result::{DiagnosisEntry, FactEntry, ResultDoc};
use crate::sentences::SectionView;
use crate::words::{NOTHING, REMOVED, anatomy_size, box_words, class, finding_size, mark, percent};

fn swatch(label: Label) -> String {
    let [r, g, b] = label.rgb();
    format!("<i class=\"sw\" style=\"--c:rgb({r} {g} {b})\"></i>")
}

pub(super) fn warnings_block(warnings: &[String]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let items: String = warnings
        .iter()
        .map(|w| format!("<li>{}</li>", escape(w)))
        .collect();
    format!("<aside class=\"warn\" role=\"alert\"><h2>Warnings</h2><ul>{items}</ul></aside>")
}

fn panel(panel: &Panel) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(&panel.picture.png);
    let mut marks = String::new();
    if let Some(letters) = panel.letters {
        for (side, letter) in ["l", "r", "t", "b"].into_iter().zip(letters) {
            marks.push_str(&format!(
                "<b class=\"mk {side}\" aria-hidden=\"true\">{letter}</b>"
            ));
        }
    }
    if let Some((mm, share)) = panel.scale_bar {
        marks.push_str(&format!(
            "<span class=\"bar\" style=\"width:{:.2}%\">{mm:.0} mm</span>",
            100.0 * share
        ));
    }
    let title = if panel.title.is_empty() {
        String::new()
    } else {
        format!("<p>{}</p>", escape(&panel.title))
    };
    format!(
        "<div class=\"panel\"><div class=\"frame\"><img src=\"data:image/png;base64,{data}\" \
         width=\"{}\" height=\"{}\" alt=\"{}\">{marks}</div>{title}</div>",
        panel.picture.width,
        panel.picture.height,
        escape(&panel.alt)
    )
}

pub(super) fn figure_block(figure: &Figure) -> String {
    let panels: String = figure.panels.iter().map(panel).collect();
    let legend: String = figure
        .legend
        .iter()
        .map(|label| format!("<li>{}{}</li>", swatch(*label), label.name()))
        .collect();
    let legend = if legend.is_empty() {
        legend
    } else {
        format!("<ul class=\"legend\">{legend}</ul>")
    };
    format!(
        "<figure><h2>{}</h2><div class=\"panels n{}\">{panels}</div>{legend}\
         <figcaption>{}</figcaption></figure>",
        figure.heading,
        figure.panels.len(),
        escape(&figure.caption)
    )
}

fn tag(fact: &FactEntry) -> String {
    let (sign, words) = mark(fact.verified);
    let (class, origin) = (
        if fact.verified { "ok" } else { "open" },
        fact.origin.name(),
    );
    format!(
        "<span class=\"tags\"><span class=\"tag {origin}\">{origin}</span> \
         <span class=\"{class}\" title=\"{}\">{sign} {words}</span></span>",
        escape(&fact.evidence)
    )
}

pub(super) fn section_block(section: &SectionView<'_>) -> String {
    let pieces: String = section
        .pieces
        .iter()
        .map(|piece| {
            let tags = piece.fact.map_or_else(
                || "<span class=\"tags\"><span class=\"open\">not checked</span></span>".to_owned(),
                tag,
            );
            format!("<li><span>{}</span> {tags}</li>", escape(piece.text))
        })
        .collect();
    let class = if section.key.to_lowercase().contains("impression") {
        "impression"
    } else {
        ""
    };
    format!(
        "<div class=\"part {class}\"><h2>{}</h2><ul class=\"says\">{pieces}</ul></div>",
        escape(&section.title)
    )
}

pub(super) fn diagnosis_bars(diagnosis: &[DiagnosisEntry]) -> String {
    if diagnosis.is_empty() {
        return String::new();
    }
    let bars: String = diagnosis
        .iter()
        .map(|d| {
            let share = if d.probability.is_finite() {
                d.probability.clamp(0.0, 1.0)
            } else {
                0.0
            };
            format!(
                "<li><span>{}</span><span class=\"track\" aria-hidden=\"true\">\
                 <i style=\"width:{:.1}%\"></i></span><b>{}</b></li>",
                escape(class(&d.label)),
                100.0 * share,
                escape(&percent(d.probability))
            )
        })
        .collect();
    format!("<div class=\"part\"><h2>Classes considered</h2><ul class=\"bars\">{bars}</ul></div>")
}

/// A table; the cells are HTML already.
fn table(title: &str, class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let names: String = head
        .iter()
        .map(|h| format!("<th scope=\"col\">{h}</th>"))
        .collect();
    let body: String = rows
        .iter()
        .map(|row| {
            // On a narrow screen each cell stands on its own line, after its column's name.
            let cell = |(c, h): (&String, &&str)| format!("<td data-h=\"{h}\">{c}</td>");
            let cells: String = row.iter().zip(head).map(cell).collect();
            format!("<tr>{cells}</tr>")
        })
        .collect();
    format!(
        "<section><h2>{title}</h2><div class=\"scroll\" role=\"region\" aria-label=\"{title}\" \
         tabindex=\"0\"><table class=\"{class}\"><thead><tr>{names}</tr></thead>\
         <tbody>{body}</tbody></table></div></section>"
    )
}

pub(super) fn findings_table(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|f| {
            vec![
                format!("{}{}", swatch(f.label), f.label),
                escape(&percent(f.probability)),
                f.location.map_or(NOTHING, |s| s.name()).to_owned(),
                finding_size(f),
                box_words(&f.bbox),
            ]
        })
        .collect();
    let head = [
        "Finding",
        "Probability",
        "Location",
        "Size",
        "Box in voxels",
    ];
    table("Outlined findings", "", &head, &rows)
}

pub(super) fn anatomy_table(anatomy: &[AnatomyEntry]) -> String {
    if anatomy.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = anatomy
        .iter()
        .map(|a| {
            let code = a.label.code().map_or_else(
                || NOTHING.to_owned(),
                |c| {
                    let about = if c.exact { "" } else { " (wider concept)" };
                    format!("{} {}{about}", c.scheme, c.value)
                },
            );
            vec![
                format!("{}{}", swatch(a.label), a.label),
                anatomy_size(a),
                code,
                format!("<code>{}</code>", escape(&a.file)),
            ]
        })
        .collect();
    table(
        "Outlined anatomy",
        "",
        &["Structure", "Size", "Code", "Label map"],
        &rows,
    )
}

pub(super) fn checks_table(result: &ResultDoc, removed: &[&FactEntry]) -> String {
    let rows: Vec<Vec<String>> = result
        .report
        .facts
        .iter()
        .filter(|f| !removed.iter().any(|r| std::ptr::eq(*r, *f)))
        .map(|f| vec![escape(&f.claim), tag(f), escape(&f.evidence)])
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        "How each sentence was checked",
        "checks",
        &["Sentence", "Origin and check", "Evidence"],
        &rows,
    )
}

pub(super) fn removed_list(removed: &[&FactEntry]) -> String {
    if removed.is_empty() {
        return String::new();
    }
    let items: String = removed
        .iter()
        .map(|f| {
            format!(
                "<li><s>{}</s> <span class=\"why\">{}</span></li>",
                escape(&f.claim),
                escape(&f.evidence)
            )
        })
        .collect();
    format!(
        "<section><details><summary>Sentences taken out ({})</summary><p>{REMOVED}</p>\
         <ul class=\"removed\">{items}</ul></details></section>",
        removed.len()
    )
}

pub(super) fn status_table(result: &ResultDoc) -> String {
    if result.status.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = result
        .status
        .iter()
        .map(|(task, s)| vec![escape(task), s.state.name().to_owned(), escape(&s.reason)])
        .collect();
    table("Tasks", "", &["Task", "State", "Reason"], &rows)
}
