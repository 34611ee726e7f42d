//! An image from undersampled k-space: the answer is the image itself.

use omnimri_findings::questions::IMG_TOKEN;

use super::{Draw, Instruction, Known, Task};

const QUESTIONS: [&str; 8] = [
    "Reconstruct the image.",
    "Reconstruct this undersampled scan.",
    "Remove the undersampling artefacts.",
    "Turn this k-space into an image.",
    "Give me the image behind this undersampled acquisition.",
    "Recover the full image from the lines that were measured.",
    "What does the fully sampled image look like?",
    "Please reconstruct this acquisition.",
];

const ANSWERS: [&str; 6] = [
    "The reconstructed image: {x}.",
    "Here is the reconstruction: {x}.",
    "The image without undersampling artefacts: {x}.",
    "Reconstructed: {x}.",
    "This is the reconstructed image: {x}.",
    "The result of the reconstruction: {x}.",
];

/// Asked of every magnetic resonance image: its undersampled k-space can be simulated.
pub(super) fn make(known: &Known, draw: &mut Draw) -> Option<Instruction> {
    known.is_mr.then(|| {
        let question = draw.wording(&QUESTIONS, "");
        let answer = draw.wording(&ANSWERS, IMG_TOKEN);
        Instruction::single(known, Task::Reconstruct, question, answer, Vec::new())
    })
}
