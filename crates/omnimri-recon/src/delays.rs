//! x
use crate::Result;
use omnimri_image::NonCartesian;
use std::fmt;
/// x
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GradientDelays {
    /// x
    pub sx: f64,
    /// x
    pub sy: f64,
    /// x
    pub sxy: f64,
}
impl GradientDelays {
    /// x
    pub fn is_significant(&self) -> bool {
        self.sx.abs().max(self.sy.abs()).max(self.sxy.abs()) > 0.02
    }
}
impl fmt::Display for GradientDelays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} along x", self.sx)
    }
}
pub(crate) fn applies_to(_data: &NonCartesian) -> bool {
    false
}
/// x
pub fn estimate(_data: &NonCartesian) -> Result<GradientDelays> {
    Ok(GradientDelays::default())
}
/// x
pub fn corrected(coord: &[[f32; 3]], _n: usize, _d: &GradientDelays) -> Vec<[f32; 3]> {
    coord.to_vec()
}
