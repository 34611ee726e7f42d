//! Random corruptions of a given severity.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Corruption, Course, FieldShape, ShiftAxis, ShotOrder};

/// Kind of corruption, without its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorruptionKind {
    /// [`Corruption::Motion`]
    Motion,
    /// [`Corruption::Ghosting`]
    Ghosting,
    /// [`Corruption::EpiGhost`]
    EpiGhost,
    /// [`Corruption::OffResonance`]
    OffResonance,
    /// [`Corruption::PartialFourier`]
    PartialFourier,
    /// [`Corruption::Zipper`]
    Zipper,
    /// [`Corruption::Spike`]
    Spike,
    /// [`Corruption::Gibbs`]
    Gibbs,
    /// [`Corruption::WrapAround`]
    WrapAround,
    /// [`Corruption::Noise`]
    Noise,
}

impl CorruptionKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Motion,
        Self::Ghosting,
        Self::EpiGhost,
        Self::OffResonance,
        Self::PartialFourier,
        Self::Zipper,
        Self::Spike,
        Self::Gibbs,
        Self::WrapAround,
        Self::Noise,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Motion => "motion",
            Self::Ghosting => "ghosting",
            Self::EpiGhost => "EPI ghost",
            Self::OffResonance => "off-resonance",
            Self::PartialFourier => "partial Fourier",
            Self::Zipper => "zipper",
            Self::Spike => "spike",
            Self::Gibbs => "Gibbs ringing",
            Self::WrapAround => "wrap-around",
            Self::Noise => "noise",
        }
    }

    /// A corruption of this kind on slices of `n_lines` rows; `severity` runs from 0, hardly visible, to 1, hard to read.
    pub fn draw(self, severity: f32, n_lines: usize, rng: &mut impl Rng) -> Corruption {
        let s = severity.clamp(0.0, 1.0);
        // Between half of the severity and all of it.
        let mut up_to =
            |least: f32, most: f32| least + (most - least) * s * rng.random_range(0.5..1.0f32);
        match self {
            Self::Motion => {
                let (shift_px, rotation_deg) = (up_to(0.3, 8.0), up_to(0.2, 6.0));
                let course = match rng.random_range(0..4) {
                    0 => Course::Drift,
                    1 => Course::Sudden,
                    2 => Course::Periodic,
                    _ => Course::Random,
                };
                let interleaved = rng.random_bool(0.5);
                Corruption::Motion {
                    shots: rng.random_range(4..=16).min(n_lines.max(1)),
                    course,
                    order: if interleaved {
                        ShotOrder::Interleaved
                    } else {
                        ShotOrder::Sequential
                    },
                    shift_px,
                    rotation_deg,
                }
            }
            Self::Ghosting => Corruption::Ghosting {
                phase_rad: up_to(0.05, 0.9),
                period: rng.random_range(2..=6).min(n_lines.max(2)),
            },
            Self::EpiGhost => Corruption::EpiGhost {
                constant_rad: up_to(0.1, 1.2),
                slope_rad: up_to(0.0, 0.01),
            },
            Self::OffResonance => {
                let peak_hz = up_to(10.0, 250.0);
                let echo = rng.random_bool(0.5);
                Corruption::OffResonance {
                    field: if rng.random_bool(0.75) {
                        FieldShape::Bump
                    } else {
                        FieldShape::Ramp
                    },
                    peak_hz,
                    bandwidth_hz: rng.random_range(25.0..80.0),
                    echo_ms: if echo {
                        rng.random_range(3.0..20.0)
                    } else {
                        0.0
                    },
                    along: if rng.random_bool(0.7) {
                        ShiftAxis::Readout
                    } else {
                        ShiftAxis::Phase
                    },
                }
            }
            Self::PartialFourier => Corruption::PartialFourier {
                share: 1.0 - up_to(0.05, 0.45),
            },
            Self::Zipper => Corruption::Zipper {
                strength: up_to(0.3, 4.0),
            },
            Self::Spike => {
                let strength = up_to(0.05, 0.6);
                Corruption::Spike {
                    n: rng.random_range(1..=3),
                    strength,
                }
            }
            Self::Gibbs => Corruption::Gibbs {
                share: 1.0 - up_to(0.2, 0.75),
            },
            Self::WrapAround => Corruption::WrapAround {
                share: 1.0 - up_to(0.05, 0.4),
            },
            Self::Noise => Corruption::Noise {
                sigma: up_to(0.02, 0.5),
            },
        }
    }
}
