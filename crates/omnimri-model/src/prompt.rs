//! How images, questions and answers stand in one sequence; training and reading share it.
//!
//! `[visual and evidence tokens of up to three slices] <bos> <user> question <assistant> answer <eos>`

use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Slices of a study that the language model sees, spread evenly.
pub const MAX_SLICES: usize = 3;

/// Longest answer in tokens.
pub const MAX_ANSWER: usize = 160;

/// Indices of the slices shown to the language model out of `n`.
pub fn shown_slices(n: usize) -> Vec<usize> {
    let m = n.min(MAX_SLICES);
    (0..m).map(|i| (2 * i + 1) * n / (2 * m)).collect()
}

/// Ids up to the answer.
///
/// # Errors
/// If the tokenizer fails.
pub fn question(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let special = tokenizer.special();
    let mut ids = vec![special.bos, special.user];
    ids.extend(tokenizer.encode(text)?);
    ids.push(special.assistant);
    Ok(ids)
}

/// Ids of an answer; `bbox` (x0, y0, x1, y1 as shares of the network's square) follows its `<box>`.
///
/// # Errors
/// If the tokenizer fails.
pub fn answer(tokenizer: &Tokenizer, text: &str, bbox: Option<[f64; 4]>) -> Result<Vec<u32>> {
    let special = tokenizer.special();
    let mut ids = Vec::new();
    for id in tokenizer.encode(text)? {
        ids.push(id);
        if let (true, Some(b)) = (id == special.bbox, bbox) {
            ids.extend(b.map(|v| tokenizer.location(v)));
        }
    }
    ids.push(special.eos);
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::shown_slices;

    #[test]
    fn slices_are_spread() {
        assert_eq!(shown_slices(1), [0]);
        assert_eq!(shown_slices(2), [0, 1]);
        assert_eq!(shown_slices(12), [2, 6, 10]);
    }
}
