//! What an instruction may be made from: the facts of an example, its boxes, and what was looked for.

use crate::details::smallest_part;
use omnimri_findings::facts::canonical;
use omnimri_findings::{Detail, Fact, Flip, Matter, Parameter, Term};
use omnimri_image::{Plane, Zyx};
use serde::{Deserialize, Serialize};

use crate::example::{DatasetId, Example, QuestionAnswer, SourceText, Split};
use crate::study::Study;

/// More boxes are not asked for: an image with more parts is outlined, not boxed.
const MOST_BOXES: usize = 32;

/// A box around one connected part, in pixels or voxels of the example's grid with exclusive ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermBox {
    /// What is inside.
    pub term: Term,
    /// First column, row and slice.
    pub lower: Zyx<usize>,
    /// One past the last column, row and slice.
    pub upper: Zyx<usize>,
}

/// What is known of an example, without its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Id of the example in its dataset.
    pub id: String,
    /// The catalogue entry.
    pub dataset: DatasetId,
    /// Part of the dataset.
    pub split: Split,
    /// [`Example::facts`] and [`Example::details`], in canonical order.
    pub facts: Vec<Fact>,
    /// What was looked for and is outlined.
    pub present: Vec<Term>,
    /// What was looked for and is not there.
    pub absent: Vec<Term>,
    /// Findings by connected part, or as the dataset boxes them; none where there are too many to list.
    pub boxes: Vec<TermBox>,
    /// Size of the grid that boxes are given on.
    pub size: Zyx<usize>,
    /// What nobody recorded.
    pub unknown: Vec<Matter>,
    /// True if the image is known to be magnetic resonance.
    pub is_mr: bool,
    /// Texts of the dataset's own.
    pub texts: Vec<SourceText>,
    /// Questions of the dataset's own.
    pub questions: Vec<QuestionAnswer>,
}

impl Known {
    /// What is known of an example.
    pub fn of(example: &Example) -> Self {
        Self::of_study(&Study::of(example))
    }

    /// What is known of an example under study.
    pub(crate) fn of_study(study: &Study<'_>) -> Self {
        let example = study.example;
        let facts = study.statements().to_vec();
        let counts = &study.counts;
        let select = |there: bool| {
            let of = counts.iter().filter(|(_, n)| (*n > 0) == there);
            of.map(|(term, _)| *term).collect::<Vec<_>>()
        };
        Self {
            id: example.id.clone(),
            dataset: example.dataset.clone(),
            split: example.split,
            unknown: unknown(study, &facts),
            present: select(true),
            absent: select(false),
            boxes: boxes(study),
            size: example.image.size,
            is_mr: example.classes.modality_mr == Some(true),
            texts: example.texts.clone(),
            questions: example.questions.clone(),
            facts,
        }
    }

    /// What is known of the flipped image: sides, places, paired structures and boxes change. Texts and questions of the dataset's
    /// own are dropped, for their words cannot be flipped.
    #[must_use]
    pub fn flipped(&self, flip: Flip) -> Self {
        let facts: Vec<Fact> = self.facts.iter().map(|f| f.flipped(flip)).collect();
        let term = |t: &Term| match flip {
            Flip::Horizontal => t.mirrored(),
            Flip::Vertical => *t,
        };
        let mut out = self.clone();
        out.facts = canonical(&facts);
        out.present = self.present.iter().map(term).collect();
        out.absent = self.absent.iter().map(term).collect();
        for b in &mut out.boxes {
            b.term = term(&b.term);
            let (lower, upper) = (b.lower, b.upper);
            match flip {
                Flip::Horizontal => {
                    b.lower.x = self.size.x.saturating_sub(upper.x);
                    b.upper.x = self.size.x.saturating_sub(lower.x);
                }
                Flip::Vertical => {
                    b.lower.y = self.size.y.saturating_sub(upper.y);
                    b.upper.y = self.size.y.saturating_sub(lower.y);
                }
            }
        }
        for matter in &mut out.unknown {
            if let Matter::Term(t) = matter {
                *t = term(t);
            }
        }
        out.texts.clear();
        out.questions.clear();
        out
    }

    /// Facts for which `keep` holds.
    pub(super) fn select(&self, keep: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        self.facts.iter().copied().filter(|f| keep(f)).collect()
    }

    /// Details for which `keep` holds.
    pub(super) fn details(&self, keep: impl Fn(&Detail) -> bool) -> Vec<Fact> {
        self.select(|f| matches!(f, Fact::Detail(d) if keep(d)))
    }

    /// The outlined findings.
    pub(super) fn findings(&self) -> Vec<Term> {
        let of = self.present.iter().copied();
        of.filter(|t| t.is_finding()).collect()
    }
}

