//! How well the model's images are told from all others: refusal of what is out of scope, at the false refusal of what is in scope.
//!
//! A gate is fitted here too: a logistic regression on the network's pooled features of training images against made images of
//! other seeds and the computed tomography of the training questions. What it refuses is also measured with each kind left out of
//! its fitting, since a kind that was seen says little of one that was not.

mod junk;

use std::path::PathBuf;

use omnimri_corpus::Split;
use omnimri_image::{Input, OpenOptions, Volume, open};
use omnimri_workflow::{Gate, Scope, Sight};
use rayon::prelude::*;
use serde::Serialize;

pub use junk::Kind;

use crate::case::{Case, cases};
use crate::config::{EvalConfig, ScopeConfig};
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::interval::{Bootstrap, Estimate};
use crate::metrics::{auroc, fit_logistic};
use crate::reading::{Event, Run};
use crate::sets::Set;

/// Weight of the ridge that keeps the gate's weights small.
const RIDGE: f64 = 1.0;
/// Every so many subjects of the training part are kept out of the fitting, to choose the threshold.
const HELD_OUT: usize = 5;
/// Share of those that the gate may refuse.
const FALSE_REFUSAL: f64 = 0.003;

/// Images of one kind or set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindRow {
    /// The kind, or the set.
    pub name: &'static str,
    /// True for what is in scope: refusing it is wrong.
    pub in_scope: bool,
    /// Share refused by rules and class head alone.
    pub without_gate: Estimate,
    /// Share refused with the gate that was fitted.
    pub refused: Estimate,
    /// The same by a gate that was fitted without this kind.
    pub kind_unseen: Option<f64>,
}

/// Refusal of what is out of scope, and false refusal of what is in scope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScopeReport {
    /// Over all kinds and sets.
    pub figures: Vec<Figure>,
    /// Each kind and set.
    pub rows: Vec<KindRow>,
    /// Images that could not be read.
    pub failed: usize,
    /// Images the gate was fitted on, in scope and out of it.
    pub fitted_on: [usize; 2],
}

/// One image as the network sees it.
struct Seen {
    /// The kind, or the set.
    name: &'static str,
    kind: Option<Kind>,
    subject: String,
    sight: Sight,
}

impl Seen {
    fn refused(&self, gate: Option<&Gate>) -> bool {
        matches!(self.sight.scope(gate), Scope::OutOfScope(_))
    }
}

/// An image yet to be seen.
enum Source {
    Made(Kind, u64, usize),
    File(PathBuf),
}

struct Wanted {
    name: &'static str,
    kind: Option<Kind>,
    subject: String,
    source: Source,
}

/// Looks at everything, fits a gate on what is of the training part, and measures on the rest. Returns the gate too.
pub(crate) fn report(
    run: Run<'_>,
    config: &EvalConfig,
    scope: &ScopeConfig,
) -> Result<(ScopeReport, Option<Gate>)> {
    let limit = config.limit.unwrap_or(usize::MAX);
    let train = gather(
        config,
        (Split::Train, scope.train_images.min(limit)),
        (scope.train_seed, scope.train_each),
    )?;
    let judges = gather(config, (Split::Val, limit), (scope.seed, scope.each))?;
    (run.tell)(Event::Looking(train.len() + judges.len()));
    let (train, failed_train) = see(run, train);
    let (judges, failed) = see(run, judges);
    let gate = fit(&train, None)?;
    let fitted_on = [gate.n_in, gate.n_out];
    let rows = rows(&judges, &train, &gate, run.bootstrap)?;
    let report = ScopeReport {
        figures: figures(&judges, &gate, run.bootstrap),
        rows,
        failed: failed + failed_train,
        fitted_on,
    };
    Ok((report, Some(gate)))
}

