//! Byte-level BPE trained on our own text, with the special tokens that point into the image.

use std::path::Path;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, TokenizerBuilder, normalizers::NFC};

use crate::error::{Error, Result};

/// Location tokens a side: a box is four of them.
pub const LOCATIONS: usize = 64;
const FIXED: [&str; 8] = [
    "<pad>",
    "<bos>",
    "<eos>",
    "<user>",
    "<assistant>",
    "<box>",
    "<seg>",
    "<img>",
];

/// Ids of the special tokens, looked up in the tokenizer, never written as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Padding.
    pub pad: u32,
    /// Begin of a sequence.
    pub bos: u32,
    /// End of an answer.
    pub eos: u32,
    /// A question follows.
    pub user: u32,
    /// The answer follows.
    pub assistant: u32,
    /// Four location tokens follow: x0, y0, x1, y1.
    pub bbox: u32,
    /// Its hidden state conditions a mask query.
    pub seg: u32,
    /// Asks for a reconstruction.
    pub img: u32,
    /// First location token; the others follow it.
    pub loc: u32,
}

/// Text to token ids and back.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    special: Special,
}

fn location(k: usize) -> String {
    format!("<loc_{k}>")
}

/// Every special token, in the order of their ids.
fn specials() -> Vec<AddedToken> {
    let names = FIXED.iter().map(|t| (*t).to_owned());
    names
        .chain((0..LOCATIONS).map(location))
        .map(|t| AddedToken::from(t, true))
        .collect()
}

impl Tokenizer {
    /// Another model's tokenizer with the special tokens after its own.
    ///
    /// # Errors
    /// [`Error::SpecialToken`] if one of them cannot be added.
    pub fn adopt(mut inner: tokenizers::Tokenizer) -> Result<Self> {
        inner.add_special_tokens(&specials());
        Self::of(inner)
    }

    /// Trains a byte-level BPE of at most `vocab_size` tokens on `texts`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if training fails.
    pub fn train(texts: &[String], vocab_size: usize) -> Result<Self> {
        let special = specials();
        let mut trainer = BpeTrainerBuilder::new()
            .show_progress(false)
            .vocab_size(vocab_size)
            .min_frequency(2)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(special)
            .build();
        let byte_level = ByteLevel::new(false, true, true);
        let mut tokenizer = TokenizerBuilder::new()
            .with_model(BPE::default())
            .with_normalizer(Some(NFC))
            .with_pre_tokenizer(Some(byte_level))
            .with_post_processor(Some(byte_level))
            .with_decoder(Some(byte_level))
            .build()
            .map_err(Error::Tokenizer)?;
        tokenizer
            .train(&mut trainer, texts.iter())
            .map_err(Error::Tokenizer)?;
        let json = tokenizer.to_string(false).map_err(Error::Tokenizer)?;
        Self::from_json(json.as_bytes())
    }

    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// If it is no tokenizer or lacks a special token.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::of(tokenizers::Tokenizer::from_bytes(json).map_err(Error::Tokenizer)?)
    }

    fn of(inner: tokenizers::Tokenizer) -> Result<Self> {
        let id = |t: &str| {
            inner
                .token_to_id(t)
                .ok_or_else(|| Error::SpecialToken(t.to_owned()))
        };
        let loc = id(&location(0))?;
        for k in 0..LOCATIONS {
            if id(&location(k))? != loc + k as u32 {
                return Err(Error::SpecialToken(location(k)));
            }
        }
        let special = Special {
            pad: id("<pad>")?,
            bos: id("<bos>")?,
            eos: id("<eos>")?,
            user: id("<user>")?,
            assistant: id("<assistant>")?,
            bbox: id("<box>")?,
            seg: id("<seg>")?,
            img: id("<img>")?,
            loc,
        };
        Ok(Self { inner, special })
    }

    /// Reads a `tokenizer.json` file.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn read(path: &Path) -> Result<Self> {
        let json = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_json(&json)
    }

    /// The content of `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(Error::Tokenizer)
    }

    /// Special tokens.
    pub fn special(&self) -> &Special {
        &self.special
    }

    /// Number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Ids of a text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self
            .inner
            .encode(text, false)
            .map_err(Error::Tokenizer)?
            .get_ids()
            .to_vec())
    }

    /// Text of ids, special tokens left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(Error::Tokenizer)
    }

    /// The location token of a position between 0 and 1.
    pub fn location(&self, position: f64) -> u32 {
        let k = (position.clamp(0.0, 1.0) * LOCATIONS as f64) as usize;
        self.special.loc + k.min(LOCATIONS - 1) as u32
    }

    /// The position a location token means (its centre), or `None` for another token.
    pub fn position(&self, id: u32) -> Option<f64> {
        let k = id.checked_sub(self.special.loc)? as usize;
        (k < LOCATIONS).then(|| (k as f64 + 0.5) / LOCATIONS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_places_round_trip() {
        let texts: Vec<String> = (0..50)
            .map(|i| format!("Axial T1-weighted image {i}: a mass on the image left."))
            .collect();
        let t = Tokenizer::train(&texts, 400).unwrap();
        let t = Tokenizer::from_json(t.to_json().unwrap().as_bytes()).unwrap();
        let ids = t.encode("a mass on the image left").unwrap();
        assert!(ids.len() < 12);
        assert_eq!(t.decode(&ids).unwrap(), "a mass on the image left");
        let odd = "ünseen 漢字 text";
        assert_eq!(t.decode(&t.encode(odd).unwrap()).unwrap(), odd);
        assert!((t.position(t.location(0.31)).unwrap() - 0.31).abs() < 0.01);
        assert_eq!(t.position(t.special().seg), None);
    }

    #[test]
    fn a_foreign_tokenizer_is_refused() {
        assert!(matches!(
            Tokenizer::from_json(b"{}"),
            Err(Error::Tokenizer(_))
        ));
    }
}