/// Whatever nobody recorded of an example and someone may ask.
fn unknown(study: &Study<'_>, facts: &[Fact]) -> Vec<Matter> {
    use omnimri_findings::Sequence::{CeAngio, Dce, Dsc, Lge, T1, T1Post};
    let example = study.example;
    let classes = &example.classes;
    let mut out = Vec::new();
    let mut add = |unknown: bool, matter: Matter| {
        if unknown {
            out.push(matter);
        }
    };
    // A text of the dataset's own may tell any of it.
    let untold = example.texts.is_empty() && example.questions.is_empty();
    add(classes.plane.is_none() && untold, Matter::Plane);
    add(classes.sequence.is_none() && untold, Matter::Sequence);
    add(classes.region.is_none() && untold, Matter::Region);
    add(example.image.spacing_mm.is_none(), Matter::VoxelSize);
    // What the sequence's own name settles is not unknown.
    let settled = classes
        .sequence
        .is_some_and(|s| [T1, T1Post, Dsc, Dce, Lge, CeAngio].contains(&s));
    let agent = example.acquisition.contrast_agent.is_some();
    add(!settled && !agent && untold, Matter::ContrastAgent);
    for parameter in Parameter::ALL {
        let stated =
            |f: &Fact| matches!(f, Fact::Detail(Detail::Parameter { of, .. }) if *of == parameter);
        add(!facts.iter().any(stated), Matter::Parameter(parameter));
    }
    let looked = |t: &Term| example.annotated.contains(t);
    let findings = example.annotated.iter().any(|t| t.is_finding());
    add(!findings && untold, Matter::Findings);
    let diagnosis = facts.iter().any(|f| {
        matches!(
            f,
            Fact::Tumour(_) | Fact::MsLesions { .. } | Fact::Cardiac(_)
        )
    });
    add(!diagnosis && untold && !findings, Matter::Diagnosis);
    add(untold, Matter::Age);
    add(untold, Matter::Sex);
    add(untold, Matter::Course);
    let sided = facts.iter().any(|f| matches!(f, Fact::Location(_)));
    let sagittal = classes.plane == Some(Plane::Sagittal);
    add(
        study.main_lesion().is_some() && !sided && sagittal,
        Matter::Side,
    );
    if let Some(region) = classes.region.filter(|_| untold) {
        // The names of parts and kinds of what was looked for would ask the same thing twice.
        let near = |t: &Term| {
            let words = |t: &Term| t.name().split(' ').map(str::to_owned).collect::<Vec<_>>();
            let own = words(t);
            let of = example.annotated.iter();
            of.flat_map(words).any(|w| own.contains(&w))
        };
        let terms = Term::all().filter(|t| t.region() == region && !looked(t) && !near(t));
        out.extend(terms.map(Matter::Term));
    }
    out
}

/// A box around every connected part of every finding, or the dataset's own boxes where it gives any.
fn boxes(study: &Study<'_>) -> Vec<TermBox> {
    let example = study.example;
    let size = example.image.size;
    if !example.boxes.is_empty() {
        let outward = |share: f64, n: usize, up: bool| {
            let at = share.clamp(0.0, 1.0) * n as f64;
            // A share is kept to a few digits: an edge on a pixel's border stays there.
            let near = at.round();
            let at = if (at - near).abs() < 1e-3 {
                near
            } else if up {
                at.ceil()
            } else {
                at.floor()
            };
            at as usize
        };
        let corner = |c: Zyx<f64>, up| {
            Zyx::new(
                outward(c.z, size.z, up),
                outward(c.y, size.y, up),
                outward(c.x, size.x, up),
            )
        };
        let of = example.boxes.iter().filter(|b| b.label.is_finding());
        let out: Vec<TermBox> = of
            .map(|b| TermBox {
                term: b.label,
                lower: corner(b.lower, false),
                upper: corner(b.upper, true),
            })
            .collect();
        return if out.len() <= MOST_BOXES {
            out
        } else {
            Vec::new()
        };
    }
    let mut out = Vec::new();
    let there = study.counts.iter().filter(|(_, n)| *n > 0);
    for term in there.map(|(term, _)| *term).filter(|t| t.is_finding()) {
        let parts = study.parts(term);
        let sizes: Vec<usize> = parts.iter().map(|p| p.n).collect();
        let smallest = smallest_part(&sizes);
        // Crumbs get no box.
        for part in parts.iter().filter(|p| p.n >= smallest) {
            if out.len() == MOST_BOXES {
                return Vec::new();
            }
            out.push(TermBox {
                term,
                lower: part.lower,
                upper: part.upper,
            });
        }
    }
    out
}
