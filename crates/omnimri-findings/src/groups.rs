//! The sentences: which patterns say what, for a report by a model and for a description from a dataset's own labels.

use crate::detail::Kind;
use crate::facts::{Fact, Section};
use crate::vocabulary::{CardiacClass, TumourClass};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A model that reports what it found, and says which classes it knows.
    Model,
    /// A dataset whose labels are put into words: no sentence speaks of a model.
    Record,
}

/// Sentences that say the same, and where they stand. `fixed` is what a sentence without slots says.
pub(crate) struct Group {
    pub section: Section,
    pub fixed: Option<Fact>,
    /// What a report chooses from. Never reordered, added to or taken from: the committed model was trained on these choices.
    pub patterns: &'static [&'static str],
    /// Further sentences, for descriptions alone.
    pub record: &'static [&'static str],
    /// True where `patterns` speak of a model, so that a description must not use them.
    pub of_model: bool,
}

impl Group {
    /// Every pattern, for reading.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.patterns.iter().chain(self.record).copied()
    }

    /// The pattern that a voice uses for a number.
    pub fn choose(&self, voice: Voice, number: u64) -> &'static str {
        let own = match (voice, self.of_model) {
            (Voice::Record, true) => &[],
            _ => self.patterns,
        };
        let further = match voice {
            Voice::Model if !own.is_empty() => &[],
            _ => self.record,
        };
        let n = (own.len() + further.len()).max(1) as u64;
        let at = (number % n) as usize;
        own.get(at)
            .or_else(|| further.get(at - own.len()))
            .copied()
            .unwrap_or_default()
    }
}

const TECHNIQUE: Group = Group {
    section: Section::Technique,
    fixed: None,
    patterns: &[
        "{a} {plane}{sequence}MR image{region}.",
        "this is {a} {plane}{sequence}MR image{region}.",
        "the input is {a} {plane}{sequence}MR image{region}.",
        "the study shows {a} {plane}{sequence}MR image{region}.",
        "{a} {plane}{sequence}MR acquisition{region} was read.",
        "what was acquired is {a} {plane}{sequence}MR image{region}.",
    ],
    record: &[
        "the picture is {a} {plane}{sequence}MR image{region}.",
        "shown is {a} {plane}{sequence}MR image{region}.",
        "we see {a} {plane}{sequence}MR image{region}.",
        "{a} {plane}{sequence}MR image{region} is shown.",
    ],
    of_model: false,
};

const STRUCTURES: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "visible structures: {structures}.",
        "outlined anatomy: {structures}.",
        "the image shows the {structures}.",
        "the anatomy that can be outlined is the {structures}.",
        "the slices include the {structures}.",
    ],
    record: &[
        "seen here: {structures}.",
        "among the structures shown: {structures}.",
        "outlined in this image: {structures}.",
        "outlines are given for the {structures}.",
    ],
    of_model: false,
};

const LESION: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "there is {a} {extent}{lesion}{location}.",
        "{a} {extent}{lesion} is seen{location}.",
        "{a} {extent}{lesion} is visible{location}.",
        "the image shows {a} {extent}{lesion}{location}.",
        "{a} {extent}{lesion} is present{location}.",
        "the main finding is {a} {extent}{lesion}{location}.",
    ],
    record: &[
        "one sees {a} {extent}{lesion}{location}.",
        "{a} {extent}{lesion} is outlined{location}.",
        "visible is {a} {extent}{lesion}{location}.",
    ],
    of_model: false,
};

/// What a sentence on the lesion left out; stands after it, so that a reader does not count two lesions.
pub(crate) const LESION_MORE: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &["this is {a} {extent}{lesion}{location}."],
    record: &[],
    of_model: false,
};

const TISSUE: Group = Group {
    section: Section::Findings,
    fixed: None,
    patterns: &[
        "{tissue}.",
        "on this sequence {tissue}.",
        "in this contrast {tissue}.",
        "as expected of the sequence, {tissue}.",
    ],
    record: &[
        "in this image {tissue}.",
        "here {tissue}.",
        "one notes that {tissue}.",
    ],
    of_model: false,
};

