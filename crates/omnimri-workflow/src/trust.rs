//! What a checkpoint's probabilities and refusals are worth: fitted after training, kept beside the weights as `trust.json`.
//!
//! Written by `omnimri eval --trust`, read with the checkpoint. It names the weights it was fitted to; with other weights it
//! counts as absent, since a temperature of one network says nothing of another.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Name of the file in a checkpoint's folder.
const FILE: &str = "trust.json";
/// Name and version of its form.
const SCHEMA: &str = "omnimri.trust/1";
/// Probabilities are kept this far from 0 and 1, so that their logarithms are finite.
const LEAST: f64 = 1e-6;
/// Widest features a gate may speak of: bounds memory whatever the file says.
const MOST_FEATURES: usize = 1 << 14;

/// Temperature scaling of class probabilities. Source: Guo et al., On Calibration of Modern Neural Networks (2017).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// Logarithms of the probabilities are divided by this; above 1 they become less sure.
    pub temperature: f64,
    /// A most probable class below this is not given as a diagnosis.
    pub abstain_below: f64,
    /// Inputs it was fitted on.
    pub n: usize,
}

impl Temperature {
    /// The calibrated probabilities; their order stays.
    pub fn apply(&self, p: &[f64]) -> Vec<f64> {
        let raised: Vec<f64> = p
            .iter()
            .map(|p| (p.clamp(LEAST, 1.0).ln() / self.temperature).exp())
            .collect();
        let sum: f64 = raised.iter().sum();
        raised.iter().map(|r| r / sum).collect()
    }
}

/// Platt scaling of one probability: a line through its log-odds. Source: Platt, Probabilistic outputs for support vector
/// machines (1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odds {
    /// Slope, at least 0, so that the order stays.
    pub scale: f64,
    /// Log-odds at even odds.
    pub shift: f64,
    /// What is less probable than this is labelled as unsure.
    pub unsure_below: f64,
    /// Statements it was fitted on.
    pub n: usize,
}

impl Odds {
    /// The calibrated probability.
    pub fn apply(&self, p: f64) -> f64 {
        let p = p.clamp(LEAST, 1.0 - LEAST);
        let odds = (p / (1.0 - p)).ln() * self.scale + self.shift;
        1.0 / (1.0 + (-odds).exp())
    }
}

/// Tells images like those the model was trained on from all others: a logistic regression on its pooled features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Weights, one a feature.
    pub weights: Vec<f32>,
    /// Log-odds of a zero feature vector.
    pub bias: f32,
    /// An image whose log-odds of being in scope are below this is refused.
    pub least: f32,
    /// Training images it was fitted on.
    pub n_in: usize,
    /// Other images it was fitted on.
    pub n_out: usize,
}

impl Gate {
    /// Log-odds that an image is in scope; `None` where the features are not those it was fitted on.
    pub fn log_odds(&self, features: &[f32]) -> Option<f32> {
        (features.len() == self.weights.len()).then(|| {
            let products = features.iter().zip(&self.weights).map(|(f, w)| f * w);
            self.bias + products.sum::<f32>()
        })
    }

    /// True for an image that is to be refused.
    pub fn refuses(&self, features: &[f32]) -> bool {
        self.log_odds(features).is_some_and(|l| l < self.least)
    }
}

/// All that was fitted to a checkpoint; what is `None` is used as the network says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Name and version of this form.
    pub schema: String,
    /// SHA-256 of the weights it was fitted to, lower-case hexadecimal.
    pub weights: String,
    /// The tumour class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Temperature>,
    /// A tumour of a class in a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Odds>,
    /// Answers to questions that the evidence can check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Odds>,
    /// Answers to all other questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_answers: Option<Odds>,
    /// Scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

