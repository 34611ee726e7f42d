//! What echo-planar data need beside their samples: which lines ran backwards, navigators, ramp sampling.

use num_complex::Complex32;

/// Echo-planar facts of one frame; the samples of the frame are as measured, lines that ran backwards turned round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpiInfo {
    /// Readouts without phase encoding, in the order they were measured.
    pub navigators: Vec<EpiNavigator>,
    /// Which lines were read out backwards, `[z][y]` (`z = 1` in 2D); false where nothing was measured.
    pub reversed: Vec<bool>,
    /// How the readout gradient ran, where samples were taken on its ramps.
    pub regrid: Option<RampSampling>,
}

/// One readout without phase encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct EpiNavigator {
    /// Samples `[coil][x]` on the encoded matrix, turned round if read out backwards.
    pub samples: Vec<Complex32>,
    /// True if read out backwards.
    pub reversed: bool,
}

/// Shape of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RampShape {
    /// Straight ramps.
    Trapezoid,
    /// A quarter of a sine each.
    Sinusoid,
}

/// A readout gradient that ramps up from 0 at time 0, stays, and ramps down, and when samples were taken under it.
///
/// Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampSampling {
    /// Shape of the ramps.
    pub shape: RampShape,
    /// Length of the ramp up.
    pub ramp_up_us: f64,
    /// Length of the plateau.
    pub flat_us: f64,
    /// Length of the ramp down.
    pub ramp_down_us: f64,
    /// Start of the first sample.
    pub delay_us: f64,
    /// Length of all samples together.
    pub adc_us: f64,
    /// Number of samples.
    pub n_samples: usize,
    /// Where the centre of the field of view lies along `x`, as a part of the encoded field of view. The receiver's
    /// frequency follows it, but as if the gradient had its full strength throughout; 0 if nothing is to be mended.
    pub off_centre: f64,
}
