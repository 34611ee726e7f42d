//! The corpus card: what a corpus holds, in Markdown and HTML, with plots and a contact sheet to look at before training.
//!
//! In: examples, one after the other. Out: [`Card`], written by [`Card::write`] as `card.md`, `card.html` (one file, nothing
//! is loaded from elsewhere), `card.json` and `plots/*.svg`.
//!
//! - `gather`: counts and values of examples as they pass; no image is kept but the small ones of the samples
//! - `chart`: bars and histograms as SVG
//! - `sheet`: small pictures with labels drawn on them
//! - `plots`: which plots a card has
//! - `markdown`, `html`: the two forms

mod chart;
mod gather;
mod html;
mod markdown;
mod plots;
mod sheet;

use std::borrow::Borrow;
use std::path::Path;

use omnimri_image::write_beside;

pub use chart::{cut, escaped, short};
pub use gather::{Card, DatasetCard, Sample, Tag};
pub use html::STYLE;
pub use sheet::picture;

use crate::error::{Error, Result};
use crate::example::Example;

/// Choices of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardOptions {
    /// Samples of every dataset, at most 48.
    pub samples: usize,
    /// Side of a sample's picture in pixels, 32 to 512.
    pub side: usize,
}

impl Default for CardOptions {
    fn default() -> Self {
        Self {
            samples: 10,
            side: 208,
        }
    }
}

/// The card of examples, which are looked at one after the other and not kept.
///
/// Samples are those whose ids have the smallest hashes, so that a second run shows the same ones and adding examples
/// changes few.
pub fn card<E: Borrow<Example>>(
    examples: impl IntoIterator<Item = E>,
    options: CardOptions,
) -> Card {
    let mut card = Card::new(options);
    for example in examples {
        card.add(example.borrow());
    }
    card
}

impl Card {
    /// Writes `card.md`, `card.html`, `card.json` and `plots/*.svg` below `dir`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let plots = dir.join("plots");
        std::fs::create_dir_all(&plots).map_err(Error::io(&plots, "create"))?;
        let save = |name: &str, text: &str| {
            let path = dir.join(name);
            write_beside(&path, |w| w.write_all(text.as_bytes())).map_err(Error::Write)
        };
        let drawn = plots::plots(self);
        for plot in &drawn {
            save(&format!("plots/{}.svg", plot.name), &plot.svg)?;
        }
        save("card.md", &markdown::markdown(self, &drawn))?;
        save("card.html", &html::html(self, &drawn))?;
        let json = serde_json::to_string_pretty(self).map_err(|source| Error::WriteJson {
            path: dir.join("card.json"),
            source,
        })?;
        save("card.json", &json)
    }
}

#[cfg(test)]
mod tests;
