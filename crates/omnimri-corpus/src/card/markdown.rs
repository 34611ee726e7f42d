//! The card as Markdown; its plots lie beside it.

use std::fmt::Write as _;

use omnimri_image::percentiles;

use super::chart::{grouped, short};
use super::gather::Card;
use super::plots::{GRIDS, HOLDS, Plot, QUALITY};

pub(super) fn markdown(card: &Card, plots: &[Plot]) -> String {
    let mut out = String::from("# Corpus card\n\n");
    let _ = writeln!(out, "{}\n", summary(card));
    out.push_str("| dataset | examples | train | val | subjects | slices | outlined | texts | questions | licence | admits |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n");
    for (name, d) in &card.datasets {
        let subjects = if d.subjects_named {
            grouped(d.subjects)
        } else {
            format!("{} blocks", grouped(d.subjects))
        };
        let read = if d.licence_read || d.licence.is_empty() {
            ""
        } else {
            " (terms not read at the source)"
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {subjects} | {} | {} | {} | {} | {}{read} | {} |",
            cell(name),
            grouped(d.examples),
            grouped(d.train),
            grouped(d.val),
            grouped(d.slices),
            grouped(d.outlined),
            grouped(d.texts),
            grouped(d.questions),
            cell(&d.licence),
            cell(&d.admits),
        );
    }
    for section in [HOLDS, GRIDS, QUALITY] {
        let _ = writeln!(out, "\n## {section}\n");
        for plot in plots.iter().filter(|p| p.section == section) {
            let note = if plot.note.is_empty() {
                String::new()
            } else {
                format!(" ({})", plot.note)
            };
            let _ = writeln!(
                out,
                "**{}**{note}\n\n![{}](plots/{}.svg)\n",
                plot.title, plot.title, plot.name
            );
        }
        if section == QUALITY {
            out.push_str(&quality_table(card));
        }
    }
    out.push_str("\n## Notes of the datasets\n\n");
    for (name, d) in &card.datasets {
        for note in &d.notes {
            let _ = writeln!(out, "- {}: {}", cell(name), cell(note));
        }
    }
    out.push_str("\n## Samples\n\nPictures with outlines are in `card.html`.\n\n");
    for s in &card.samples {
        let labels: Vec<_> = s.labels.iter().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(
            out,
            "- `{}/{}` ({}): {}{}{}",
            s.dataset,
            s.id.replace('`', "'"),
            s.split,
            cell(&s.facts.join(", ")),
            if labels.is_empty() {
                String::new()
            } else {
                format!("; outlined: {}", labels.join(", "))
            },
            s.texts
                .iter()
                .fold(String::new(), |t, text| format!("{t}\n  - {}", cell(text)))
        );
    }
    out
}

/// One sentence on the whole.
pub(super) fn summary(card: &Card) -> String {
    let sum = |f: fn(&super::DatasetCard) -> usize| card.datasets.values().map(f).sum::<usize>();
    format!(
        "{} examples ({} training, {} validation) of {} datasets, {} slices, {} with an outline, {} texts, {} questions.",
        grouped(card.n_examples()),
        grouped(sum(|d| d.train)),
        grouped(sum(|d| d.val)),
        card.datasets.len(),
        grouped(sum(|d| d.slices)),
        grouped(sum(|d| d.outlined)),
        grouped(sum(|d| d.texts)),
        grouped(sum(|d| d.questions)),
    )
}

/// Percentiles of the quality measures.
fn quality_table(card: &Card) -> String {
    let mut out = String::from(
        "| measure | volumes | 5 % | median | 95 % |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for (name, values) in &card.values {
        let at = percentiles(values, &[5.0, 50.0, 95.0]);
        if let [low, middle, high] = at[..] {
            let [low, middle, high] = [low, middle, high].map(|v| short(f64::from(v)));
            let _ = writeln!(
                out,
                "| {name} | {} | {low} | {middle} | {high} |",
                grouped(values.len())
            );
        }
    }
    out
}

/// Text that keeps a table's or a list's line whole and is shown as written.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '<' | '>' | '[' | ']' | '*' | '_' | '`' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
