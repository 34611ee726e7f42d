//! The card as one HTML file.

use std::fmt::Write as _;

use super::chart::{escaped, grouped};
use super::gather::{Card, Sample};
use super::markdown::summary;
use super::plots::{GRIDS, HOLDS, Plot, QUALITY};

/// The style of a page: light or dark as the reader's system is.
pub const STYLE: &str = include_str!("style.css");

pub(super) fn html(card: &Card, plots: &[Plot]) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>Corpus card</title><style>{STYLE}</style></head><body><main>\
         <header><p class=\"kicker\">omnimri</p><h1>Corpus card</h1><p class=\"lead\">{}</p></header>",
        escaped(&summary(card))
    );
    table(card, &mut out);
    for section in [HOLDS, GRIDS, QUALITY] {
        let mine: Vec<_> = plots.iter().filter(|p| p.section == section).collect();
        if mine.is_empty() {
            continue;
        }
        let _ = write!(out, "<section><h2>{section}</h2><div class=\"plots\">");
        for plot in mine {
            let _ = write!(
                out,
                "<figure><figcaption><b>{}</b> <span>{}</span></figcaption>{}</figure>",
                escaped(plot.title),
                escaped(plot.note),
                plot.svg
            );
        }
        out.push_str("</div></section>");
    }
    sheet(card, &mut out);
    notes(card, &mut out);
    out.push_str("</main></body></html>");
    out
}

fn table(card: &Card, out: &mut String) {
    out.push_str(
        "<section><h2>Datasets</h2><div class=\"scroll\"><table><thead><tr><th>dataset</th><th class=\"n\">examples</th>\
         <th class=\"n\">train</th><th class=\"n\">val</th><th class=\"n\">subjects</th><th class=\"n\">slices</th>\
         <th class=\"n\">outlined</th><th class=\"n\">texts</th><th class=\"n\">questions</th><th>licence</th></tr></thead><tbody>",
    );
    for (name, d) in &card.datasets {
        let read = if d.licence_read || d.licence.is_empty() {
            ""
        } else {
            " <span class=\"warn\">terms not read at the source</span>"
        };
        let blocks = if d.subjects_named { "" } else { " blocks" };
        let _ = write!(
            out,
            "<tr><td><b>{}</b></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}{blocks}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"l\">{} <span class=\"use\">{}</span>{read}</td></tr>",
            escaped(name),
            grouped(d.examples),
            grouped(d.train),
            grouped(d.val),
            grouped(d.subjects),
            grouped(d.slices),
            grouped(d.outlined),
            grouped(d.texts),
            grouped(d.questions),
            escaped(&d.licence),
            escaped(&d.admits),
        );
    }
    out.push_str("</tbody></table></div></section>");
}

fn sheet(card: &Card, out: &mut String) {
    if card.samples.is_empty() {
        return;
    }
    out.push_str("<section><h2>Samples</h2>");
    let mut dataset = "";
    for s in &card.samples {
        if s.dataset != dataset {
            if !dataset.is_empty() {
                out.push_str("</div>");
            }
            dataset = &s.dataset;
            let _ = write!(out, "<h3>{}</h3><div class=\"sheet\">", escaped(dataset));
        }
        tile(s, out);
    }
    out.push_str("</div></section>");
}

fn tile(s: &Sample, out: &mut String) {
    let alt = format!("{} {}, {}", s.dataset, s.id, s.facts.join(", "));
    let _ = write!(
        out,
        "<article><img src=\"{}\" alt=\"{}\"><div class=\"say\"><p class=\"id\">{} <span>{}</span></p><p class=\"facts\">{}</p>",
        s.picture,
        escaped(&alt),
        escaped(&s.id),
        s.split,
        escaped(&s.facts.join(" · "))
    );
    if !s.labels.is_empty() {
        out.push_str("<p class=\"labels\">");
        for (name, [r, g, b]) in &s.labels {
            let _ = write!(
                out,
                "<span><i style=\"background:rgb({r},{g},{b})\"></i>{}</span>",
                escaped(name)
            );
        }
        out.push_str("</p>");
    }
    for text in &s.texts {
        let _ = write!(out, "<p class=\"text\">{}</p>", escaped(text));
    }
    out.push_str("</div></article>");
}

fn notes(card: &Card, out: &mut String) {
    if card.datasets.values().all(|d| d.notes.is_empty()) {
        return;
    }
    out.push_str("<section><h2>Notes of the datasets</h2><div class=\"notes\">");
    for (name, d) in card.datasets.iter().filter(|(_, d)| !d.notes.is_empty()) {
        let _ = write!(out, "<h3>{}</h3><ul>", escaped(name));
        for note in &d.notes {
            let _ = write!(out, "<li>{}</li>", escaped(note));
        }
        out.push_str("</ul>");
    }
    out.push_str("</div></section>");
}
