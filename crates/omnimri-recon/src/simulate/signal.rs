//! Signal equations: what a sequence makes of proton density and relaxation times.
//!
//! All times in milliseconds, angles in degrees, signal relative to the equilibrium magnetisation of water. Steady state, on
//! resonance, ideal pulses (Bernstein, King, Zhou, Handbook of MRI Pulse Sequences, 2004, chapters 14 and 16; Haacke et al.,
//! Magnetic Resonance Imaging, 1999, chapters 8 and 18).

use serde::{Deserialize, Serialize};

use super::tissue::{FieldStrength, Relaxation, Tissue};

/// Timing of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum SequenceKind {
    /// Spin echo.
    SpinEcho {
        /// Repetition time.
        tr_ms: f32,
        /// Echo time.
        te_ms: f32,
    },
    /// Inversion recovery with a spin echo; FLAIR where the inversion time nulls fluid.
    InversionRecovery {
        /// Repetition time.
        tr_ms: f32,
        /// Echo time.
        te_ms: f32,
        /// Inversion time.
        ti_ms: f32,
    },
    /// Spoiled gradient echo (FLASH, SPGR).
    SpoiledGradientEcho {
        /// Repetition time.
        tr_ms: f32,
        /// Echo time.
        te_ms: f32,
        /// Flip angle.
        flip_deg: f32,
    },
    /// Balanced steady-state free precession, echo at half the repetition time.
    BalancedSsfp {
        /// Repetition time.
        tr_ms: f32,
        /// Flip angle.
        flip_deg: f32,
    },
}

/// Contrast agent in the blood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContrastAgent {
    /// None was given.
    None,
    /// A single dose (0.1 mmol/kg) of a gadolinium chelate, some minutes ago.
    Gadolinium,
}

/// A sequence on a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Kind and timing.
    pub kind: SequenceKind,
    /// Static field.
    pub field: FieldStrength,
    /// Contrast agent.
    pub contrast_agent: ContrastAgent,
}

impl Sequence {
    /// T1-weighted spin echo after gadolinium at 1.5 T (500/12).
    pub const fn t1_post() -> Self {
        Self {
            kind: SequenceKind::SpinEcho {
                tr_ms: 500.0,
                te_ms: 12.0,
            },
            field: FieldStrength::OnePointFive,
            contrast_agent: ContrastAgent::Gadolinium,
        }
    }

    /// T1-weighted spoiled gradient echo at 3 T (8/3.2, 20 degrees).
    pub const fn t1() -> Self {
        Self {
            kind: SequenceKind::SpoiledGradientEcho {
                tr_ms: 8.0,
                te_ms: 3.2,
                flip_deg: 20.0,
            },
            field: FieldStrength::Three,
            contrast_agent: ContrastAgent::None,
        }
    }

    /// T2-weighted spin echo at 3 T (5000/95).
    pub const fn t2() -> Self {
        Self {
            kind: SequenceKind::SpinEcho {
                tr_ms: 5000.0,
                te_ms: 95.0,
            },
            field: FieldStrength::Three,
            contrast_agent: ContrastAgent::None,
        }
    }

    /// FLAIR at 3 T (9000/110, inversion time 2550 that nulls fluid).
    pub const fn flair() -> Self {
        Self {
            kind: SequenceKind::InversionRecovery {
                tr_ms: 9000.0,
                te_ms: 110.0,
                ti_ms: 2550.0,
            },
            field: FieldStrength::Three,
            contrast_agent: ContrastAgent::None,
        }
    }

    /// Signal of a tissue, its T1 stretched by `t1_scale` (1 for the table's value).
    pub fn tissue_signal(&self, tissue: Tissue, t1_scale: f32) -> f32 {
        let gadolinium = match self.contrast_agent {
            ContrastAgent::None => 0.0,
            ContrastAgent::Gadolinium => tissue.uptake_mm(),
        };
        let mut relaxation = tissue.relaxation(self.field, gadolinium);
        relaxation.t1_ms *= t1_scale;
        self.kind.signal(&relaxation)
    }
}

