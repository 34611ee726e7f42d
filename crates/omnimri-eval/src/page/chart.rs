//! Plots as SVG that read on a light and on a dark page: lines, reliability, confusion.

use std::fmt::Write as _;

use omnimri_corpus::card::{cut, escaped, short};

use crate::figure::Confusion;
use crate::metrics::Bin;

/// Width of every plot in its own units.
const WIDTH: f64 = 420.0;
const HIGH: f64 = 190.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 10.0;
const TEXT: &str = "#7c8790";
/// The Okabe-Ito colours that stand out on light and dark, in the order of use.
const COLOURS: [&str; 6] = [
    "#2b8a93", "#d08a2e", "#cc79a7", "#0072b2", "#d55e00", "#8b8b2a",
];

/// A line: its name and its points, by rising x.
pub(super) struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

fn open(height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\" font-size=\"12\">",
        escaped(title)
    )
}

/// Axes with three numbers each.
fn axes(out: &mut String, x: [f64; 2], y: [f64; 2]) {
    let (base, right) = (TOP + HIGH, WIDTH - 14.0);
    for share in [0.0, 0.5, 1.0] {
        let at = base - share * HIGH;
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{TEXT}\" stroke-opacity=\".3\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{TEXT}\">{}</text>",
            LEFT - 5.0,
            at + 4.0,
            short(y[0] + share * (y[1] - y[0]))
        );
        let anchor = if share == 1.0 { "end" } else { "middle" };
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{TEXT}\">{}</text>",
            LEFT + share * (right - LEFT),
            base + 16.0,
            short(x[0] + share * (x[1] - x[0]))
        );
    }
}

/// Lines over a common range, each named below; `None` without a point. `y`: the range of heights, else that of the values from 0.
pub(super) fn lines(title: &str, lines: &[Line], y: Option<[f64; 2]>) -> Option<String> {
    let points = || {
        lines
            .iter()
            .flat_map(|l| &l.points)
            .filter(|p| p.0.is_finite() && p.1.is_finite())
    };
    points().next()?;
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = points().map(of).fold(f64::INFINITY, f64::min);
        let high = points().map(of).fold(f64::NEG_INFINITY, f64::max);
        if high > low {
            [low, high]
        } else {
            [low - 0.5, low + 0.5]
        }
    };
    let x = range(|p| p.0);
    let y = y.unwrap_or_else(|| {
        let [low, high] = range(|p| p.1);
        [low.min(0.0), high]
    });
    let rows = lines.len().div_ceil(2);
    let mut out = open(TOP + HIGH + 24.0 + 16.0 * rows as f64, title);
    axes(&mut out, x, y);
    for (k, line) in lines.iter().enumerate() {
        let colour = COLOURS[k % COLOURS.len()];
        let place = |p: &(f64, f64)| {
            let at_x = LEFT + (p.0 - x[0]) / (x[1] - x[0]) * (WIDTH - 14.0 - LEFT);
            let at_y = TOP + HIGH - ((p.1 - y[0]) / (y[1] - y[0])).clamp(0.0, 1.0) * HIGH;
            format!("{at_x:.1},{at_y:.1}")
        };
        let path: Vec<String> = line
            .points
            .iter()
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .map(place)
            .collect();
        let (row, column) = (k / 2, k % 2);
        let (at_x, at_y) = (
            LEFT + 185.0 * column as f64,
            TOP + HIGH + 36.0 + 16.0 * row as f64,
        );
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>\
             <rect x=\"{at_x:.1}\" y=\"{:.1}\" width=\"12\" height=\"3\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{at_y:.1}\" fill=\"{TEXT}\">{}</text>",
            path.join(" "),
            at_y - 5.0,
            at_x + 17.0,
            escaped(&cut(&line.name, 24))
        );
    }
    out.push_str("</svg>");
    Some(out)
}