impl Trust {
    /// Nothing fitted to the weights of this hash.
    pub fn none(weights: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            weights: weights.to_owned(),
            ..Self::default()
        }
    }

    /// From the bytes of `trust.json`; nothing where there are none or they speak of other weights.
    ///
    /// # Errors
    /// [`Error::Trust`] naming `path` and the value that makes no sense.
    pub(crate) fn parse(bytes: &[u8], weights: &str, path: &Path) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::none(weights));
        }
        let bad = |problem: String| Error::Trust {
            path: path.to_owned(),
            problem,
        };
        let trust: Self = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
        if trust.schema != SCHEMA {
            return Err(bad(format!(
                "schema: expected {SCHEMA}, found {}",
                trust.schema
            )));
        }
        if trust.weights != weights {
            return Ok(Self::none(weights));
        }
        trust.check().map_err(bad)?;
        Ok(trust)
    }

    /// Reads `trust.json` of a checkpoint folder, where there is one.
    ///
    /// # Errors
    /// If it cannot be read, or makes no sense.
    pub(crate) fn read(dir: &Path, weights: &str) -> Result<Self> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&bytes, weights, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::none(weights)),
            Err(error) => Err(Error::Trust {
                path,
                problem: error.to_string(),
            }),
        }
    }

    /// Writes `trust.json` into a checkpoint folder.
    ///
    /// # Errors
    /// If a value makes no sense or the file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let bad = |problem: String| Error::Trust {
            path: path.clone(),
            problem,
        };
        self.check().map_err(bad)?;
        let text = serde_json::to_string_pretty(self).map_err(|e| bad(e.to_string()))?;
        std::fs::write(&path, text + "\n").map_err(|e| bad(e.to_string()))
    }

    /// The same without calibration: probabilities as the network says them.
    pub fn uncalibrated(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            ..Self::none(&self.weights)
        }
    }

    fn check(&self) -> std::result::Result<(), String> {
        let share = |name: &str, p: f64| {
            (0.0..=1.0)
                .contains(&p)
                .then_some(())
                .ok_or_else(|| format!("{name}: expected 0 to 1, found {p}"))
        };
        if let Some(d) = &self.diagnosis {
            if !(d.temperature.is_finite() && d.temperature > 0.0) {
                return Err(format!(
                    "diagnosis.temperature: expected above 0, found {}",
                    d.temperature
                ));
            }
            share("diagnosis.abstain_below", d.abstain_below)?;
        }
        for (name, odds) in [
            ("findings", &self.findings),
            ("answers", &self.answers),
            ("free_answers", &self.free_answers),
        ] {
            let Some(odds) = odds else { continue };
            if !(odds.scale.is_finite() && odds.scale >= 0.0 && odds.shift.is_finite()) {
                return Err(format!(
                    "{name}: expected a finite shift and a scale of at least 0, found {} and {}",
                    odds.shift, odds.scale
                ));
            }
            share(name, odds.unsure_below)?;
        }
        match &self.gate {
            Some(g) if g.weights.len() > MOST_FEATURES => Err(format!(
                "gate.weights: expected at most {MOST_FEATURES}, found {}",
                g.weights.len()
            )),
            Some(g)
                if !g
                    .weights
                    .iter()
                    .chain([&g.bias, &g.least])
                    .all(|v| v.is_finite()) =>
            {
                Err("gate: expected finite numbers".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> Trust {
        Trust {
            diagnosis: Some(Temperature {
                temperature: 2.0,
                abstain_below: 0.6,
                n: 9,
            }),
            gate: Some(Gate {
                weights: vec![1.0, -2.0],
                bias: 0.5,
                least: 0.0,
                n_in: 4,
                n_out: 5,
            }),
            ..Trust::none("ab")
        }
    }

    #[test]
    fn temperature_by_hand() {
        let t = Temperature {
            temperature: 2.0,
            abstain_below: 0.0,
            n: 0,
        };
        // Square roots of 0.64 and 0.36 are 0.8 and 0.6.
        let p = t.apply(&[0.64, 0.36]);
        assert!((p[0] - 0.8 / 1.4).abs() < 1e-12 && (p[1] - 0.6 / 1.4).abs() < 1e-12);
        assert!(t.apply(&[1.0, 0.0]).iter().all(|p| p.is_finite()));
    }

    #[test]
    fn odds_by_hand() {
        let odds = |scale, shift| Odds {
            scale,
            shift,
            unsure_below: 0.0,
            n: 0,
        };
        assert!((odds(1.0, 0.0).apply(0.3) - 0.3).abs() < 1e-12);
        // Even odds three times as likely.
        assert!((odds(1.0, 3f64.ln()).apply(0.5) - 0.75).abs() < 1e-12);
        assert!((odds(0.0, 0.0).apply(0.99) - 0.5).abs() < 1e-12);
        assert!(odds(1.0, 0.0).apply(1.0) < 1.0);
    }

    #[test]
    fn the_gate_refuses_below_its_least() {
        let gate = trust().gate.unwrap();
        assert_eq!(gate.log_odds(&[1.0, 1.0]), Some(-0.5));
        assert!(gate.refuses(&[1.0, 1.0]) && !gate.refuses(&[1.0, 0.0]));
        // Features of another network are none of its business.
        assert!(!gate.refuses(&[1.0]));
    }

    #[test]
    fn what_is_written_is_read_and_holds_for_its_weights_only() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Trust::read(dir.path(), "ab").unwrap(), Trust::none("ab"));
        trust().write(dir.path()).unwrap();
        assert_eq!(Trust::read(dir.path(), "ab").unwrap(), trust());
        assert_eq!(Trust::read(dir.path(), "cd").unwrap(), Trust::none("cd"));
        assert_eq!(trust().uncalibrated().diagnosis, None);
        assert!(trust().uncalibrated().gate.is_some());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let path = Path::new("m/trust.json");
        let wrong = |text: &str, word: &str| {
            let error = Trust::parse(text.as_bytes(), "ab", path).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        };
        wrong("{", "m/trust.json");
        wrong(r#"{"schema":"x","weights":"ab"}"#, "schema");
        wrong(
            r#"{"schema":"omnimri.trust/1","weights":"ab","diagnosis":{"temperature":0.0,"abstain_below":0.5,"n":1}}"#,
            "temperature",
        );
        wrong(
            r#"{"schema":"omnimri.trust/1","weights":"ab","answers":{"scale":-1.0,"shift":0.0,"unsure_below":0.5,"n":1}}"#,
            "answers",
        );
    }
}
