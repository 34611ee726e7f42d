//! One question about an input.

use std::path::Path;

use omnimri_image::{Input, Volume, open};
use omnimri_model::{Answer, Look};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::kspace;
use crate::read::ReadOptions;
use crate::scope::{Scope, scope};

/// What stands for an answer without words.
const NO_WORDS: &str = "The model has no answer to this question.";

/// An input looked at once, to be asked many times.
#[derive(Debug)]
pub struct Looked {
    look: Look,
    scope: Scope,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The words; for an image out of scope, why nothing is answered.
    pub text: String,
    /// How sure the language model is of its words; 0 out of scope.
    pub probability: f64,
    /// Box and mask where the answer points into the image.
    pub answer: Option<Answer>,
}

impl Engine {
    /// Opens and looks at an input; of a study, the first series.
    ///
    /// # Errors
    /// If the input cannot be read or reconstructed.
    pub fn look_at(&self, input: &Path, options: &ReadOptions) -> Result<Looked> {
        let volume = match open(input, &options.open)? {
            Input::KSpace(k) => {
                let r = kspace::run(Some(self), &k, options.method, &options.recon, input)?;
                kspace::volume(&k, &r)
            }
            Input::Volumes(volumes) => volumes.into_iter().next().ok_or_else(|| Error::Kind {
                path: input.to_owned(),
                expected: "at least one image",
                found: "none".to_owned(),
                hint: "give a file or a folder with a series",
            })?,
        };
        self.look_at_volume(&volume, input)
    }

    /// Looks at a volume in memory; `path` names it in errors.
    ///
    /// # Errors
    /// If the model fails.
    pub fn look_at_volume(&self, volume: &Volume, path: &Path) -> Result<Looked> {
        let look = self
            .predictor()
            .look(volume, 0)
            .map_err(|source| Error::Model {
                path: path.to_owned(),
                source,
            })?;
        let scope = scope(volume, &look);
        Ok(Looked { look, scope })
    }

    /// Answers a question; an image out of scope is refused in words.
    ///
    /// # Errors
    /// If the model fails.
    pub fn ask(&self, looked: &Looked, question: &str, path: &Path) -> Result<Reply> {
        if let Scope::OutOfScope(reason) = &looked.scope {
            return Ok(Reply {
                text: reason.clone(),
                probability: 0.0,
                answer: None,
            });
        }
        let answer = self
            .predictor()
            .ask(&looked.look, question)
            .map_err(|source| Error::Model {
                path: path.to_owned(),
                source,
            })?;
        let text = match answer.text.as_str() {
            "" => NO_WORDS.to_owned(),
            words => words.to_owned(),
        };
        Ok(Reply {
            text,
            probability: answer.probability,
            answer: Some(answer),
        })
    }
}