const TUMOUR: Group = Group {
    section: Section::Impression,
    fixed: None,
    patterns: &[
        "the appearance is most consistent with {a} {tumour} among the classes this model knows.",
        "{a} {tumour} is the most likely of the classes this model knows.",
        "of the classes this model knows, the findings fit {a} {tumour} best.",
        "the findings favour {a} {tumour} among the tumours this model knows.",
        "this most likely represents {a} {tumour} among the classes this model knows.",
    ],
    record: &[
        "the findings are consistent with {a} {tumour}.",
        "the lesion is {a} {tumour}.",
        "the appearance fits {a} {tumour}.",
        "the image shows {a} {tumour}.",
        "the findings are in keeping with {a} {tumour}.",
        "the diagnosis is {a} {tumour}.",
        "this is {a} {tumour}.",
    ],
    of_model: true,
};

const NO_TUMOUR: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::Tumour(TumourClass::None)),
    patterns: &[
        "no glioma, meningioma or pituitary tumour was found among the classes this model knows.",
        "among the tumours this model knows, no glioma, meningioma or pituitary tumour was found.",
        "the model found no glioma, no meningioma and no pituitary tumour, the classes it knows.",
        "of glioma, meningioma and pituitary tumour, the classes this model knows, no one was found.",
        "no tumour of the classes this model knows (glioma, meningioma, pituitary tumour) was found.",
    ],
    record: &[
        "neither a glioma nor a meningioma nor a pituitary tumour is seen.",
        "there is no glioma, no meningioma and no pituitary tumour.",
        "the image shows no glioma, no meningioma and no pituitary tumour.",
        "no sign of a glioma, a meningioma or a pituitary tumour is seen.",
        "a glioma, a meningioma and a pituitary tumour were looked for and not found.",
        "on looking for glioma, meningioma and pituitary tumour, none was found.",
    ],
    of_model: true,
};

const MS: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::MsLesions { present: true }),
    patterns: &[
        "lesions typical of multiple sclerosis are present.",
        "there are lesions that fit multiple sclerosis.",
        "the image shows lesions consistent with multiple sclerosis.",
        "multiple sclerosis lesions are seen.",
    ],
    record: &[
        "the lesions are those of multiple sclerosis.",
        "the findings are consistent with multiple sclerosis.",
        "lesions of multiple sclerosis are outlined.",
    ],
    of_model: false,
};

const NO_MS: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::MsLesions { present: false }),
    patterns: &[
        "no multiple sclerosis lesion was found by this model.",
        "the model found no lesion of multiple sclerosis.",
        "no lesion typical of multiple sclerosis was found by this model.",
    ],
    record: &[
        "no lesion of multiple sclerosis is outlined.",
        "no multiple sclerosis lesion is seen in this image.",
        "lesions of multiple sclerosis were looked for and not found.",
        "there is no outlined lesion of multiple sclerosis here.",
        "the image shows no lesion of multiple sclerosis.",
        "this image is free of outlined multiple sclerosis lesions.",
    ],
    of_model: true,
};

const CARDIAC: Group = Group {
    section: Section::Impression,
    fixed: None,
    patterns: &[
        "the ventricle is most consistent with {cardiac} among the classes this model knows.",
        "of the cardiac classes this model knows, {cardiac} fits best.",
        "the findings favour {cardiac} among the cardiac classes this model knows.",
        "the most likely of the cardiac classes this model knows is {cardiac}.",
    ],
    record: &[
        "the diagnosis is {cardiac}.",
        "the patient is known to have {cardiac}.",
        "the heart disease is {cardiac}.",
        "the examination belongs to a patient with {cardiac}.",
        "the image is of a patient with {cardiac}.",
        "the patient has {cardiac}.",
    ],
    of_model: true,
};