/// The images of a part: made ones, and those of the sets, at most so many of each.
fn gather(
    config: &EvalConfig,
    (split, most): (Split, usize),
    (seed, each): (u64, usize),
) -> Result<Vec<Wanted>> {
    let mut out = Vec::new();
    for kind in Kind::MADE {
        for number in 0..each {
            out.push(Wanted {
                name: kind.name(),
                kind: Some(kind),
                subject: format!("{}/{number}", kind.name()),
                source: Source::Made(kind, seed, number),
            });
        }
    }
    for set in &config.sets {
        // A set that was not trained on fits nothing; one without a val part judges nothing.
        if set.part(split) != split {
            continue;
        }
        let all = cases(*set, &config.data, split, (None, false))?;
        let (mr, ct): (Vec<Case>, Vec<Case>) = all
            .into_iter()
            .partition(|c| c.example.classes.modality_mr != Some(false));
        let n = mr.len();
        let kept = n.min(most);
        let spread = mr.into_iter().enumerate();
        // Evenly over the table.
        let spread = spread.filter(|(k, _)| (k + 1) * kept / n > k * kept / n);
        out.extend(spread.map(|(_, case)| wanted(*set, case, set.name(), None)));
        out.extend(
            ct.into_iter()
                .map(|case| wanted(*set, case, Kind::Ct.name(), Some(Kind::Ct))),
        );
    }
    Ok(out)
}

fn wanted(set: Set, case: Case, name: &'static str, kind: Option<Kind>) -> Wanted {
    Wanted {
        name,
        kind,
        subject: format!("{}/{}", set.name(), case.example.subject),
        source: Source::File(case.path),
    }
}

/// What the network sees of each, and how many could not be read.
fn see(run: Run<'_>, all: Vec<Wanted>) -> (Vec<Seen>, usize) {
    let n = all.len();
    let seen: Vec<Seen> = all
        .into_par_iter()
        .filter_map(|w| {
            let sight = sight(run, &w.source);
            (run.tell)(Event::Input);
            match sight {
                Ok(sight) => Some(Seen {
                    name: w.name,
                    kind: w.kind,
                    subject: w.subject,
                    sight,
                }),
                Err(reason) => {
                    if let Source::File(path) = &w.source {
                        (run.tell)(Event::Failed(path, &reason));
                    }
                    None
                }
            }
        })
        .collect();
    let failed = n - seen.len();
    (seen, failed)
}

fn sight(run: Run<'_>, source: &Source) -> std::result::Result<Sight, String> {
    let look = |volume: &Volume, path: &std::path::Path| {
        run.engine.sight(volume, path).map_err(|e| e.to_string())
    };
    match source {
        Source::Made(kind, seed, number) => look(
            &junk::image(*kind, *seed, *number),
            std::path::Path::new(kind.name()),
        ),
        Source::File(path) => {
            let volume = match open(path, &OpenOptions::default()).map_err(|e| e.to_string())? {
                Input::Volumes(volumes) => volumes.into_iter().next(),
                Input::KSpace(_) => None,
            };
            let volume = volume.ok_or_else(|| format!("{}: expected an image", path.display()))?;
            look(&volume, path)
        }
    }
}

