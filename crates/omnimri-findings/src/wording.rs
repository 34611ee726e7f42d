//! The wording of details: numbers, lengths, lists and unknown matters, written and read.

use crate::detail::{Detail, Hundredths, Kind, Length, Matter, Parameter, Place};
use crate::facts::Fact;
use crate::pattern::strip;
use crate::term::Term;

/// Terms whose name is a plural.
const PLURALS: [&str; 2] = ["cerebral ventricles", "basal ganglia"];
/// More digits are no number of ours.
const MAX_DIGITS: usize = 7;

/// True if the name of a term is a plural.
pub(crate) fn is_plural(term: Term) -> bool {
    PLURALS.contains(&term.name())
}

/// `2000`, `2.5`, `0.86`.
fn number(value: Hundredths) -> String {
    let (whole, rest) = (value.0 / 100, value.0 % 100);
    match (rest, rest % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    }
}

/// Reads digits at the start of `text`.
fn read_count(text: &str) -> Option<(&str, u32)> {
    let n = text.bytes().take_while(u8::is_ascii_digit).count();
    if n == 0 || n > MAX_DIGITS {
        return None;
    }
    Some((&text[n..], text[..n].parse().ok()?))
}

/// Reads a number with up to two decimals; a full stop that no digit follows ends the sentence instead.
fn read_number(text: &str) -> Option<(&str, Hundredths)> {
    let (rest, whole) = read_count(text)?;
    let decimals = rest.strip_prefix('.').unwrap_or_default();
    let n = decimals.bytes().take_while(u8::is_ascii_digit).count();
    let hundredths = match n {
        0 => return Some((rest, Hundredths(whole * 100))),
        1 => decimals[..1].parse::<u32>().ok()? * 10,
        2 => decimals[..2].parse().ok()?,
        _ => return None,
    };
    Some((&decimals[n..], Hundredths(whole * 100 + hundredths)))
}

/// The value of a detail as its sentence says it; lists are written by [`parameters`] and [`absent`].
pub(crate) fn value(detail: &Detail) -> String {
    match *detail {
        Detail::Parameter { .. } | Detail::Absent { .. } => String::new(),
        Detail::Matrix {
            columns,
            rows,
            slices: 1,
        } => format!("{columns} x {rows} pixels"),
        Detail::Matrix {
            columns,
            rows,
            slices,
        } => format!("{slices} slices of {columns} x {rows} pixels"),
        Detail::Voxel { x, y, z } => format!("{} x {} x {} mm", number(x), number(y), number(z)),
        Detail::Foreground { percent }
        | Detail::Brightness { percent }
        | Detail::Relative { percent, .. } => format!("{percent}%"),
        Detail::Diameter { length, .. } => match length {
            Length::Mm(mm) => format!("{} mm", number(mm)),
            Length::Px(px) => format!("{} pixels", number(px)),
        },
        Detail::Area { pixels: 1, .. } => "one pixel".to_owned(),
        Detail::Area { pixels, .. } => format!("{pixels} pixels"),
        Detail::Volume { ml, .. } => format!("{} mL", number(ml)),
        Detail::Parts { n: 1, .. } => "one connected part".to_owned(),
        Detail::Parts { n, .. } => format!("{n} separate parts"),
        Detail::Share { percent, .. } => format!("{}%", number(percent)),
        Detail::Place { place } => format!("{} third", place.name()),
        Detail::Unknown { of } => matter(of),
    }
}

/// Reads the value of a detail of `kind` at the start of `text`, with `of` for its term.
pub(crate) fn read_value(kind: Kind, of: Option<Term>, text: &str) -> Vec<(&str, Detail)> {
    let one = |found: Option<_>| Vec::from_iter(found);
    match kind {
        Kind::Parameter | Kind::Absent => Vec::new(),
        Kind::Matrix => one(read_matrix(text)),
        Kind::Voxel => one(read_voxel(text)),
        Kind::Place => one(Place::ALL.into_iter().find_map(|place| {
            let rest = strip(strip(text, place.name())?, " third")?;
            Some((rest, Detail::Place { place }))
        })),
        Kind::Unknown => read_matters(text),
        Kind::Foreground => {
            one(read_percent(text).map(|(r, percent)| (r, Detail::Foreground { percent })))
        }
        Kind::Brightness => {
            one(read_percent(text).map(|(r, percent)| (r, Detail::Brightness { percent })))
        }
        Kind::Relative | Kind::Diameter | Kind::Area | Kind::Volume | Kind::Parts | Kind::Share => {
            one(of.and_then(|of| read_of_term(kind, of, text)))
        }
    }
}

