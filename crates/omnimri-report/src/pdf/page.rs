//! Pages that fill from the top: wrapped text and pictures.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::render::Canvas;

/// A4 in points.
const PAGE: [f32; 2] = [595.0, 842.0];
const MARGIN: f32 = 56.0;
/// Tallest picture in points.
const TALLEST: f32 = 300.0;

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Title,
    Heading,
    Strong,
    Body,
    Small,
}

impl Style {
    /// Font, size in points, space above.
    const fn parts(self) -> (Name<'static>, f32, f32) {
        match self {
            Self::Title => (BOLD, 16.0, 0.0),
            Self::Heading => (BOLD, 11.0, 8.0),
            Self::Strong => (BOLD, 10.0, 4.0),
            Self::Body => (PLAIN, 10.0, 1.0),
            Self::Small => (PLAIN, 8.0, 4.0),
        }
    }
}

const PLAIN: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");
const PICTURE: Name<'static> = Name(b"P1");

/// Pages being filled.
pub(super) struct Pages {
    title: &'static str,
    footer: &'static str,
    done: Vec<Content>,
    page: Content,
    /// Height of the next line above the bottom, points.
    y: f32,
    /// The one picture: width, height and compressed bytes.
    picture: Option<(u32, u32, Vec<u8>)>,
}

impl Pages {
    pub(super) fn new(title: &'static str, footer: &'static str) -> Self {
        Self {
            title,
            footer,
            done: Vec::new(),
            page: Content::new(),
            y: PAGE[1] - MARGIN,
            picture: None,
        }
    }

    fn make_room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.done
                .push(std::mem::replace(&mut self.page, Content::new()));
            self.y = PAGE[1] - MARGIN;
        }
    }

    /// A text, wrapped at spaces.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        let (font, size, above) = style.parts();
        self.y -= above;
        for line in wrap(&windows_1252(text), size, PAGE[0] - 2.0 * MARGIN) {
            self.make_room(1.3 * size);
            self.y -= 1.3 * size;
            show(&mut self.page, font, size, [MARGIN, self.y], &line);
        }
    }

    /// A picture, in its proportions.
    pub(super) fn picture(&mut self, canvas: &Canvas) {
        let (w, h) = (canvas.width.max(1) as f32, canvas.height.max(1) as f32);
        let scale = ((PAGE[0] - 2.0 * MARGIN) / w).min(TALLEST / h);
        self.y -= 6.0;
        self.make_room(scale * h);
        self.y -= scale * h;
        self.page.save_state();
        self.page
            .transform([scale * w, 0.0, 0.0, scale * h, MARGIN, self.y]);
        self.page.x_object(PICTURE);
        self.page.restore_state();
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail; an empty picture would be the outcome.
        let bytes = packed.write_all(&canvas.rgb).and_then(|()| packed.finish());
        self.picture = Some((canvas.width, canvas.height, bytes.unwrap_or_default()));
    }

    /// The file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.done.push(self.page);
        let n = self.done.len() as i32;
        let [catalog, tree, plain, bold, picture, info] = [1, 2, 3, 4, 5, 6].map(Ref::new);
        let page_id = |k: i32| Ref::new(10 + 2 * k);
        let content_id = |k: i32| Ref::new(11 + 2 * k);
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
        pdf.document_info(info)
            .title(TextStr(self.title))
            .creator(TextStr("omnimri"));
        pdf.pages(tree).kids((0..n).map(page_id)).count(n);
        for (k, mut content) in self.done.into_iter().enumerate() {
            let k = k as i32;
            let footer = format!("{} Page {} of {n}.", self.footer, k + 1);
            show(
                &mut content,
                PLAIN,
                8.0,
                [MARGIN, MARGIN / 2.0],
                &windows_1252(&footer),
            );
            let mut page = pdf.page(page_id(k));
            page.parent(tree)
                .media_box(Rect::new(0.0, 0.0, PAGE[0], PAGE[1]))
                .contents(content_id(k));
            let mut resources = page.resources();
            resources.fonts().pair(PLAIN, plain).pair(BOLD, bold);
            if self.picture.is_some() {
                resources.x_objects().pair(PICTURE, picture);
            }
            resources.finish();
            page.finish();
            pdf.stream(content_id(k), &content.finish());
        }
        for (id, font) in [(plain, "Helvetica"), (bold, "Helvetica-Bold")] {
            pdf.type1_font(id)
                .base_font(Name(font.as_bytes()))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        if let Some((width, height, bytes)) = &self.picture {
            let mut image = pdf.image_xobject(picture, bytes);
            image.filter(Filter::FlateDecode);
            image.width(*width as i32).height(*height as i32);
            image.color_space().device_rgb();
            image.bits_per_component(8);
        }
        pdf.finish()
    }
}

fn show(content: &mut Content, font: Name<'_>, size: f32, [x, y]: [f32; 2], text: &[u8]) {
    content
        .begin_text()
        .set_font(font, size)
        .next_line(x, y)
        .show(Str(text))
        .end_text();
}

/// Letters as Windows-1252, which the built-in fonts have.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| match c {
            ' '..='~' | '\u{a0}'..='\u{ff}' => c as u32 as u8,
            '\u{2013}' => 0x96,
            '\u{2014}' => 0x97,
            '\u{2018}' => 0x91,
            '\u{2019}' => 0x92,
            '\u{201c}' => 0x93,
            '\u{201d}' => 0x94,
            '\u{2026}' => 0x85,
            c if c.is_whitespace() => b' ',
            _ => b'?',
        })
        .collect()
}

/// Widths of Helvetica from space to tilde in thousandths of its size (Adobe's font metrics).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Width in points; bold letters are up to a tenth wider, others than ASCII at most an em.
fn width(text: &[u8], size: f32) -> f32 {
    let of = |b: &u8| match b {
        32..=126 => 1.1 * f32::from(WIDTHS[usize::from(*b - 32)]),
        _ => 1000.0,
    };
    text.iter().map(of).sum::<f32>() * size / 1000.0
}

/// Lines of at most `room` points, broken at spaces and within words that are longer than a line.
fn wrap(text: &[u8], size: f32, room: f32) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    for word in text.split(|b| *b == b' ').filter(|w| !w.is_empty()) {
        let line = lines.last().map_or(&[][..], Vec::as_slice);
        let mut longer = line.to_vec();
        if !longer.is_empty() {
            longer.push(b' ');
        }
        longer.extend(word);
        if line.is_empty() || width(&longer, size) <= room {
            lines.pop();
            lines.push(longer);
        } else {
            lines.push(word.to_vec());
        }
        while let Some(last) = lines.last_mut().filter(|l| width(l, size) > room) {
            let fits = (1..last.len())
                .rev()
                .find(|n| width(&last[..*n], size) <= room);
            let rest = last.split_off(fits.unwrap_or(1).max(1));
            if rest.is_empty() {
                break;
            }
            lines.push(rest);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        let text = format!(
            "two words {} and {}",
            "x".repeat(300),
            "many more ".repeat(40)
        );
        let lines = wrap(&windows_1252(&text), 10.0, 200.0);
        assert!(lines.iter().all(|l| width(l, 10.0) <= 200.0));
        let all: Vec<u8> = lines.concat().into_iter().filter(|b| *b != b' ').collect();
        let wanted: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
        assert_eq!(all, wanted);
        assert_eq!(wrap(b"", 10.0, 200.0), [b""]);
    }

    #[test]
    fn letters_beyond_the_fonts_become_question_marks() {
        assert_eq!(windows_1252("\u{2013} \u{e9} \u{65e5}\n"), b"\x96 \xe9 ? ");
    }
}
