//! Figures in a model card.

use crate::evaluate::Evaluation;

/// Heading of the section that the figures fill.
const HEADING: &str = "## Figures";
/// Heading of the section that the refusals fill.
const SCOPE: &str = "## Out of scope";
/// Heading that the figures stand before.
const LIMITS: &str = "## Limits";

/// A page with `text` between its marks `<!-- eval NAME -->` and `<!-- /eval NAME -->`; `None` if it has no such marks.
pub fn in_page(page: &str, name: &str, text: &str) -> Option<String> {
    let (open, close) = (
        format!("<!-- eval {name} -->"),
        format!("<!-- /eval {name} -->"),
    );
    let start = page.find(&open)? + open.len();
    let end = start + page[start..].find(&close)?;
    Some(format!(
        "{}\n\n{}\n\n{}",
        &page[..start],
        text.trim(),
        &page[end..]
    ))
}

/// The card with the figures of `evaluation` in its section "Figures" (of scope: "Out of scope"): replaced if it has one, else
/// put before "Limits", else at the end.
pub fn with_figures(card: &str, evaluation: &Evaluation) -> String {
    let starts = |heading: &str| {
        let at_line = format!("\n{heading}\n");
        card.find(&at_line).map(|i| i + 1)
    };
    let heading = match evaluation.scope {
        Some(_) => SCOPE,
        None => HEADING,
    };
    let (before, after) = match (starts(heading), starts(LIMITS)) {
        (Some(start), _) => {
            let body = start + heading.len();
            let end = card[body..]
                .find("\n## ")
                .map_or(card.len(), |i| body + i + 1);
            (&card[..start], &card[end..])
        }
        (None, Some(limits)) => card.split_at(limits),
        (None, None) => (card, ""),
    };
    let gap = if after.is_empty() { "" } else { "\n" };
    format!(
        "{}\n\n{heading}\n\nBy `omnimri eval`, on files never trained on, on each input's own grid.\n\n{evaluation}\n{gap}{after}",
        before.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use omnimri_corpus::Split;

    use super::*;
    use crate::evaluate::ModelUnderTest;

    fn evaluation(seed: u64) -> Evaluation {
        Evaluation {
            schema: "omnimri.eval/2",
            model: ModelUnderTest {
                name: "nano".into(),
                version: "1".into(),
                sha256: "ab".into(),
            },
            split: Split::Val,
            limit: None,
            seed,
            draws: 10,
            sets: Vec::new(),
            rows: Vec::new(),
            answers: None,
            scope: None,
            shown: Vec::new(),
            trust: omnimri_workflow::Trust::default(),
        }
    }

    #[test]
    fn figures_stand_before_the_limits_and_are_replaced() {
        let card = "# Card\n\n## Stages\n\n- one\n\n## Limits\n\nFew.\n";
        let once = with_figures(card, &evaluation(3));
        let at = |text: &str, what: &str| text.find(what).unwrap();
        assert!(at(&once, "## Stages") < at(&once, "## Figures"));
        assert!(at(&once, "seed 3") < at(&once, "## Limits"));
        let twice = with_figures(&once, &evaluation(4));
        assert_eq!(twice, once.replace("seed 3", "seed 4"));
    }

    #[test]
    fn a_page_keeps_what_stands_around_the_marks() {
        let page = "a\n<!-- eval val -->\nold\n<!-- /eval val -->\nb\n";
        let new = in_page(page, "val", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- eval val -->\n\nnew\n\n<!-- /eval val -->\nb\n"
        );
        assert_eq!(in_page(&new, "val", "new").unwrap(), new);
        assert_eq!(in_page(page, "scope", "x"), None);
    }

    #[test]
    fn a_card_without_sections_gets_one() {
        let card = with_figures("# Card\n", &evaluation(3));
        assert!(card.starts_with("# Card\n\n## Figures\n"), "{card}");
        assert_eq!(with_figures(&card, &evaluation(3)), card);
    }
}
