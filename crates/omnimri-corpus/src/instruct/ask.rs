//! Free questions whose answers can be checked.

use omnimri_findings::{Detail, Fact, Parameter};

use super::{Draw, Instruction, Known, Task};

/// Questions of one example; more would ask every example the same.
const MOST: usize = 4;

/// A question that some facts answer.
struct Asked {
    wordings: &'static [&'static str],
    /// Stands for `{x}` in the wordings.
    name: &'static str,
    facts: Vec<Fact>,
}

/// Some of what can be asked, in a drawn order.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Vec<Instruction> {
    let mut all = askable(known);
    draw.shuffle(&mut all);
    all.truncate(MOST);
    let one = |asked: Asked| {
        let question = draw.wording(asked.wordings, asked.name);
        let answer = draw.told(&asked.facts);
        Instruction::single(known, Task::Ask, question, answer, asked.facts)
    };
    all.into_iter().map(one).collect()
}

/// Everything that the facts can answer. Diagnoses have a task of their own.
fn askable(known: &Known) -> Vec<Asked> {
    let mut out = Vec::new();
    let structures = known.select(|f| matches!(f, Fact::Structure(_)));
    if !structures.is_empty() {
        out.push(Asked {
            wordings: &[
                "Which structures are visible?",
                "What anatomy can be outlined?",
                "List the structures in this image.",
                "Which structures has the annotator outlined?",
                "Name the outlined anatomy.",
                "What anatomical structures do you see?",
            ],
            name: "",
            facts: structures,
        });
    }
    for &fact in &known.facts {
        let Some((wordings, name)) = wordings(&fact) else {
            continue;
        };
        out.push(Asked {
            wordings,
            name,
            facts: vec![fact],
        });
    }
    out
}

/// How a fact is asked for; `None` for facts that are told together or belong to another task.
fn wordings(fact: &Fact) -> Option<(&'static [&'static str], &'static str)> {
    let fixed: &[&str] = match fact {
        Fact::Plane(_) => &[
            "In what plane is this image?",
            "Which plane is shown?",
            "What is the imaging plane?",
            "What plane was this image taken in?",
            "Is this axial, coronal or sagittal?",
            "Name the plane of the slices.",
        ],
        Fact::Sequence(_) => &[
            "Which sequence is this?",
            "What kind of MR image is this?",
            "What is the weighting of this image?",
            "Name the pulse sequence.",
            "What type of sequence was used?",
            "Which contrast does this image have?",
        ],
        Fact::Region(_) => &[
            "Which part of the body is shown?",
            "What body region does this image show?",
            "What was scanned?",
            "Which part of the patient do we see?",
            "Name the body region.",
            "Of which part of the body is this image?",
        ],
        Fact::Location(_) => &[
            "Where is the lesion?",
            "On which side is the lesion?",
            "On what side does the lesion lie?",
            "Which side is affected?",
            "Left or right: where is the lesion?",
            "On which side of the image do you see the lesion?",
        ],
        Fact::Extent(_) => &[
            "Is the lesion small or large?",
            "What size is the lesion, compared with the head?",
            "How much of the head does the lesion take up: little or much?",
            "Would you call the lesion small, medium-sized or large?",
            "Judge the size of the lesion.",
            "How extensive is the lesion?",
        ],
        Fact::Signal(s) if s.is_lesion() => &[
            "What is the signal of the lesion?",
            "How bright is the lesion?",
            "Describe the intensity of the lesion.",
            "Is the lesion brighter or darker than the rest?",
            "What does the lesion look like on this sequence?",
            "Which signal does the lesion have?",
        ],
        Fact::Signal(_) => &[
            "How bright are fluid and blood on this sequence?",
            "What signal does fluid or blood have here?",
            "How does this sequence show fluid or blood?",
            "Is blood or fluid bright or dark?",
            "Describe the signal of fluid or blood.",
            "What is bright or dark on this sequence, fluid and blood considered?",
        ],
        Fact::Detail(detail) => return of_detail(detail),
        Fact::Structure(_) | Fact::Tumour(_) | Fact::MsLesions { .. } | Fact::Cardiac(_) => {
            return None;
        }
    };
    Some((fixed, ""))
}

