//! Questions to be answered by yes or no: of every example as many of either, so that any run of examples is balanced.

use omnimri_findings::{Detail, Fact, Label, Sequence, Term, TumourClass};
use omnimri_image::Plane;

use super::{Draw, Instruction, Known, Task};

const VISIBLE: [&str; 6] = [
    "Is the {x} visible in this image?",
    "Does this image show the {x}?",
    "Can you see the {x} here?",
    "Is the {x} part of what is shown?",
    "Do you see the {x}?",
    "Is the {x} in this image?",
];

const PRESENT: [&str; 6] = [
    "Is there any {x}?",
    "Does this image show any {x}?",
    "Do you see any {x}?",
    "Is any {x} outlined here?",
    "Can any {x} be seen?",
    "Was any {x} found here?",
];

const IN_PLANE: [&str; 6] = [
    "Is the plane {x}?",
    "Is the image plane {x}?",
    "Are the slices {x}?",
    "Is this image {x}?",
    "Was this acquired in the {x} plane?",
    "Do we look at the {x} plane?",
];

const OF_SEQUENCE: [&str; 6] = [
    "Is the sequence {x}?",
    "Is this image {x}?",
    "Is this a sequence that is called {x}?",
    "Was the sequence {x}?",
    "Does the name {x} fit the sequence?",
    "Would you call the sequence {x}?",
];

/// A question whose answer is known.
struct Closed {
    wordings: &'static [&'static str],
    name: &'static str,
    yes: bool,
    facts: Vec<Fact>,
}

/// Pairs of one question that is answered by yes and one by no.
///
/// Where a kind of question has but one answer on this image (its one structure is there), it is paired with a question on plane or
/// sequence that has the other.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Vec<Instruction> {
    let mut flexible: Vec<[Closed; 2]> = Vec::new();
    flexible.extend(plane(known, draw));
    flexible.extend(sequence(known, draw));
    let mut chosen: Vec<Closed> = Vec::new();
    for findings in [true, false] {
        let mut yes = seen(known, findings);
        let mut no = unseen(known, findings);
        let pick = |of: &mut Vec<Closed>, draw: &mut Draw| {
            (!of.is_empty()).then(|| of.swap_remove(draw.below(of.len())))
        };
        match (pick(&mut yes, draw), pick(&mut no, draw)) {
            (Some(a), Some(b)) => chosen.extend([a, b]),
            (Some(one), None) | (None, Some(one)) => {
                if let Some(pair) = flexible.pop() {
                    let other = pair.into_iter().find(|c| c.yes != one.yes);
                    chosen.extend(std::iter::once(one).chain(other));
                }
            }
            (None, None) => {}
        }
    }
    chosen.extend(flexible.into_iter().flatten());
    draw.shuffle(&mut chosen);
    chosen
        .into_iter()
        .map(|closed| {
            let question = draw.wording(closed.wordings, closed.name);
            let word = if closed.yes { "Yes." } else { "No." };
            let answer = format!("{word} {}", draw.told(&closed.facts));
            Instruction::single(known, Task::YesNo, question, answer, closed.facts)
        })
        .collect()
}

/// What is outlined, findings or structures.
fn seen(known: &Known, findings: bool) -> Vec<Closed> {
    let of = known.present.iter().copied();
    of.filter(|t| t.is_finding() == findings)
        .filter_map(|term| {
            Some(Closed {
                wordings: if findings { &PRESENT } else { &VISIBLE },
                name: term.name(),
                yes: true,
                facts: vec![witness(known, term)?],
            })
        })
        .collect()
}

/// The fact that says that a term is there.
fn witness(known: &Known, term: Term) -> Option<Fact> {
    let class = term.label().and_then(TumourClass::from_label);
    let share = |f: &Fact| matches!(f, Fact::Detail(Detail::Share { of, .. }) if *of == term);
    let told = match (term.label(), class) {
        (_, Some(class)) => Some(Fact::Tumour(class)),
        (Some(Label::MsLesion), _) => Some(Fact::MsLesions { present: true }),
        _ => Some(Fact::Structure(term)),
    };
    let told = told.filter(|f| known.facts.contains(f));
    told.or_else(|| known.facts.iter().copied().find(share))
}

/// What was looked for and is not there.
fn unseen(known: &Known, findings: bool) -> Vec<Closed> {
    let of = known.absent.iter().copied();
    of.filter(|t| t.is_finding() == findings)
        .map(|of| Closed {
            wordings: if findings { &PRESENT } else { &VISIBLE },
            name: of.name(),
            yes: false,
            facts: vec![Fact::Detail(Detail::Absent { of })],
        })
        .collect()
}

fn plane(known: &Known, draw: &mut Draw) -> Option<[Closed; 2]> {
    let is = known.facts.iter().find_map(|f| match f {
        Fact::Plane(plane) => Some(*plane),
        _ => None,
    })?;
    // An oblique slice may be called by the plane it is nearest to.
    let named = [Plane::Axial, Plane::Coronal, Plane::Sagittal];
    if !named.contains(&is) {
        return None;
    }
    let others: Vec<Plane> = named.into_iter().filter(|p| *p != is).collect();
    let other = *draw.pick(&others)?;
    let closed = |name: Plane| Closed {
        wordings: &IN_PLANE,
        name: name.name(),
        yes: name == is,
        facts: vec![Fact::Plane(is)],
    };
    Some([closed(is), closed(other)])
}

fn sequence(known: &Known, draw: &mut Draw) -> Option<[Closed; 2]> {
    use Sequence::{
        Cine, Dwi, Flair, Mp2rage, Pd, Stir, Swi, T1, T1FatSat, T1Post, T2, T2FatSat, T2Star,
        WaterFat,
    };
    let is = known.facts.iter().find_map(|f| match f {
        Fact::Sequence(s) => Some(*s),
        _ => None,
    })?;
    // Only what surely is not: FLAIR is weighted by T2 as well, and an enhanced image by T1.
    let others: &[Sequence] = match is {
        T1 | T1Post | T1FatSat | Mp2rage => &[T2, Flair, Swi],
        T2 | Flair | Stir | T2FatSat | T2Star | Swi | Dwi => &[T1, T1Post],
        Cine | WaterFat | Pd => &[Flair, Swi],
        _ => return None,
    };
    let other = *draw.pick(others)?;
    let closed = |name: Sequence| Closed {
        wordings: &OF_SEQUENCE,
        name: name.name(),
        yes: name == is,
        facts: vec![Fact::Sequence(is)],
    };
    Some([closed(is), closed(other)])
}
