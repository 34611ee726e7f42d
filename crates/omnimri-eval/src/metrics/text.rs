//! Generated text against reference text: BLEU-4 and ROUGE-L.

use std::collections::HashMap;

/// Longest run of tokens that BLEU counts.
const ORDER: usize = 4;

/// BLEU-4 of a corpus, 0 to 100, one reference a text: tokens as the "13a" script of WMT cuts them, letter case kept, counts of
/// zero smoothed exponentially.
///
/// `None` for no texts or lengths that differ. Source: Papineni et al. (2002); tokens and smoothing as sacreBLEU's defaults
/// (Post 2018).
pub fn bleu_4<S: AsRef<str>>(texts: &[S], references: &[S]) -> Option<f64> {
    if texts.is_empty() || texts.len() != references.len() {
        return None;
    }
    let (mut right, mut total) = ([0usize; ORDER], [0usize; ORDER]);
    let (mut length, mut wanted) = (0, 0);
    for (text, reference) in texts.iter().zip(references) {
        let (text, reference) = (words_13a(text.as_ref()), words_13a(reference.as_ref()));
        length += text.len();
        wanted += reference.len();
        for n in 1..=ORDER {
            let there = runs(&reference, n);
            for (run, count) in runs(&text, n) {
                right[n - 1] += count.min(there.get(run).copied().unwrap_or(0));
                total[n - 1] += count;
            }
        }
    }
    if length == 0 {
        return Some(0.0);
    }
    let (mut sum, mut smooth) = (0.0, 1.0);
    for n in 0..ORDER {
        if total[n] == 0 {
            return Some(0.0);
        }
        let precision = if right[n] == 0 {
            smooth *= 2.0;
            1.0 / (smooth * total[n] as f64)
        } else {
            right[n] as f64 / total[n] as f64
        };
        sum += precision.ln();
    }
    // Nothing in common at all scores nothing, smoothed or not.
    if right.iter().all(|n| *n == 0) {
        return Some(0.0);
    }
    let brevity = if length < wanted {
        (1.0 - wanted as f64 / length as f64).exp()
    } else {
        1.0
    };
    Some(100.0 * brevity * (sum / ORDER as f64).exp())
}

/// Runs of `n` tokens with their counts.
fn runs(words: &[String], n: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for run in words.windows(n) {
        *counts.entry(run).or_insert(0) += 1;
    }
    counts
}

/// Cuts punctuation off words, but not points, commas and hyphens inside numbers.
fn words_13a(text: &str) -> Vec<String> {
    let plain = text
        .replace("<skipped>", "")
        .replace("-\n", "")
        .replace('\n', " ")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    let letters: Vec<char> = std::iter::once(' ')
        .chain(plain.chars())
        .chain(std::iter::once(' '))
        .collect();
    let digit = |k: usize| letters.get(k).is_some_and(char::is_ascii_digit);
    let mut out = String::with_capacity(plain.len() * 2);
    for (k, &c) in letters.iter().enumerate() {
        let alone = match c {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => true,
            '.' | ',' => (k > 0 && !digit(k - 1)) || !digit(k + 1),
            '-' => k > 0 && digit(k - 1),
            _ => false,
        };
        if alone {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out.split_whitespace().map(str::to_owned).collect()
}

/// ROUGE-L of two texts, 0 to 1: the harmonic mean of the shares of both that their longest common subsequence of words covers;
/// 0 if one is empty. Words are runs of ASCII letters and digits, in lower case.
///
/// Source: Lin (2004); words as the `rouge-score` package cuts them, without stemming.
pub fn rouge_l(text: &str, reference: &str) -> f64 {
    let words = |s: &str| -> Vec<String> {
        let lower = s.to_lowercase();
        let cut = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
        cut.filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let (a, b) = (words(text), words(reference));
    let common = longest_common(&a, &b) as f64;
    if common == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (common / a.len() as f64, common / b.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

/// Length of the longest common subsequence.
fn longest_common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (k, other) in b.iter().enumerate() {
            let above = row[k + 1];
            row[k + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(row[k])
            };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let words = words_13a("A mass, 12.5 x 3 mm (left); 1-2 cysts. T2-weighted");
        let expected = [
            "A", "mass", ",", "12.5", "x", "3", "mm", "(", "left", ")", ";", "1", "-", "2",
            "cysts", ".", "T2", "-", "weighted",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn bleu_by_hand() {
        let same = ["the cat sat on the mat"];
        assert!((bleu_4(&same, &same).unwrap() - 100.0).abs() < 1e-9);
        // Runs in common of 5, 4, 3, 2 words, out of 6, 5, 4, 3.
        let found = bleu_4(&["the cat sat on the dog"], &same).unwrap();
        let expected = 100.0 * (5.0 / 6.0 * 4.0 / 5.0 * 3.0 / 4.0 * 2.0f64 / 3.0).powf(0.25);
        assert!((found - expected).abs() < 1e-9);
        // Half as long: the brevity penalty.
        let found = bleu_4(&["the cat sat on"], &same).unwrap();
        assert!((found - 100.0 * (-0.5f64).exp()).abs() < 1e-9);
        assert_eq!(bleu_4(&["dog"], &["cat"]), Some(0.0));
        assert_eq!(bleu_4(&[""], &["cat"]), Some(0.0));
        assert_eq!(bleu_4::<&str>(&[], &[]), None);
    }

    #[test]
    fn rouge_by_hand() {
        // "police killed the gunman": the, gunman in common with the second; three words with the first.
        let reference = "Police killed the gunman.";
        assert_eq!(rouge_l("police kill the gunman", reference), 0.75);
        assert_eq!(rouge_l("the gunman kill police", reference), 0.5);
        assert_eq!(
            (rouge_l("", reference), rouge_l("x", reference)),
            (0.0, 0.0)
        );
    }
}
