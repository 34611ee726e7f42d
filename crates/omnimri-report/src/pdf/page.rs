//! Pages that fill from the top: a heading band, wrapped text, columns, tables, bars and pictures.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::text::{windows_1252, wrap};
use crate::render::Canvas;

/// A4 in points.
const PAGE: [f32; 2] = [595.0, 842.0];
const MARGIN: f32 = 52.0;
/// Room between the margins.
const ROOM: f32 = PAGE[0] - 2.0 * MARGIN;
/// Height of a line over the size of its letters.
const LINE: f32 = 1.3;

type Colour = [f32; 3];
const INK: Colour = [0.09, 0.12, 0.14];
const GREY: Colour = [0.33, 0.38, 0.42];
const RULE: Colour = [0.78, 0.8, 0.82];
const ACCENT: Colour = [0.04, 0.37, 0.4];
const TINT: Colour = [0.89, 0.94, 0.94];
const BAND: Colour = [0.12, 0.17, 0.2];
const WARN: Colour = [0.99, 0.95, 0.86];
const WHITE: Colour = [1.0, 1.0, 1.0];

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Heading,
    Body,
    /// As body, in the weight of what matters most.
    Strong,
    Small,
}

impl Style {
    /// Font, size in points, space above, colour.
    const fn parts(self) -> (Name<'static>, f32, f32, Colour) {
        match self {
            Self::Heading => (BOLD, 10.5, 11.0, ACCENT),
            Self::Body => (PLAIN, 10.0, 2.0, INK),
            Self::Strong => (BOLD, 11.0, 2.0, INK),
            Self::Small => (PLAIN, 8.0, 2.0, GREY),
        }
    }
}

const PLAIN: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");

/// A picture's width, height and compressed bytes.
type Packed = (u32, u32, Vec<u8>);

/// Pages being filled.
pub(super) struct Pages {
    title: &'static str,
    footer: &'static str,
    done: Vec<Content>,
    page: Content,
    /// Height of the next line above the bottom, points.
    y: f32,
    pictures: Vec<Packed>,
}

impl Pages {
    pub(super) fn new(title: &'static str, footer: &'static str) -> Self {
        Self {
            title,
            footer,
            done: Vec::new(),
            page: Content::new(),
            y: PAGE[1] - MARGIN,
            pictures: Vec::new(),
        }
    }

