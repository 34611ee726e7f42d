//! An evaluation as one HTML file to look at: figures, plots, and the best and worst cases as pictures.
//!
//! Nothing is loaded from elsewhere. It holds pictures of the data and stays with whoever may have the data.
//!
//! - `chart`: plots as SVG; `curves`: learning curves of a log; `cases`: pictures of the best and worst cases

mod cases;
mod chart;
mod curves;

use std::fmt::Write as _;

use omnimri_corpus::card::{STYLE, escaped};
use omnimri_workflow::Engine;

pub(crate) use cases::ends;
pub use curves::Curves;

use crate::calibrate::CalibrationReport;
use crate::evaluate::Evaluation;
use crate::figure::SetReport;
use crate::interval::Estimate;
use chart::{Line, confusion, lines, reliability};

/// False boxes an image up to which the FROC curve is drawn.
const FROC_RANGE: f64 = 2.0;

/// The page of an evaluation. The best and worst cases are read again by `engine`, which is the one that was evaluated.
pub fn page(evaluation: &Evaluation, curves: Option<&Curves>, engine: &Engine) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>Evaluation</title><style>{STYLE}</style></head><body><main>\
         <header><p class=\"kicker\">omnimri</p><h1>Evaluation of {}</h1><p class=\"lead\">{}</p></header>",
        escaped(&evaluation.model.name),
        escaped(&lead(evaluation)),
    );
    for set in &evaluation.sets {
        of_set(set, &mut out);
    }
    rows(evaluation, &mut out);
    scope(evaluation, &mut out);
    calibrations(evaluation, &mut out);
    if let Some(curves) = curves {
        let plots: Vec<(String, Option<String>)> = curves
            .groups()
            .into_iter()
            .map(|(name, all)| (name.clone(), lines(&name, &all, None)))
            .collect();
        figures(
            "Learning curves (mean loss of the last steps)",
            plots,
            &mut out,
        );
    }
    cases::section(evaluation, engine, &mut out);
    out.push_str("</main></body></html>");
    out
}

fn lead(e: &Evaluation) -> String {
    let used = match e.split {
        omnimri_corpus::Split::Val => "val, used for selection",
        omnimri_corpus::Split::Train => "train: figures of what was trained on",
    };
    format!(
        "{} {}, weights {}. Split: {used}. Intervals: 95%, bootstrap over subjects, {} draws, seed {}. Not a medical device; for research only.",
        e.model.name,
        e.model.version,
        e.model.sha256.get(..12).unwrap_or(&e.model.sha256),
        e.draws,
        e.seed
    )
}

fn number(v: Option<f64>) -> String {
    v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))
}