fn read_percent(text: &str) -> Option<(&str, u32)> {
    let (rest, percent) = read_count(text)?;
    Some((strip(rest, "%")?, percent))
}

fn read_matrix(text: &str) -> Option<(&str, Detail)> {
    let (rest, first) = read_count(text)?;
    let (rest, columns, slices) = match strip(rest, " slices of ") {
        Some(rest) => {
            let (rest, columns) = read_count(rest)?;
            (rest, columns, first)
        }
        None => (rest, first, 1),
    };
    let (rest, rows) = read_count(strip(rest, " x ")?)?;
    let detail = Detail::Matrix {
        columns,
        rows,
        slices,
    };
    Some((strip(rest, " pixels")?, detail))
}

fn read_voxel(text: &str) -> Option<(&str, Detail)> {
    let (rest, x) = read_number(text)?;
    let (rest, y) = read_number(strip(rest, " x ")?)?;
    let (rest, z) = read_number(strip(rest, " x ")?)?;
    Some((strip(rest, " mm")?, Detail::Voxel { x, y, z }))
}

fn read_of_term(kind: Kind, of: Term, text: &str) -> Option<(&str, Detail)> {
    if kind == Kind::Parts
        && let Some(rest) = strip(text, "one connected part")
    {
        return Some((rest, Detail::Parts { of, n: 1 }));
    }
    if kind == Kind::Area
        && let Some(rest) = strip(text, "one pixel")
    {
        return Some((rest, Detail::Area { of, pixels: 1 }));
    }
    if kind == Kind::Relative {
        let (rest, percent) = read_percent(text)?;
        return Some((rest, Detail::Relative { of, percent }));
    }
    if matches!(kind, Kind::Area | Kind::Parts) {
        let (rest, n) = read_count(text)?;
        return match kind {
            Kind::Area => Some((strip(rest, " pixels")?, Detail::Area { of, pixels: n })),
            _ => Some((strip(rest, " separate parts")?, Detail::Parts { of, n })),
        };
    }
    let (rest, value) = read_number(text)?;
    match kind {
        Kind::Volume => Some((strip(rest, " mL")?, Detail::Volume { of, ml: value })),
        Kind::Share => Some((strip(rest, "%")?, Detail::Share { of, percent: value })),
        _ => {
            let mm = strip(rest, " mm").map(|r| (r, Length::Mm(value)));
            let (rest, length) =
                mm.or_else(|| Some((strip(rest, " pixels")?, Length::Px(value))))?;
            Some((rest, Detail::Diameter { of, length }))
        }
    }
}

/// `the echo time`, `whether the liver is visible`.
fn matter(of: Matter) -> String {
    match of {
        Matter::Parameter(p) => format!("the {}", p.name()),
        Matter::Term(term) => {
            let verb = if is_plural(term) { "are" } else { "is" };
            format!("whether the {} {verb} visible", term.name())
        }
        _ => MATTERS
            .iter()
            .find(|(of_text, _)| *of_text == of)
            .map(|(_, text)| (*text).to_owned())
            .unwrap_or_default(),
    }
}

const MATTERS: [(Matter, &str); 12] = [
    (Matter::Plane, "the plane of the image"),
    (Matter::Sequence, "the pulse sequence"),
    (Matter::Region, "the part of the body"),
    (Matter::VoxelSize, "the voxel size"),
    (Matter::ContrastAgent, "whether a contrast agent was given"),
    (Matter::Side, "on which side the lesion lies"),
    (Matter::Findings, "which abnormalities the image shows"),
    (Matter::Structures, "which structures are visible"),
    (Matter::Diagnosis, "the diagnosis"),
    (Matter::Age, "the age of the patient"),
    (Matter::Sex, "the sex of the patient"),
    (Matter::Course, "how this compares with an earlier scan"),
];

fn read_matters(text: &str) -> Vec<(&str, Detail)> {
    let whether = strip(text, "whether the ");
    let terms = whether.map(read_terms).unwrap_or_default();
    let of_terms = terms.into_iter().filter_map(|(rest, term)| {
        let verb = if is_plural(term) { " are" } else { " is" };
        Some((strip(strip(rest, verb)?, " visible")?, Matter::Term(term)))
    });
    let of_parameters = Parameter::ALL.into_iter().filter_map(|p| {
        let rest = strip(strip(text, "the ")?, p.name())?;
        Some((rest, Matter::Parameter(p)))
    });
    let others = MATTERS
        .iter()
        .filter_map(|(of, phrase)| Some((strip(text, phrase)?, *of)));
    others
        .chain(of_parameters)
        .chain(of_terms)
        .map(|(rest, of)| (rest, Detail::Unknown { of }))
        .collect()
}