fn of_detail(detail: &Detail) -> Option<(&'static [&'static str], &'static str)> {
    let name = detail.term().map_or("", |t| t.name());
    let wordings: &[&str] = match detail {
        Detail::Parameter { of, .. } => return Some((parameter(*of), of.name())),
        Detail::Matrix { slices: 1, .. } => &[
            "How many pixels has this image?",
            "What is the matrix size?",
            "How large is the pixel grid?",
            "What are the dimensions of the image in pixels?",
            "Give the matrix of this image.",
            "How many columns and rows does the image have?",
        ],
        Detail::Matrix { .. } => &[
            "How many slices are there?",
            "How many slices and pixels does the volume have?",
            "What is the size of the grid?",
            "What are the dimensions of the volume in voxels?",
            "Give the number of slices and the matrix.",
            "How large is the volume in voxels?",
        ],
        Detail::Voxel { .. } => &[
            "How large is a voxel?",
            "What is the voxel size?",
            "What is the spacing of the grid in millimetres?",
            "How many millimetres does a voxel measure?",
            "Give the voxel size.",
            "How finely is the image sampled, in millimetres?",
        ],
        Detail::Relative { .. } => &[
            "How bright is the {x} compared with the tissue outside?",
            "What is the mean signal of the {x}, relative to the rest?",
            "Is the {x} brighter or darker than the rest, and by how much?",
            "Compare the signal of the {x} with that of the other tissue.",
            "By how much does the signal of the {x} differ from its surroundings?",
            "Give the relative brightness of the {x}.",
        ],
        Detail::Diameter { .. } => &[
            "How large is the {x}?",
            "What is the longest diameter of the {x}?",
            "How long is the {x} at its widest?",
            "Measure the {x}.",
            "Give the diameter of the {x}.",
            "What does the {x} measure in its longest diameter?",
        ],
        Detail::Area { .. } => &[
            "What is the area of the {x}?",
            "How many pixels does the {x} cover?",
            "How large is the outlined area of the {x}?",
            "Give the area of the {x} in pixels.",
            "How many pixels are outlined as {x}?",
            "How much area does the {x} take up?",
        ],
        Detail::Volume { .. } => &[
            "What is the volume of the {x}?",
            "How many millilitres does the {x} measure?",
            "How large is the {x} in volume?",
            "Give the volume of the {x}.",
            "What volume was outlined as {x}?",
            "How much volume does the {x} take up?",
        ],
        Detail::Parts { .. } => &[
            "In how many separate parts is the {x} outlined?",
            "How many separate parts does the outline of the {x} have?",
            "Count the separate areas outlined as {x}.",
            "Is the {x} outlined in one piece or several?",
            "How many connected areas of {x} are outlined?",
            "How many spots are outlined as {x}?",
        ],
        Detail::Place { .. } => &[
            "At which height in the head does the lesion lie, as shown?",
            "Is the lesion in the upper, middle or lower third of the head as shown?",
            "Where does the lesion lie from top to bottom?",
            "In which third of the head is the lesion?",
            "Describe where the lesion lies along the height of the picture.",
            "How far up in the picture is the lesion?",
        ],
        // Asked by the yes-or-no and the unanswerable questions, or by nobody.
        Detail::Absent { .. }
        | Detail::Foreground { .. }
        | Detail::Brightness { .. }
        | Detail::Share { .. }
        | Detail::Unknown { .. } => return None,
    };
    Some((wordings, name))
}

/// How a parameter is asked for, `{x}` for its name.
pub(super) const fn parameter(of: Parameter) -> &'static [&'static str] {
    match of {
        Parameter::FieldStrength => &[
            "What is the field strength?",
            "At what field strength was this acquired?",
            "How strong was the magnet?",
            "How many tesla did the scanner have?",
            "Give the {x} of the scanner.",
            "Was this a scan at 1.5 T, 3 T or another field?",
        ],
        _ => &[
            "What is the {x}?",
            "Which {x} was used?",
            "Give the {x} of this scan.",
            "What {x} does the acquisition have?",
            "With which {x} was this acquired?",
            "State the {x}.",
        ],
    }
}