fn interval(e: &Estimate) -> String {
    match (e.low, e.high) {
        (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
        _ => "-".to_owned(),
    }
}

fn estimate(e: &Estimate, out: &mut String) {
    let _ = write!(
        out,
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
        number(e.value),
        interval(e),
        e.n
    );
}

fn of_set(set: &SetReport, out: &mut String) {
    let _ = write!(
        out,
        "<section><h2>{}</h2><div class=\"scroll\"><table><thead><tr><th>figure</th><th class=\"n\">value</th>\
         <th class=\"n\">95% interval</th><th class=\"n\">n</th></tr></thead><tbody>",
        escaped(set.set.name())
    );
    for figure in &set.figures {
        let _ = write!(out, "<tr><td>{}</td>", escaped(figure.name));
        estimate(&figure.estimate, out);
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    let mut plots = Vec::new();
    for c in &set.calibrations {
        let title = format!(
            "{} of {}: reliability",
            c.of.name().replace('_', " "),
            set.set.name()
        );
        plots.push((
            title.clone(),
            Some(reliability(&title, &c.before, &c.after)),
        ));
    }
    if let Some(c) = &set.confusion {
        let title = "Truth (down) and what was said (across)".to_owned();
        plots.push((title.clone(), Some(confusion(&title, c))));
    }
    if !set.froc.is_empty() {
        let points = set.froc.iter().map(|p| (p.false_per_image, p.sensitivity));
        let points: Vec<(f64, f64)> = points.take_while(|p| p.0 <= FROC_RANGE).collect();
        let title = "FROC: sensitivity against false boxes an image".to_owned();
        let line = Line {
            name: "boxes that meet by half".into(),
            points,
        };
        plots.push((title.clone(), lines(&title, &[line], Some([0.0, 1.0]))));
    }
    drawn(plots, out);
    let mut notes: Vec<String> = set.notes.iter().map(|n| (*n).to_owned()).collect();
    notes.push(format!(
        "{} inputs, {} out of scope, {} failed.",
        set.inputs,
        set.out_of_scope,
        set.failed.len()
    ));
    notes.extend(
        set.contradictions
            .iter()
            .map(|c| format!("Contradiction: {c}")),
    );
    out.push_str("<div class=\"notes\"><ul>");
    for note in notes {
        let _ = write!(out, "<li>{}</li>", escaped(&note));
    }
    out.push_str("</ul></div></section>");
}

fn drawn(plots: Vec<(String, Option<String>)>, out: &mut String) {
    let shown: Vec<(String, String)> = plots
        .into_iter()
        .filter_map(|(t, svg)| Some((t, svg?)))
        .collect();
    if shown.is_empty() {
        return;
    }
    out.push_str("<div class=\"plots\" style=\"margin:1rem 0\">");
    for (title, svg) in shown {
        let _ = write!(
            out,
            "<figure><figcaption><b>{}</b></figcaption>{svg}</figure>",
            escaped(&title)
        );
    }
    out.push_str("</div>");
}

fn figures(title: &str, plots: Vec<(String, Option<String>)>, out: &mut String) {
    let _ = write!(out, "<section><h2>{}</h2>", escaped(title));
    drawn(plots, out);
    out.push_str("</section>");
}

fn calibrations(e: &Evaluation, out: &mut String) {
    let one = |c: &CalibrationReport| {
        let title = "answers to checkable questions: reliability".to_owned();
        (
            title.clone(),
            Some(reliability(&title, &c.before, &c.after)),
        )
    };
    if let Some(c) = &e.answers {
        figures("Answers", vec![one(c)], out);
        out.push_str("<section><div class=\"scroll\"><table><tbody>");
        for figure in &c.figures {
            let _ = write!(out, "<tr><td>{}</td>", escaped(figure.name));
            estimate(&figure.estimate, out);
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div></section>");
    }
}

fn rows(e: &Evaluation, out: &mut String) {
    if e.rows.is_empty() {
        return;
    }
    out.push_str(
        "<section><h2>By centre, plane and class</h2><div class=\"scroll\"><table><thead><tr><th>by</th><th></th>\
         <th class=\"n\">Dice</th><th class=\"n\">95% interval</th><th class=\"n\">n</th><th class=\"n\">recognised</th>\
         <th class=\"n\">95% interval</th><th class=\"n\">n</th></tr></thead><tbody>",
    );
    for row in &e.rows {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td>",
            row.by,
            escaped(row.value)
        );
        estimate(&row.dice, out);
        estimate(&row.recognised, out);
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></section>");
}

fn scope(e: &Evaluation, out: &mut String) {
    let Some(scope) = &e.scope else { return };
    out.push_str(
        "<section><h2>Out of scope</h2><div class=\"scroll\"><table><thead><tr><th>images</th><th>should be</th>\
         <th class=\"n\">refused</th><th class=\"n\">95% interval</th><th class=\"n\">n</th><th class=\"n\">without gate</th>\
         <th class=\"n\">gate fitted without the kind</th></tr></thead><tbody>",
    );
    for row in &scope.rows {
        let wanted = if row.in_scope { "read" } else { "refused" };
        let _ = write!(out, "<tr><td>{}</td><td>{wanted}</td>", escaped(row.name));
        estimate(&row.refused, out);
        let _ = write!(
            out,
            "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            number(row.without_gate.value),
            number(row.kind_unseen)
        );
    }
    out.push_str("</tbody></table></div></section>");
}