/// Every term whose name begins `text`, the longest first: `left atrium wall` before `left atrium`.
pub(crate) fn read_terms(text: &str) -> Vec<(&str, Term)> {
    let mut found: Vec<_> = Term::all()
        .filter_map(|term| Some((strip(text, term.name())?, term)))
        .collect();
    found.sort_by_key(|(rest, _)| rest.len());
    found
}

/// `a, b and c` with `last` before the last item.
pub(crate) fn list(items: &[String], last: &str) -> String {
    match items.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, others)) => format!("{} {last} {end}", others.join(", ")),
        None => String::new(),
    }
}

/// Reads a list of items at the start of `text`, as many as there are.
pub(crate) fn read_list<'a, T>(
    text: &'a str,
    last: &str,
    item: impl Fn(&'a str) -> Option<(&'a str, T)>,
) -> Option<(&'a str, Vec<T>)> {
    let (mut rest, first) = item(text)?;
    let mut out = vec![first];
    let last = format!(" {last} ");
    while let Some(next) = [", ", last.as_str()].iter().find_map(|s| strip(rest, s))
        && let Some((after, found)) = item(next)
    {
        out.push(found);
        rest = after;
    }
    Some((rest, out))
}

fn details(facts: &[Fact]) -> impl Iterator<Item = Detail> + '_ {
    facts.iter().filter_map(|f| match f {
        Fact::Detail(detail) => Some(*detail),
        _ => None,
    })
}

/// `a repetition time of 2000 ms and an echo time of 30 ms`.
pub(crate) fn parameters(facts: &[Fact]) -> String {
    let items: Vec<String> = details(facts)
        .filter_map(|d| match d {
            Detail::Parameter { of, value } => Some(format!(
                "{} {} of {} {}",
                indefinite(of),
                of.name(),
                number(value),
                of.unit()
            )),
            _ => None,
        })
        .collect();
    list(&items, "and")
}

const fn indefinite(of: Parameter) -> &'static str {
    match of {
        Parameter::EchoTime | Parameter::InversionTime => "an",
        _ => "a",
    }
}

/// Reads what [`parameters`] writes.
pub(crate) fn read_parameters(text: &str) -> Option<(&str, Vec<Fact>)> {
    let item = |text| {
        Parameter::ALL.into_iter().find_map(|of| {
            let rest = strip(strip(text, indefinite(of))?, " ")?;
            let (rest, value) = read_number(strip(strip(rest, of.name())?, " of ")?)?;
            let rest = strip(strip(rest, " ")?, of.unit())?;
            Some((rest, Fact::Detail(Detail::Parameter { of, value })))
        })
    };
    read_list(text, "and", item)
}

/// `glioma, meningioma or pituitary tumour`.
pub(crate) fn absent(facts: &[Fact]) -> String {
    let items: Vec<String> = details(facts)
        .filter_map(|d| match d {
            Detail::Absent { of } => Some(of.name().to_owned()),
            _ => None,
        })
        .collect();
    list(&items, "or")
}

/// Reads what [`absent`] writes.
pub(crate) fn read_absent(text: &str) -> Option<(&str, Vec<Fact>)> {
    read_list(text, "or", |text| {
        let (rest, of) = read_terms(text).into_iter().next()?;
        Some((rest, Fact::Detail(Detail::Absent { of })))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_short_and_read_whole() {
        for (hundredths, text) in [
            (200_000, "2000"),
            (250, "2.5"),
            (86, "0.86"),
            (105, "1.05"),
            (0, "0"),
        ] {
            assert_eq!(number(Hundredths(hundredths)), text);
            let sentence = format!("{text}.");
            assert_eq!(read_number(&sentence), Some((".", Hundredths(hundredths))));
        }
        assert_eq!(number(Hundredths::MAX), "9999999.99");
        assert_eq!(read_number("9999999.99"), Some(("", Hundredths::MAX)));
        for bad in ["1.234", "12345678", "x", ""] {
            assert_eq!(read_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_name_is_read_first() {
        let names: Vec<_> = read_terms("left atrium wall is")
            .into_iter()
            .map(|(_, t)| t.name())
            .collect();
        assert_eq!(names, ["left atrium wall", "left atrium"]);
    }
}
