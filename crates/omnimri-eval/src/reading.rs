//! What the workflow says of every input of a set, several at a time.

use std::path::Path;

use omnimri_image::{Input, OpenOptions, open};
use omnimri_workflow::{Engine, Interpretation, Wording};
use rayon::prelude::*;

use crate::case::Case;
use crate::figure::Failed;
use crate::interval::Bootstrap;
use crate::sets::Set;
use crate::told::Told;

/// Something that happened, for a progress bar.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A set begins with so many inputs.
    Set(Set, usize),
    /// So many images are looked at, to tell those in scope from others.
    Looking(usize),
    /// An input is done.
    Input,
    /// An input could not be read.
    Failed(&'a Path, &'a str),
}

/// What every set needs to be read and scored.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub engine: &'a Engine,
    pub bootstrap: Bootstrap,
    pub tell: &'a (dyn Fn(Event<'_>) + Sync),
    /// Whether reports are written and read back.
    pub wording: Wording,
}

/// Outcomes in the order of the cases.
#[derive(Debug)]
pub(crate) struct Outcomes<T> {
    pub all: Vec<T>,
    pub failed: Vec<Failed>,
    pub out_of_scope: usize,
    /// What the report of every case that could be read tells, where reports are written.
    pub told: Vec<Option<Told>>,
}

impl Run<'_> {
    /// Reads every case from its file as `omnimri read` does, but for the calibration of probabilities, and keeps what `judge`
    /// makes of it; `judge` gets nothing for an input that could not be read.
    pub fn read_all<T: Send>(
        &self,
        cases: &[Case],
        judge: impl Fn(&Case, Option<&Interpretation>) -> T + Sync,
    ) -> Outcomes<T> {
        let each: Vec<_> = cases
            .par_iter()
            .map(|case| {
                let said = self.read(&case.path);
                if let Err(reason) = &said {
                    (self.tell)(Event::Failed(&case.path, reason));
                }
                (self.tell)(Event::Input);
                let (said, told) = match said {
                    Ok((said, told)) => (Ok(said), told),
                    Err(reason) => (Err(reason), None),
                };
                let strange = said.as_ref().is_ok_and(Interpretation::is_out_of_scope);
                let outcome = judge(case, said.as_ref().ok());
                let failed = said.err().map(|reason| Failed {
                    id: case.example.id.clone(),
                    reason,
                });
                (outcome, failed, strange, told)
            })
            .collect();
        let mut out = Outcomes {
            all: Vec::new(),
            failed: Vec::new(),
            out_of_scope: 0,
            told: Vec::new(),
        };
        for (outcome, failed, strange, told) in each {
            out.all.push(outcome);
            out.failed.extend(failed);
            out.out_of_scope += usize::from(strange);
            out.told.push(told);
        }
        out
    }

    fn read(&self, path: &Path) -> Result<(Interpretation, Option<Told>), String> {
        let volume = match open(path, &OpenOptions::default()).map_err(|e| e.to_string())? {
            Input::Volumes(volumes) => volumes.into_iter().next(),
            Input::KSpace(_) => None,
        };
        let volume = volume.ok_or_else(|| format!("{}: expected an image", path.display()))?;
        let trust = self.engine.trust().uncalibrated();
        let said = self
            .engine
            .interpret_with(&volume, path, self.wording, &trust)
            .map_err(|e| e.to_string())?;
        let told = (self.wording == Wording::Decoded).then(|| Told::of(&said, &volume));
        Ok((said, told))
    }
}