/// Fits a gate to training images, without those of one kind. Features are scaled to unit spread first, so that the ridge
/// treats them alike; the stored weights are of the features as they are.
fn fit(train: &[Seen], without: Option<Kind>) -> Result<Gate> {
    // What rules or the header refuse needs no gate.
    let used: Vec<&Seen> = train
        .iter()
        .filter(|s| s.sight.ruled_out.is_none() && (s.kind.is_none() || s.kind != without))
        .collect();
    let inside: Vec<&&Seen> = used.iter().filter(|s| s.kind.is_none()).collect();
    let groups: Vec<&str> = inside.iter().map(|s| s.subject.as_str()).collect();
    let fold = crate::metrics::folds(&groups, HELD_OUT);
    let held: Vec<&Seen> = inside
        .iter()
        .zip(&fold)
        .filter(|(_, f)| **f == 0)
        .map(|(s, _)| **s)
        .collect();
    let fitted: Vec<&Seen> = inside
        .iter()
        .zip(&fold)
        .filter(|(_, f)| **f != 0)
        .map(|(s, _)| **s)
        .collect();
    let outside: Vec<&Seen> = used.iter().filter(|s| s.kind.is_some()).copied().collect();
    let d = used.first().map_or(0, |s| s.sight.features.len());
    let found = || format!("{} in scope, {} out of it", inside.len(), outside.len());
    if held.is_empty() || fitted.is_empty() || outside.is_empty() || d == 0 {
        return Err(Error::Gate { found: found() });
    }
    let all: Vec<&Seen> = fitted.iter().chain(&outside).copied().collect();
    let n = all.len() as f64;
    let column = |k: usize| all.iter().map(move |s| f64::from(s.sight.features[k]));
    let (mean, spread): (Vec<f64>, Vec<f64>) = (0..d)
        .map(|k| {
            let mean = column(k).sum::<f64>() / n;
            let variance = column(k).map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            // A feature that never changes tells nothing.
            (
                mean,
                if variance > 1e-12 {
                    variance.sqrt()
                } else {
                    f64::INFINITY
                },
            )
        })
        .unzip();
    let rows: Vec<Vec<f64>> = all
        .iter()
        .map(|s| {
            let features = s.sight.features.iter().zip(mean.iter().zip(&spread));
            features
                .map(|(v, (m, s))| (f64::from(*v) - m) / s)
                .collect()
        })
        .collect();
    let right: Vec<bool> = all.iter().map(|s| s.kind.is_none()).collect();
    let (weights, bias) = fit_logistic(&rows, &right, RIDGE, &vec![0.0; d])
        .ok_or_else(|| Error::Gate { found: found() })?;
    let shift: f64 = weights
        .iter()
        .zip(mean.iter().zip(&spread))
        .map(|(w, (m, s))| w * m / s)
        .sum();
    let mut gate = Gate {
        weights: weights
            .iter()
            .zip(&spread)
            .map(|(w, s)| (w / s) as f32)
            .collect(),
        bias: (bias - shift) as f32,
        least: 0.0,
        n_in: fitted.len(),
        n_out: outside.len(),
    };
    let mut odds: Vec<f32> = held
        .iter()
        .filter_map(|s| gate.log_odds(&s.sight.features))
        .collect();
    odds.sort_by(f32::total_cmp);
    let at = (odds.len() as f64 * FALSE_REFUSAL).floor() as usize;
    // Even odds are as far as it goes: an image more like those in scope than like all others is not refused.
    gate.least = odds.get(at).copied().unwrap_or(0.0).min(0.0);
    Ok(gate)
}