    fn make_room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            let full = std::mem::replace(&mut self.page, Content::new());
            self.done.push(full);
            self.y = PAGE[1] - MARGIN;
        }
    }

    /// The head of the first page: what this is, and of what.
    pub(super) fn band(&mut self, title: &str, of: &str) {
        let height = 62.0;
        let bottom = PAGE[1] - height;
        rectangle(&mut self.page, [0.0, bottom, PAGE[0], height], BAND);
        let at = |y: f32| [MARGIN, bottom + y];
        show(
            &mut self.page,
            BOLD,
            16.0,
            WHITE,
            at(32.0),
            &windows_1252(title),
        );
        let one = wrap(&windows_1252(of), 10.0, ROOM).swap_remove(0);
        show(&mut self.page, PLAIN, 10.0, WHITE, at(15.0), &one);
        self.y = bottom - 6.0;
    }

    /// A text, wrapped at spaces.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        let (font, size, above, colour) = style.parts();
        self.y -= above;
        if matches!(style, Style::Heading) {
            // A heading is not left alone at the foot of a page.
            self.make_room(4.0 * LINE * size);
        }
        for line in wrap(&windows_1252(text), size, ROOM) {
            self.make_room(LINE * size);
            self.y -= LINE * size;
            show(&mut self.page, font, size, colour, [MARGIN, self.y], &line);
        }
    }

    /// Paragraphs on a tinted ground with a rule at their left; as warning or as what matters most.
    pub(super) fn boxed(&mut self, paragraphs: &[String], style: Style, warning: bool) {
        let (font, size, _, colour) = style.parts();
        let pad = 7.0;
        let lines: Vec<Vec<u8>> = paragraphs
            .iter()
            .flat_map(|p| wrap(&windows_1252(p), size, ROOM - 2.0 * pad - 4.0))
            .collect();
        let most = (PAGE[1] - 2.0 * MARGIN - 2.0 * pad) / (LINE * size);
        for part in lines.chunks((most as usize).max(1)) {
            let height = part.len() as f32 * LINE * size + 2.0 * pad;
            self.y -= 4.0;
            self.make_room(height);
            let bottom = self.y - height;
            let (ground, rule) = if warning {
                (WARN, [0.85, 0.55, 0.1])
            } else {
                (TINT, ACCENT)
            };
            rectangle(&mut self.page, [MARGIN, bottom, ROOM, height], ground);
            rectangle(&mut self.page, [MARGIN, bottom, 3.0, height], rule);
            let mut y = self.y - pad + 2.5;
            for line in part {
                y -= LINE * size;
                show(
                    &mut self.page,
                    font,
                    size,
                    colour,
                    [MARGIN + pad + 4.0, y],
                    line,
                );
            }
            self.y = bottom;
        }
    }

    /// Names above their values, three in a row.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) {
        let column = ROOM / 3.0;
        for row in facts.chunks(3) {
            let cells: Vec<Vec<Vec<u8>>> = row
                .iter()
                .map(|(_, value)| wrap(&windows_1252(value), 10.0, column - 8.0))
                .collect();
            let deepest = cells.iter().map(Vec::len).max().unwrap_or(1);
            let height = 8.0 * LINE + deepest as f32 * 10.0 * LINE + 4.0;
            self.make_room(height);
            for (k, ((name, _), lines)) in row.iter().zip(&cells).enumerate() {
                let x = MARGIN + column * k as f32;
                let mut y = self.y - 8.0 * LINE;
                show(
                    &mut self.page,
                    PLAIN,
                    8.0,
                    GREY,
                    [x, y],
                    &windows_1252(name),
                );
                for line in lines {
                    y -= 10.0 * LINE;
                    show(&mut self.page, BOLD, 10.0, INK, [x, y], line);
                }
            }
            self.y -= height;
        }
        self.rule();
    }

    fn rule(&mut self) {
        self.y -= 3.0;
        rectangle(&mut self.page, [MARGIN, self.y, ROOM, 0.6], RULE);
    }

    /// Rows under headings; `parts` are the columns' shares of the width.
    pub(super) fn table(&mut self, head: &[&str], parts: &[f32], rows: &[Vec<String>]) {
        let whole: f32 = parts.iter().sum();
        let widths: Vec<f32> = parts.iter().map(|p| ROOM * p / whole).collect();
        let names: Vec<String> = head.iter().map(|&h| h.to_owned()).collect();
        self.row(&names, &widths, BOLD, 8.0, GREY);
        for row in rows {
            self.row(row, &widths, PLAIN, 9.0, INK);
        }
    }

    fn row(&mut self, cells: &[String], widths: &[f32], font: Name<'_>, size: f32, colour: Colour) {
        let wrapped: Vec<Vec<Vec<u8>>> = cells
            .iter()
            .zip(widths)
            .map(|(text, w)| wrap(&windows_1252(text), size, w - 6.0))
            .collect();
        let deepest = wrapped.iter().map(Vec::len).max().unwrap_or(1);
        // A row that is longer than a page is cut between lines.
        for from in 0..deepest {
            self.make_room(LINE * size + 4.0);
            self.y -= LINE * size;
            let mut x = MARGIN;
            for (lines, w) in wrapped.iter().zip(widths) {
                if let Some(line) = lines.get(from) {
                    show(&mut self.page, font, size, colour, [x, self.y], line);
                }
                x += w;
            }
        }
        self.rule();
    }

    /// Names with a bar for a share of one and the share in words.
    pub(super) fn bars(&mut self, rows: &[(String, f64, String)]) {
        for (name, share, words) in rows {
            let size = 9.0;
            self.make_room(LINE * size + 2.0);
            self.y -= LINE * size + 2.0;
            let [bar, room] = [MARGIN + 0.42 * ROOM, 0.42 * ROOM];
            show(
                &mut self.page,
                PLAIN,
                size,
                INK,
                [MARGIN, self.y],
                &windows_1252(name),
            );
            rectangle(&mut self.page, [bar, self.y, room, 6.0], [0.92, 0.93, 0.94]);
            let filled = room * share.clamp(0.0, 1.0) as f32;
            rectangle(&mut self.page, [bar, self.y, filled, 6.0], ACCENT);
            let x = bar + room + 10.0;
            show(
                &mut self.page,
                BOLD,
                size,
                INK,
                [x, self.y],
                &windows_1252(words),
            );
        }
    }

    /// A picture of at most so many points in height, in its proportions, under its heading.
    pub(super) fn picture(&mut self, heading: &str, canvas: &Canvas, tallest: f32) {
        let (w, h) = (canvas.width.max(1) as f32, canvas.height.max(1) as f32);
        let scale = (ROOM / w).min(tallest / h);
        let (_, size, above, _) = Style::Heading.parts();
        self.make_room(scale * h + above + LINE * size + 6.0);
        self.text(heading, Style::Heading);
        self.y -= 6.0;
        self.y -= scale * h;
        let name = picture_name(self.pictures.len());
        self.page.save_state();
        self.page
            .transform([scale * w, 0.0, 0.0, scale * h, MARGIN, self.y]);
        self.page.x_object(Name(name.as_bytes()));
        self.page.restore_state();
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail; an empty picture would be the outcome.
        let bytes = packed.write_all(&canvas.rgb).and_then(|()| packed.finish());
        let bytes = bytes.unwrap_or_default();
        self.pictures.push((canvas.width, canvas.height, bytes));
    }

    /// The file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.done.push(self.page);
        let n = self.done.len() as i32;
        let [catalog, tree, plain, bold, info] = [1, 2, 3, 4, 5].map(Ref::new);
        let first_picture = 10;
        let first_page = first_picture + self.pictures.len() as i32;
        let picture_id = |k: usize| Ref::new(first_picture + k as i32);
        let page_id = |k: i32| Ref::new(first_page + 2 * k);
        let content_id = |k: i32| Ref::new(first_page + 1 + 2 * k);
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
        pdf.document_info(info)
            .title(TextStr(self.title))
            .creator(TextStr("omnimri"));
        pdf.pages(tree).kids((0..n).map(page_id)).count(n);
        for (k, mut content) in self.done.into_iter().enumerate() {
            let k = k as i32;
            let footer = windows_1252(&format!("{} Page {} of {n}.", self.footer, k + 1));
            rectangle(&mut content, [MARGIN, MARGIN - 12.0, ROOM, 0.6], RULE);
            show(
                &mut content,
                PLAIN,
                8.0,
                GREY,
                [MARGIN, MARGIN - 24.0],
                &footer,
            );
            let mut page = pdf.page(page_id(k));
            page.parent(tree)
                .media_box(Rect::new(0.0, 0.0, PAGE[0], PAGE[1]))
                .contents(content_id(k));
            let mut resources = page.resources();
            resources.fonts().pair(PLAIN, plain).pair(BOLD, bold);
            let mut objects = resources.x_objects();
            for p in 0..self.pictures.len() {
                objects.pair(Name(picture_name(p).as_bytes()), picture_id(p));
            }
            objects.finish();
            resources.finish();
            page.finish();
            pdf.stream(content_id(k), &content.finish());
        }
        for (id, font) in [(plain, "Helvetica"), (bold, "Helvetica-Bold")] {
            pdf.type1_font(id)
                .base_font(Name(font.as_bytes()))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (p, (width, height, bytes)) in self.pictures.iter().enumerate() {
            let mut image = pdf.image_xobject(picture_id(p), bytes);
            image.filter(Filter::FlateDecode);
            image.width(*width as i32).height(*height as i32);
            image.color_space().device_rgb();
            image.bits_per_component(8);
        }
        pdf.finish()
    }
}

fn picture_name(k: usize) -> String {
    format!("P{}", k + 1)
}

fn rectangle(content: &mut Content, [x, y, w, h]: [f32; 4], [r, g, b]: Colour) {
    content
        .set_fill_rgb(r, g, b)
        .rect(x, y, w, h)
        .fill_nonzero();
}

fn show(
    content: &mut Content,
    font: Name<'_>,
    size: f32,
    [r, g, b]: Colour,
    [x, y]: [f32; 2],
    text: &[u8],
) {
    content
        .set_fill_rgb(r, g, b)
        .begin_text()
        .set_font(font, size)
        .next_line(x, y)
        .show(Str(text))
        .end_text();
}