const NO_CARDIAC: Group = Group {
    section: Section::Impression,
    fixed: Some(Fact::Cardiac(CardiacClass::Normal)),
    patterns: &[
        "no heart failure and no hypertrophy was found among the classes this model knows.",
        "of the cardiac classes this model knows, no heart failure and no hypertrophy was found.",
        "the model found no heart failure and no hypertrophy, the cardiac classes it knows.",
    ],
    record: &[
        "the patient has neither heart failure nor hypertrophy.",
        "neither heart failure nor hypertrophy is known in this patient.",
        "there is no heart failure and no hypertrophy.",
        "heart failure and hypertrophy were looked for and not found.",
        "the image is of a patient with neither heart failure nor hypertrophy.",
        "no heart failure and no hypertrophy is recorded.",
    ],
    of_model: true,
};

const PARAMETERS: Group = Group {
    section: Kind::Parameter.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the image was acquired with {parameters}.",
        "the header states {parameters}.",
        "the scan used {parameters}.",
        "the acquisition had {parameters}.",
        "it was recorded with {parameters}.",
        "according to the header, the scan had {parameters}.",
    ],
    of_model: false,
};

const MATRIX: Group = Group {
    section: Kind::Matrix.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the image has {value}.",
        "the stored grid has {value}.",
        "the data comprise {value}.",
        "there are {value} in all.",
        "the image is stored as {value}.",
        "the grid holds {value}.",
    ],
    of_model: false,
};

const VOXEL: Group = Group {
    section: Kind::Voxel.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "a voxel measures {value}.",
        "the voxel size is {value}.",
        "each voxel measures {value}.",
        "the voxels measure {value}.",
        "the grid has a spacing of {value}.",
        "the image is sampled with voxels of {value}.",
    ],
    of_model: false,
};

const FOREGROUND: Group = Group {
    section: Kind::Foreground.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the foreground covers {value} of the image.",
        "{value} of the image is foreground.",
        "foreground makes up {value} of the image.",
        "the imaged part of the body fills {value} of the image.",
        "{value} of the image is brighter than the background.",
        "background aside, {value} of the image shows the body.",
    ],
    of_model: false,
};

const ABSENT: Group = Group {
    section: Kind::Absent.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "no {absent} is outlined.",
        "there is no outlined {absent}.",
        "the annotator outlined no {absent}.",
        "looked for and not outlined: {absent}.",
        "the outlines hold no {absent}.",
        "not among the outlines: {absent}.",
    ],
    of_model: false,
};

const BRIGHTNESS: Group = Group {
    section: Kind::Brightness.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the median foreground is {value} as bright as the brightest voxel.",
        "half of the foreground is below {value} of the brightest voxel.",
        "the median brightness of the foreground is {value} of the maximum.",
        "in the foreground, the median signal is {value} of the highest.",
        "half of the foreground has less than {value} of the highest signal.",
        "the foreground has a median signal of {value} of the maximum.",
    ],
    of_model: false,
};

const RELATIVE: Group = Group {
    section: Kind::Relative.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the mean signal inside the outlined {term} is {value} of that of the tissue outside.",
        "on average the outlined {term} {is} {value} as bright as the tissue outside.",
        "compared with the tissue outside, the outlined {term} {has} a mean signal of {value}.",
        "inside the outlined {term} the mean signal is {value} of that outside.",
        "the mean brightness of the {term} is {value} of that of the other tissue.",
        "taking the tissue outside as 100%, the {term} {has} a mean signal of {value}.",
    ],
    of_model: false,
};

const DIAMETER: Group = Group {
    section: Kind::Diameter.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the {term} {measures} {value} in longest diameter.",
        "the longest diameter of the {term} is {value}.",
        "the longest in-plane diameter of the {term} is {value}.",
        "at the widest point the {term} {measures} {value}.",
        "in the plane of the slice, the {term} {measures} up to {value}.",
        "the {term} {has} a longest diameter of {value}.",
    ],
    of_model: false,
};

const AREA: Group = Group {
    section: Kind::Area.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the {term} {covers} {value}.",
        "the area of the {term} is {value}.",
        "the outline of the {term} holds {value}.",
        "the outlined {term} {takes} up {value}.",
        "in this slice the {term} {covers} {value}.",
        "the {term} {has} an area of {value}.",
    ],
    of_model: false,
};

