//! The report as one HTML file that needs nothing else: style and pictures are inside, no script, no address outside.

mod parts;

use crate::figures::Figure;
use crate::result::ResultDoc;
use crate::sentences::split;
use crate::words::{BANNER, file_name, kind, matrix, short, spacing, value};
use parts::{
    anatomy_table, checks_table, diagnosis_bars, figure_block, findings_table, removed_list,
    section_block, status_table, warnings_block,
};

const STYLE: &str = include_str!("html/style.css");

/// Escapes text for elements and quoted attributes; control characters become spaces.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn header(result: &ResultDoc) -> String {
    let input = &result.input;
    let a = &result.acquisition;
    let mut items = String::new();
    let mut item = |name: &str, text: &str, source: Option<&str>| {
        let source = source
            .map(|s| format!(" <span class=\"src\">{}</span>", escape(s)))
            .unwrap_or_default();
        items.push_str(&format!(
            "<div><dt>{name}</dt><dd>{}{source}</dd></div>",
            escape(text)
        ));
    };
    for (name, of) in [
        ("Modality", &a.modality),
        ("Sequence", &a.sequence),
        ("Plane", &a.plane),
    ] {
        let source = of.value.is_some().then(|| of.source.name());
        item(name, &value(of), source);
    }
    item("Matrix", &matrix(input), None);
    item("Voxel size", &spacing(input), None);
    item("Input", kind(input.kind), None);
    if let Some(recon) = &result.reconstruction {
        item(
            "Reconstruction",
            &format!("{}, {:.1}-fold", recon.method, recon.acceleration),
            None,
        );
    }
    format!(
        "<header><p class=\"kicker\">Magnetic resonance imaging</p><h1>{}</h1>\
         <dl class=\"meta\">{items}</dl></header>",
        escape(file_name(result))
    )
}

fn footer(result: &ResultDoc) -> String {
    let model = &result.model;
    format!(
        "<footer><p><b>{BANNER}</b> Only the classes listed above were looked for; a class that \
         is not listed can be present.</p><dl class=\"ids\">\
         <dt>Model</dt><dd>{} {} <code title=\"{}\">sha256 {}</code></dd>\
         <dt>Input</dt><dd>{} <code title=\"{}\">sha256 {}</code></dd>\
         <dt>Read in</dt><dd>{:.1} s, <code>{}</code></dd></dl></footer>",
        escape(&model.name),
        escape(&model.version),
        escape(&model.sha256),
        escape(&short(&model.sha256)),
        escape(&result.input.path),
        escape(&result.input.sha256),
        escape(&short(&result.input.sha256)),
        result.seconds,
        escape(&result.schema),
    )
}

/// The whole document.
pub(crate) fn render_html(result: &ResultDoc, figures: &[Figure]) -> String {
    let (sections, removed) = split(&result.report);
    let key = figures.first().map(figure_block).unwrap_or_default();
    let more: String = figures.iter().skip(1).map(figure_block).collect();
    let text: String = sections.iter().map(section_block).collect();
    let more = if more.is_empty() {
        more
    } else {
        format!("<section class=\"more\">{more}</section>")
    };
    let body = [
        warnings_block(&result.warnings),
        format!(
            "<div class=\"read\"><div>{key}{}{}</div>\
             <section class=\"report\" aria-label=\"Report\">{text}{}</section></div>",
            findings_table(&result.findings),
            anatomy_table(&result.anatomy),
            diagnosis_bars(&result.diagnosis)
        ),
        more,
        checks_table(result, &removed),
        removed_list(&removed),
        status_table(result),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         img-src data:; style-src 'unsafe-inline'\">\
         <title>MRI report: {}</title>\n<style>\n{STYLE}</style></head>\n<body>\
         <div class=\"banner\" role=\"note\">{BANNER}</div>\n<main>\n{}\n{body}\n{}\n</main>\
         </body></html>\n",
        escape(file_name(result)),
        header(result),
        footer(result),
    )
}