impl SequenceKind {
    /// Magnitude of the signal.
    pub fn signal(&self, r: &Relaxation) -> f32 {
        let decay = |t: f32, time: f32| (-t / time).exp();
        match *self {
            Self::SpinEcho { tr_ms, te_ms } => {
                let mz = 1.0 - 2.0 * decay(tr_ms - te_ms / 2.0, r.t1_ms) + decay(tr_ms, r.t1_ms);
                r.pd * mz.abs() * decay(te_ms, r.t2_ms)
            }
            Self::InversionRecovery {
                tr_ms,
                te_ms,
                ti_ms,
            } => {
                let mz = 1.0 - 2.0 * decay(ti_ms, r.t1_ms)
                    + 2.0 * decay(tr_ms - te_ms / 2.0, r.t1_ms)
                    - decay(tr_ms, r.t1_ms);
                r.pd * mz.abs() * decay(te_ms, r.t2_ms)
            }
            Self::SpoiledGradientEcho {
                tr_ms,
                te_ms,
                flip_deg,
            } => {
                let (sin, cos) = flip_deg.to_radians().sin_cos();
                let e1 = decay(tr_ms, r.t1_ms);
                r.pd * sin * (1.0 - e1) / (1.0 - cos * e1) * decay(te_ms, r.t2_star_ms)
            }
            Self::BalancedSsfp { tr_ms, flip_deg } => {
                let (sin, cos) = flip_deg.to_radians().sin_cos();
                let (e1, e2) = (decay(tr_ms, r.t1_ms), decay(tr_ms, r.t2_ms));
                r.pd * sin * (1.0 - e1) / (1.0 - (e1 - e2) * cos - e1 * e2)
                    * decay(tr_ms / 2.0, r.t2_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Relaxation = Relaxation {
        pd: 1.0,
        t1_ms: 1000.0,
        t2_ms: 100.0,
        t2_star_ms: 50.0,
    };

    #[test]
    fn limits_known_by_hand() {
        let long = SequenceKind::SpinEcho {
            tr_ms: 1e6,
            te_ms: 100.0,
        }
        .signal(&UNIT);
        assert!((long - (-1.0f32).exp()).abs() < 1e-5);
        let null = SequenceKind::InversionRecovery {
            tr_ms: 1e6,
            te_ms: 0.0,
            ti_ms: 1000.0 * std::f32::consts::LN_2,
        };
        assert!(null.signal(&UNIT) < 1e-5);
        let ninety = SequenceKind::SpoiledGradientEcho {
            tr_ms: 1000.0,
            te_ms: 0.0,
            flip_deg: 90.0,
        };
        assert!((ninety.signal(&UNIT) - (1.0 - (-1.0f32).exp())).abs() < 1e-5);
        // For short repetition the balanced signal at its best flip angle is half of sqrt(T2 / T1).
        let best = ((1.0f32 - 0.1) / (1.0 + 0.1)).acos().to_degrees();
        let ssfp = SequenceKind::BalancedSsfp {
            tr_ms: 0.5,
            flip_deg: best,
        }
        .signal(&UNIT);
        assert!((ssfp - 0.5 * 0.1f32.sqrt()).abs() < 2e-3, "{ssfp}");
    }

    #[test]
    fn contrasts_have_their_order() {
        let order = |sequence: Sequence, brightest_first: &[Tissue]| {
            let signals: Vec<f32> = brightest_first
                .iter()
                .map(|t| sequence.tissue_signal(*t, 1.0))
                .collect();
            assert!(
                signals.windows(2).all(|w| w[0] > w[1]),
                "{sequence:?}: {signals:?}"
            );
        };
        use Tissue::*;
        order(
            Sequence::t1_post(),
            &[EnhancingGlioma, WhiteMatter, GreyMatter, Necrosis, Csf, Air],
        );
        order(Sequence::t1(), &[Fat, WhiteMatter, GreyMatter, Csf]);
        order(
            Sequence::t2(),
            &[Csf, Oedema, GreyMatter, WhiteMatter, Bone],
        );
        order(Sequence::flair(), &[Oedema, GreyMatter, WhiteMatter, Csf]);
    }
}