fn rows(
    judges: &[Seen],
    train: &[Seen],
    gate: &Gate,
    bootstrap: Bootstrap,
) -> Result<Vec<KindRow>> {
    let mut names: Vec<(&'static str, Option<Kind>)> = Vec::new();
    for s in judges {
        if !names.contains(&(s.name, s.kind)) {
            names.push((s.name, s.kind));
        }
    }
    let mut out = Vec::with_capacity(names.len());
    for (name, kind) in names {
        let mine: Vec<&Seen> = judges.iter().filter(|s| s.name == name).collect();
        let groups: Vec<&str> = mine.iter().map(|s| s.subject.as_str()).collect();
        let share = |gate: Option<&Gate>| {
            let refused: Vec<bool> = mine.iter().map(|s| s.refused(gate)).collect();
            bootstrap.share(&refused, &groups)
        };
        let kind_unseen = match kind {
            None => None,
            Some(kind) => {
                let without = fit(train, Some(kind))?;
                share(Some(&without)).value
            }
        };
        out.push(KindRow {
            name,
            in_scope: kind.is_none(),
            without_gate: share(None),
            refused: share(Some(gate)),
            kind_unseen,
        });
    }
    Ok(out)
}

fn figures(judges: &[Seen], gate: &Gate, bootstrap: Bootstrap) -> Vec<Figure> {
    let (inside, outside): (Vec<&Seen>, Vec<&Seen>) = judges.iter().partition(|s| s.kind.is_none());
    let share = |of: &[&Seen], gate: Option<&Gate>| {
        let groups: Vec<&str> = of.iter().map(|s| s.subject.as_str()).collect();
        let refused: Vec<bool> = of.iter().map(|s| s.refused(gate)).collect();
        bootstrap.share(&refused, &groups)
    };
    let odds: Vec<f64> = judges
        .iter()
        .map(|s| f64::from(gate.log_odds(&s.sight.features).unwrap_or(0.0)))
        .collect();
    let positive: Vec<bool> = judges.iter().map(|s| s.kind.is_none()).collect();
    vec![
        Figure::new("refused_out_of_scope", share(&outside, Some(gate))),
        Figure::new("refused_out_of_scope_without_gate", share(&outside, None)),
        Figure::new("refused_in_scope", share(&inside, Some(gate))),
        Figure::new("refused_in_scope_without_gate", share(&inside, None)),
        Figure::plain("auroc_of_gate", auroc(&odds, &positive), judges.len()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_findings::Region;

    fn seen(kind: Option<Kind>, number: usize, features: [f32; 2]) -> Seen {
        Seen {
            name: kind.map_or("in", Kind::name),
            kind,
            subject: format!("{kind:?}{number}"),
            sight: Sight {
                ruled_out: None,
                strange: 0.1,
                region: Some((Region::Brain, 0.9)),
                features: features.to_vec(),
            },
        }
    }

    /// Images in scope right, knees left, texts far below.
    fn part(n: usize) -> Vec<Seen> {
        let jitter = |k: usize| (k * 7 % 11) as f32 * 0.05;
        (0..n)
            .flat_map(|k| {
                [
                    seen(None, k, [2.0 + jitter(k), jitter(k + 3)]),
                    seen(Some(Kind::Knee), k, [-2.0 - jitter(k), jitter(k + 5)]),
                    seen(Some(Kind::Text), k, [jitter(k), -4.0 - jitter(k)]),
                ]
            })
            .collect()
    }

    #[test]
    fn a_gate_refuses_what_it_was_fitted_against_and_little_else() {
        let (train, judges) = (part(30), part(12));
        let gate = fit(&train, None).unwrap();
        assert_eq!((gate.n_in, gate.n_out), (24, 60));
        let bootstrap = Bootstrap { seed: 1, draws: 20 };
        let figures = figures(&judges, &gate, bootstrap);
        let value = |name: &str| {
            figures
                .iter()
                .find(|f| f.name == name)
                .unwrap()
                .estimate
                .value
        };
        assert_eq!(value("refused_out_of_scope"), Some(1.0));
        assert_eq!(value("refused_out_of_scope_without_gate"), Some(0.0));
        assert_eq!(value("refused_in_scope"), Some(0.0));
        assert_eq!(value("auroc_of_gate"), Some(1.0));
        let rows = rows(&judges, &train, &gate, bootstrap).unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows[0].in_scope && rows[0].kind_unseen.is_none());
        assert!(rows[1].kind_unseen.is_some());
    }

    #[test]
    fn the_class_head_refuses_without_a_gate_and_rules_before_all() {
        let mut strange = seen(None, 0, [0.0; 2]);
        strange.sight.strange = 0.7;
        assert!(strange.refused(None));
        let mut ruled = seen(None, 0, [0.0; 2]);
        ruled.sight.ruled_out = Some("blank".into());
        assert!(ruled.refused(None) && !seen(None, 0, [0.0; 2]).refused(None));
    }

    #[test]
    fn nothing_to_fit_to_is_said() {
        let only: Vec<Seen> = (0..9).map(|k| seen(None, k, [1.0, 0.0])).collect();
        let error = fit(&only, None).unwrap_err().to_string();
        assert!(error.contains("9 in scope, 0 out"), "{error}");
    }
}
