//! Questions whose right answer is that it is not known.

use omnimri_findings::{Detail, Fact, Matter};

use super::ask::parameter;
use super::{Draw, Instruction, Known, Task};

/// One of a matter, and one of a structure or finding that nobody looked for.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Vec<Instruction> {
    let of_term = |m: &Matter| matches!(m, Matter::Term(_));
    let (terms, matters): (Vec<Matter>, Vec<Matter>) =
        known.unknown.iter().copied().partition(of_term);
    let mut out = Vec::new();
    for matters in [matters, terms] {
        let Some(&of) = draw.pick(&matters) else {
            continue;
        };
        let (wordings, name) = wordings(of);
        let question = draw.wording(wordings, name);
        let facts = vec![Fact::Detail(Detail::Unknown { of })];
        let answer = draw.told(&facts);
        let mut made = Instruction::single(known, Task::Unanswerable, question, answer, facts);
        made.unanswerable = true;
        out.push(made);
    }
    out
}

fn wordings(of: Matter) -> (&'static [&'static str], &'static str) {
    let fixed: &[&str] = match of {
        Matter::Parameter(p) => return (parameter(p), p.name()),
        Matter::Term(term) => {
            return (
                &[
                    "According to the annotations, is the {x} visible?",
                    "Did the annotator see the {x}?",
                    "Is the {x} annotated as visible or as not visible?",
                    "Do the records say whether the {x} is visible?",
                    "Has anyone recorded that the {x} is visible, or that it is not?",
                    "What do the annotations say of the {x}?",
                ],
                term.name(),
            );
        }
        Matter::Plane => &[
            "In which plane was this recorded?",
            "What plane do the records give?",
            "Which plane does the header state?",
            "Does the record name the plane? Which?",
            "Which imaging plane is recorded?",
            "What does the dataset say of the plane?",
        ],
        Matter::Sequence => &[
            "Which sequence do the records name?",
            "What sequence does the header state?",
            "Which pulse sequence is recorded?",
            "What does the dataset say of the sequence?",
            "Does the record name the sequence? Which?",
            "Which sequence was noted down?",
        ],
        Matter::Region => &[
            "Which part of the body do the records name?",
            "What body region is recorded?",
            "What does the dataset say of the body region?",
            "Which body part was noted down?",
            "Does the record name the part of the body? Which?",
            "Which region does the header state?",
        ],
        Matter::VoxelSize => &[
            "What is the voxel size?",
            "How large is a pixel in millimetres?",
            "What is the spacing of the grid in millimetres?",
            "How wide is the field of view in millimetres?",
            "How many millimetres does a voxel measure?",
            "What is the resolution in millimetres?",
        ],
        Matter::ContrastAgent => &[
            "Was a contrast agent given?",
            "Is this scan with or without contrast agent?",
            "Did the patient receive gadolinium?",
            "Was contrast injected before this scan?",
            "Was gadolinium used?",
            "Is this image from before or after contrast?",
        ],
        Matter::Side => &[
            "On which side is the lesion?",
            "Is the lesion left or right?",
            "Which hemisphere holds the lesion?",
            "On what side does the lesion lie?",
            "Left or right: where is the lesion?",
            "Which side is affected?",
        ],
        Matter::Findings => &[
            "Which abnormalities did the annotator find?",
            "What abnormal findings are recorded?",
            "Which lesions are annotated?",
            "What did the readers find abnormal?",
            "Which pathology do the records name?",
            "List the annotated abnormalities.",
        ],
        Matter::Structures => &[
            "Which structures are annotated?",
            "What anatomy is recorded?",
            "Which structures do the records name?",
            "List the annotated structures.",
            "What anatomy did the annotator name?",
            "Which structures were noted down?",
        ],
        Matter::Diagnosis => &[
            "What is the diagnosis?",
            "Which diagnosis is recorded?",
            "What disease was diagnosed?",
            "What does the patient have, according to the records?",
            "Which diagnosis did the physicians make?",
            "Name the recorded diagnosis.",
        ],
        Matter::Age => &[
            "How old is the patient?",
            "What is the age of the patient?",
            "Is this a child or an adult, and of what age?",
            "When was the patient born?",
            "Give the age of the patient.",
            "At what age was the patient scanned?",
        ],
        Matter::Sex => &[
            "Is the patient a man or a woman?",
            "What is the sex of the patient?",
            "Is this a male or a female patient?",
            "Which sex is recorded?",
            "Give the sex of the patient.",
            "Man or woman?",
        ],
        Matter::Course => &[
            "Has this changed since the last scan?",
            "How does this compare with the previous examination?",
            "Is there progression?",
            "Has the patient got better since the earlier scan?",
            "What has changed since the prior study?",
            "Is this new or was it there before?",
        ],
    };
    (fixed, "")
}
