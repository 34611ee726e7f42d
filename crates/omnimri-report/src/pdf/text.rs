//! Words as the built-in fonts have them: letters, widths, lines.

/// Letters as Windows-1252, which the built-in fonts have.
pub(super) fn windows_1252(text: &str) -> Vec<u8> {
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
pub(super) fn width(text: &[u8], size: f32) -> f32 {
    let of = |b: &u8| match b {
        32..=126 => 1.1 * f32::from(WIDTHS[usize::from(*b - 32)]),
        _ => 1000.0,
    };
    text.iter().map(of).sum::<f32>() * size / 1000.0
}

/// Lines of at most `room` points, broken at spaces and within words that are longer than a line.
pub(super) fn wrap(text: &[u8], size: f32, room: f32) -> Vec<Vec<u8>> {
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