const VOLUME: Group = Group {
    section: Kind::Volume.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the volume of the {term} is {value}.",
        "the {term} {has} a volume of {value}.",
        "in volume, the {term} {measures} {value}.",
        "the outlined volume of the {term} is {value}.",
        "the outlined {term} {takes} up {value}.",
        "all of the outlined {term} {measures} {value}.",
    ],
    of_model: false,
};

const PARTS: Group = Group {
    section: Kind::Parts.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the outlined {term} {forms} {value}.",
        "the outline of the {term} has {value}.",
        "the {term} {is} outlined as {value}.",
        "the outline of the {term} consists of {value}.",
        "outlined as {term}: {value}.",
        "in all, the outline of the {term} has {value}.",
    ],
    of_model: false,
};

const SHARE: Group = Group {
    section: Kind::Share.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the outlined {term} {covers} {value} of the foreground.",
        "{value} of the foreground is outlined as {term}.",
        "the {term} {takes} up {value} of the foreground.",
        "of the foreground, {value} is outlined as {term}.",
        "the share of the {term} in the foreground is {value}.",
        "the outline of the {term} makes up {value} of the foreground.",
    ],
    of_model: false,
};

const PLACE: Group = Group {
    section: Kind::Place.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "the lesion lies in the {value} of the imaged head.",
        "the centre of the lesion lies in the {value} of the head as shown.",
        "in the picture, the lesion lies in the {value} of the head.",
        "the centre of the lesion is in the {value} of the imaged head.",
        "the lesion is seen in the {value} of the head as shown.",
        "from top to bottom, the lesion lies in the {value} of the head.",
    ],
    of_model: false,
};

const UNKNOWN: Group = Group {
    section: Kind::Unknown.section(),
    fixed: None,
    patterns: &[],
    record: &[
        "{value} is not known.",
        "{value} is not recorded.",
        "{value} cannot be told from what is given.",
        "there is no record of {value}.",
        "nothing is recorded about {value}.",
        "the data do not state {value}.",
    ],
    of_model: false,
};

/// Groups of the facts of a report.
pub(crate) const N_REPORT: usize = 11;

/// In the order in which a text tells them: what a report says, what only completes a sentence on the lesion, then details by [`Kind`].
pub(crate) const GROUPS: [&Group; N_REPORT + Kind::ALL.len()] = [
    &TECHNIQUE,
    &STRUCTURES,
    &LESION,
    &TISSUE,
    &TUMOUR,
    &NO_TUMOUR,
    &MS,
    &NO_MS,
    &CARDIAC,
    &NO_CARDIAC,
    &LESION_MORE,
    &PARAMETERS,
    &MATRIX,
    &VOXEL,
    &FOREGROUND,
    &ABSENT,
    &BRIGHTNESS,
    &RELATIVE,
    &DIAMETER,
    &AREA,
    &VOLUME,
    &PARTS,
    &SHARE,
    &PLACE,
    &UNKNOWN,
];

/// Which group tells a fact; an index into [`GROUPS`].
pub(crate) fn group_of(fact: &Fact) -> usize {
    match fact {
        Fact::Plane(_) | Fact::Sequence(_) | Fact::Region(_) => 0,
        Fact::Structure(_) => 1,
        Fact::Signal(s) if !s.is_lesion() => 3,
        Fact::Signal(_) | Fact::Extent(_) | Fact::Location(_) => 2,
        Fact::Tumour(TumourClass::None) => 5,
        Fact::Tumour(_) => 4,
        Fact::MsLesions { present: true } => 6,
        Fact::MsLesions { present: false } => 7,
        Fact::Cardiac(CardiacClass::Normal) => 9,
        Fact::Cardiac(_) => 8,
        Fact::Detail(detail) => N_REPORT + detail.kind() as usize,
    }
}

/// The kind of details that a group tells; `None` for the facts of a report.
pub(crate) fn kind_of(group: usize) -> Option<Kind> {
    Kind::ALL.get(group.checked_sub(N_REPORT)?).copied()
}
