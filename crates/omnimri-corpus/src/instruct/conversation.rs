//! Three to five turns about one image; later ones refer to earlier ones.

use omnimri_findings::{Detail, Fact, Matter, Term, TumourClass};

use super::diagnose::is_diagnosis;
use super::{Draw, Instruction, Known, Task, Turn};

const FEWEST: usize = 3;
const MOST: usize = 5;

/// A turn that may be taken.
struct Step {
    wordings: &'static [&'static str],
    /// Word before the answer, with its space.
    first: &'static str,
    facts: Vec<Fact>,
}

/// One conversation, where enough is known for three turns.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Option<Instruction> {
    let mut steps = steps(known);
    if steps.len() < FEWEST {
        return None;
    }
    // The opening stays; a lesion that is spoken of must have been named, and that step stays as well.
    let fixed = if steps.get(1).is_some_and(|s| s.first == "Yes. ") {
        2
    } else {
        1
    };
    let most = FEWEST + draw.below(MOST - FEWEST + 1);
    while steps.len() > most {
        let at = fixed + draw.below(steps.len() - fixed);
        steps.remove(at);
    }
    let mut facts = Vec::new();
    let mut turns = Vec::new();
    for step in steps {
        let question = draw.wording(step.wordings, "");
        let answer = format!("{}{}", step.first, draw.told(&step.facts));
        turns.push(Turn { question, answer });
        facts.extend(step.facts);
    }
    Some(Instruction::new(known, Task::Conversation, turns, facts))
}

/// Every turn in order: what the image is, what is in it, more of that, and what it means.
fn steps(known: &Known) -> Vec<Step> {
    let mut out = Vec::new();
    let mut add = |first, facts: Vec<Fact>, wordings| {
        if !facts.is_empty() {
            out.push(Step {
                wordings,
                first,
                facts,
            });
        }
    };
    let technique =
        known.select(|f| matches!(f, Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_)));
    add(
        "",
        technique,
        &[
            "What am I looking at?",
            "What kind of image is this?",
            "Tell me what this image is.",
            "How was this image acquired?",
            "What do we have here?",
            "Introduce this image to me.",
        ],
    );
    let finding = known.findings().first().copied();
    match finding {
        Some(term) => lesion_steps(known, term, &mut add),
        None => add(
            "No. ",
            known.details(|d| matches!(d, Detail::Absent { of } if of.is_finding())),
            &[
                "Does it show anything abnormal?",
                "Is there something abnormal in it?",
                "Do you see a lesion in it?",
                "Is anything in it marked as abnormal?",
                "And is there a lesion?",
                "Was anything abnormal outlined in it?",
            ],
        ),
    }
    add(
        "",
        known.select(|f| matches!(f, Fact::Structure(_))),
        &[
            "Which structures does it show?",
            "And what anatomy is outlined in it?",
            "Which structures can be seen in it?",
            "What anatomy does it show?",
            "And the structures in it?",
            "What is outlined in it?",
        ],
    );
    add(
        "",
        known.select(is_diagnosis),
        &[
            "So what is the diagnosis?",
            "What do you make of it?",
            "And what does that mean?",
            "What is your impression, then?",
            "What would you conclude from that?",
            "Taken together, what is it?",
        ],
    );
    let voxel = known.details(|d| matches!(d, Detail::Voxel { .. }));
    let unknown = known.unknown.contains(&Matter::VoxelSize);
    let voxel = match voxel.is_empty() && unknown {
        true => vec![Fact::Detail(Detail::Unknown {
            of: Matter::VoxelSize,
        })],
        false => voxel,
    };
    add(
        "",
        voxel,
        &[
            "And how large is a voxel of it?",
            "What is its voxel size?",
            "How large are its voxels, in millimetres?",
            "And its voxel size?",
            "Can you tell its voxel size?",
            "How finely is it sampled?",
        ],
    );
    out
}

/// Turns about one finding, which the first of them names.
fn lesion_steps(
    known: &Known,
    term: Term,
    add: &mut impl FnMut(&'static str, Vec<Fact>, &'static [&'static str]),
) {
    let of = |keep: fn(&Detail) -> bool| known.details(|d| d.term() == Some(term) && keep(d));
    let parts = of(|d| matches!(d, Detail::Parts { .. }));
    let share = of(|d| matches!(d, Detail::Share { .. }));
    let named = if parts.is_empty() { share } else { parts };
    if named.is_empty() {
        return;
    }
    add(
        "Yes. ",
        named,
        &[
            "Does it show anything abnormal?",
            "Is there something abnormal in it?",
            "Do you see a lesion in it?",
            "Is anything in it marked as abnormal?",
            "And is there a lesion?",
            "Was anything abnormal outlined in it?",
        ],
    );
    // Side and place are those of the main tumour.
    let tumour = term.label().and_then(TumourClass::from_label).is_some();
    if tumour && known.findings().len() == 1 {
        add(
            "",
            known.select(|f| matches!(f, Fact::Location(_))),
            &[
                "On which side is it?",
                "Where is it?",
                "Left or right?",
                "And on what side does it lie?",
                "Which side is it on?",
                "Where does it lie?",
            ],
        );
    }
    add(
        "",
        of(|d| matches!(d, Detail::Diameter { .. })),
        &[
            "How large is it?",
            "And its size?",
            "What does it measure?",
            "How long is it at the widest point?",
            "Can you measure it?",
            "What is its longest diameter?",
        ],
    );
    add(
        "",
        of(|d| matches!(d, Detail::Relative { .. })),
        &[
            "How bright is it compared with the rest?",
            "Is it brighter or darker than the tissue outside?",
            "And its signal, against the rest?",
            "How does its signal compare with the other tissue?",
            "Compare its signal with that of the rest.",
            "And how bright is it?",
        ],
    );
}
