//! tmp
use crate::{batch::*, config::Ingredient, objective::Loss, error::Result}; use omnimri_model::{OmniMri,Tokenizer}; use burn::prelude::*;
pub struct TextBatch; impl TextBatch { pub fn len(&self) -> usize { 0 } }
pub fn train_tokenizer(_p: &Pool, v: usize, _s: u64) -> Result<Tokenizer> { Ok(Tokenizer::train(&["a b c".to_string(), "a b c".to_string()], v)?) }
pub fn batch(_s: u64, _t: u64, _p: &Pool, _k: &Tokenizer, _i: &Ingredient) -> Result<Option<TextBatch>> { Ok(None) }
pub fn loss(_m: &OmniMri, _b: &TextBatch, _d: &Device, _v: bool) -> Loss { unreachable!() }
