//! Bars and histograms as SVG, drawn so that they read on a light and on a dark page.

use std::fmt::Write as _;

/// Width of every plot in its own units.
const WIDTH: f64 = 420.0;
const BAR: f64 = 17.0;
const GAP: f64 = 7.0;
const TEXT: &str = "#7c8790";
const COLOUR: &str = "#2b8a93";
/// A second kind within a bar.
const SECOND: &str = "#d08a2e";
/// Most bars of a plot; the rest are summed up.
const MOST: usize = 14;

/// A bar: its name, and two counts that are stacked.
pub(super) struct Bar {
    pub name: String,
    pub first: usize,
    pub second: usize,
}

/// Text that can stand in SVG, HTML and attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn open(height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\" font-size=\"12\">",
        escaped(title)
    )
}

/// A count as people read it: `1,234`.
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (k, c) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// At most `n` characters, with an ellipsis where something was cut.
pub fn cut(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    let kept: String = text.chars().take(n.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Horizontal bars in the given order.
pub(super) fn bars(title: &str, mut bars: Vec<Bar>) -> String {
    if bars.len() > MOST {
        let rest = bars.split_off(MOST - 1);
        bars.push(Bar {
            name: format!("{} others", rest.len()),
            first: rest.iter().map(|b| b.first).sum(),
            second: rest.iter().map(|b| b.second).sum(),
        });
    }
    let height = bars.len() as f64 * (BAR + GAP) + GAP;
    let name_width = bars
        .iter()
        .map(|b| b.name.chars().count().min(26))
        .max()
        .unwrap_or(0) as f64
        * 7.2
        + 12.0;
    let most = bars
        .iter()
        .map(|b| b.first + b.second)
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    let room = WIDTH - name_width - 56.0;
    let mut out = open(height, title);
    for (k, bar) in bars.iter().enumerate() {
        let y = GAP + k as f64 * (BAR + GAP);
        let middle = y + BAR / 2.0 + 4.0;
        let width = |n: usize| n as f64 / most * room;
        let (a, b) = (width(bar.first), width(bar.second));
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"{TEXT}\">{}</text>\
             <rect x=\"{name_width:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{COLOUR}\"/>",
            name_width - 8.0,
            escaped(&cut(&bar.name, 26)),
            a.max(1.0)
        );
        if bar.second > 0 {
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{SECOND}\"/>",
                name_width + a,
                b.max(1.0)
            );
        }
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{middle:.1}\" fill=\"{TEXT}\">{}</text>",
            name_width + a + b + 6.0,
            grouped(bar.first + bar.second)
        );
    }
    out.push_str("</svg>");
    out
}

/// A histogram of finite values on about twenty bins, linear or by powers; empty for no values.
///
/// The highest and lowest half per cent of linear values share the outer bins, so that one odd value does not hide the
/// others.
pub(super) fn histogram(title: &str, values: &[f32], log: bool) -> Option<String> {
    const BINS: usize = 22;
    const HIGH: f64 = 132.0;
    const LEFT: f64 = 46.0;
    let scale = |v: f64| if log { v.max(1e-6).ln() } else { v };
    let mut scaled: Vec<f64> = values
        .iter()
        .filter(|v| v.is_finite())
        .map(|v| scale(f64::from(*v)))
        .collect();
    if scaled.is_empty() {
        return None;
    }
    scaled.sort_by(f64::total_cmp);
    let last = scaled.len() - 1;
    let at = |share: f64| scaled[(last as f64 * share).round() as usize];
    let (mut low, mut high) = if log {
        (at(0.0), at(1.0))
    } else {
        (at(0.005), at(0.995))
    };
    if high - low < 1e-9 * low.abs().max(1e-6) {
        let half = if log {
            0.5
        } else {
            0.5f64.min(low.abs() * 0.2).max(1e-3)
        };
        (low, high) = (low - half, high + half);
    }
    let mut counts = [0usize; BINS];
    for v in &scaled {
        let k = ((v - low) / (high - low) * BINS as f64).floor();
        counts[k.clamp(0.0, BINS as f64 - 1.0) as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let room = WIDTH - LEFT - 12.0;
    let mut out = open(HIGH + 34.0, title);
    let base = HIGH + 8.0;
    let _ = write!(
        out,
        "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{base}\" y2=\"{base}\" stroke=\"{TEXT}\" stroke-opacity=\".6\"/>\
         <text x=\"{:.1}\" y=\"18\" text-anchor=\"end\" fill=\"{TEXT}\">{}</text>",
        LEFT + room,
        LEFT - 5.0,
        grouped(most as usize)
    );
    let wide = room / BINS as f64;
    for (k, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let tall = (*n as f64 / most * (HIGH - 4.0)).max(1.0);
        let _ = write!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{COLOUR}\"/>",
            LEFT + k as f64 * wide + 0.7,
            base - tall,
            wide - 1.4
        );
    }
    for share in [0.0, 0.5, 1.0] {
        let v = low + share * (high - low);
        let v = if log { v.exp() } else { v };
        let anchor = match share {
            0.0 => "start",
            0.5 => "middle",
            _ => "end",
        };
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{TEXT}\">{}</text>",
            LEFT + share * room,
            base + 17.0,
            short(v)
        );
    }
    out.push_str("</svg>");
    Some(out)
}

/// A number in about three digits.
pub fn short(v: f64) -> String {
    match v.abs() {
        0.0 => "0".into(),
        a if a >= 1000.0 => grouped(v.round().max(0.0) as usize),
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        a if a >= 0.1 => format!("{v:.2}"),
        a if a >= 0.001 => format!("{v:.4}"),
        _ => format!("{v:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_long_lists_are_summed_up() {
        let all = (0..30).map(|k| Bar {
            name: format!("<b>{k}"),
            first: 1,
            second: 1,
        });
        let svg = bars("a \"title\"", all.collect());
        assert!(svg.contains("&lt;b&gt;0") && !svg.contains("<b>") && svg.contains("&quot;title"));
        assert!(svg.contains("17 others") && svg.contains(">34<"), "{svg}");
        assert!(svg.ends_with("</svg>"));
    }

    #[test]
    fn histograms_hold_every_value_once() {
        let values: Vec<f32> = (0..1000).map(|k| k as f32).collect();
        let svg = histogram("h", &values, false).unwrap();
        assert_eq!(svg.matches("<rect").count(), 22);
        assert!(histogram("h", &[], false).is_none());
        assert!(histogram("h", &[f32::NAN], true).is_none());
        for constant in [0.0, 0.3, 1e6, -2.0] {
            let svg = histogram("h", &[constant; 5], false).unwrap();
            assert_eq!(svg.matches("<rect").count(), 1, "{constant}");
            assert!(!svg.contains("NaN"));
        }
        assert!(histogram("h", &[0.0, 10.0, 1000.0], true).is_some());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(short(0.8594), "0.86");
        assert_eq!(short(1234.4), "1,234");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