/// Said against right, before and after calibration; the area of a dot grows with how often it was said.
pub(super) fn reliability(title: &str, before: &[Bin], after: &[Bin]) -> String {
    let side = HIGH;
    let mut out = open(TOP + side + 42.0, title);
    axes(&mut out, [0.0, 1.0], [0.0, 1.0]);
    let room = WIDTH - 14.0 - LEFT;
    let place = |p: f64, right: f64| (LEFT + p * room, TOP + side - right * side);
    let (x1, y1) = place(1.0, 1.0);
    let _ = write!(
        out,
        "<line x1=\"{LEFT}\" y1=\"{:.1}\" x2=\"{x1:.1}\" y2=\"{y1:.1}\" stroke=\"{TEXT}\" stroke-dasharray=\"4 4\"/>",
        TOP + side
    );
    for (k, (name, bins)) in [("as the network says", before), ("calibrated", after)]
        .into_iter()
        .enumerate()
    {
        let colour = COLOURS[1 - k];
        let all: usize = bins.iter().map(|b| b.n).sum();
        for bin in bins {
            let (Some(p), Some(right)) = (bin.confidence, bin.accuracy) else {
                continue;
            };
            let (x, y) = place(p, right);
            let radius = 3.0 + 12.0 * (bin.n as f64 / all.max(1) as f64).sqrt();
            let _ = write!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{colour}\" fill-opacity=\".55\" stroke=\"{colour}\"/>"
            );
        }
        let at = LEFT + 185.0 * k as f64;
        let _ = write!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"{TEXT}\">{name}</text>",
            at + 5.0,
            TOP + side + 32.0,
            at + 17.0,
            TOP + side + 36.0
        );
    }
    out.push_str("</svg>");
    out
}

/// Truths down, what was said across; the shade is the share of the truth.
pub(super) fn confusion(title: &str, confusion: &Confusion) -> String {
    let n = confusion.classes.len().max(1) as f64;
    let names = 118.0;
    let wide = (WIDTH - names - 10.0) / n;
    let tall = 40.0;
    let mut out = open(34.0 + n * tall, title);
    for (k, name) in confusion.classes.iter().enumerate() {
        let k = k as f64;
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"18\" text-anchor=\"middle\" fill=\"{TEXT}\" font-size=\"10\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{TEXT}\">{}</text>",
            names + (k + 0.5) * wide,
            escaped(&cut(name, 14)),
            names - 8.0,
            28.0 + (k + 0.5) * tall + 4.0,
            escaped(&cut(name, 17)),
        );
    }
    for (t, row) in confusion.counts.iter().enumerate() {
        let sum: usize = row.iter().sum();
        for (s, count) in row.iter().enumerate() {
            let share = *count as f64 / sum.max(1) as f64;
            let (x, y) = (names + s as f64 * wide, 28.0 + t as f64 * tall);
            let colour = if t == s { COLOURS[0] } else { COLOURS[1] };
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" fill=\"{colour}\" fill-opacity=\"{:.2}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"currentColor\">{count}</text>",
                x + 1.5,
                y + 1.5,
                wide - 3.0,
                tall - 3.0,
                0.06 + 0.74 * share,
                x + wide / 2.0,
                y + tall / 2.0 + 4.0
            );
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::calibration;

    #[test]
    fn lines_stay_within_the_plot_and_are_named() {
        let line = |name: &str, points: &[(f64, f64)]| Line {
            name: name.into(),
            points: points.to_vec(),
        };
        let all = [
            line("a<b", &[(0.0, 1.0), (10.0, 3.0), (20.0, f64::NAN)]),
            line("b", &[(5.0, 2.0)]),
        ];
        let svg = lines("t", &all, None).unwrap();
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && svg.ends_with("</svg>"));
        assert_eq!(svg.matches("<polyline").count(), 2);
        // The highest value touches the top.
        assert!(svg.contains(&format!(",{TOP:.1}")), "{svg}");
        assert_eq!(lines("t", &[line("a", &[])], None), None);
    }

    #[test]
    fn dots_lie_where_said_meets_right() {
        let c = calibration(&[0.5, 0.5], &[true, true], 2).unwrap();
        let svg = reliability("r", &c.bins, &[]);
        let x = LEFT + 0.5 * (WIDTH - 14.0 - LEFT);
        assert!(
            svg.contains(&format!("cx=\"{x:.1}\" cy=\"{TOP:.1}\"")),
            "{svg}"
        );
        assert_eq!(svg.matches("fill-opacity").count(), 1);
    }

    #[test]
    fn every_count_is_shown() {
        let counts = vec![vec![7, 1], vec![0, 0]];
        let svg = confusion(
            "c",
            &Confusion {
                classes: vec!["x", "y"],
                counts,
            },
        );
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains(">7<") && svg.contains("0.80") || svg.contains("0.71"));
        assert!(!svg.contains("NaN"));
    }
}
