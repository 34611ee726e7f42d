//! How good a volume is: noise, ghosts, focus, coverage, bias field, resolution, saturation.
//!
//! Every measure works on the image alone (no reference) and is meant to compare volumes of one set and to find the odd
//! ones; none is a verdict. Each says where it comes from and what misleads it.

mod bias;
mod foreground;
mod measures;
#[cfg(test)]
mod tests;

use omnimri_image::Zyx;
use serde::{Deserialize, Serialize};

use crate::stack::Stack;
use bias::bias_strength;
pub(crate) use foreground::Foreground;
use measures::{air_sigma, cut_off, entropy_focus, ghosts, median_of, sharpness, wavelet_sigma};

/// A number for each axis of the stored grid; `None` where it cannot be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerAxis {
    /// Along a row.
    pub x: Option<f32>,
    /// Along a column.
    pub y: Option<f32>,
    /// Across slices.
    pub z: Option<f32>,
}

impl PerAxis {
    /// The largest that could be told.
    pub fn worst(&self) -> Option<f32> {
        [self.x, self.y, self.z]
            .into_iter()
            .flatten()
            .max_by(f32::total_cmp)
    }
}

/// Quality of a volume. All numbers are finite; intensities count in units of the window (0 black, 1 white, the 0.1 and
/// 99.9 percentiles of the volume). `None` where a measure has nothing to work on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Standard deviation of the noise inside the object: median absolute deviation of the finest diagonal Haar
    /// coefficients over 0.6745 (Donoho and Johnstone, Biometrika 81, 1994). Fine texture raises it, interpolation and
    /// denoising lower it.
    pub noise: Option<f32>,
    /// Standard deviation of the Gaussian noise before the magnitude was taken, from air: its median over 1.1774, as air
    /// is Rayleigh distributed (Gudbjartsson and Patz, Magn. Reson. Med. 34, 1995). `None` where air was cut away, is
    /// exactly 0 or is too little. Several combined coils and ghosts raise it.
    pub air_noise: Option<f32>,
    /// Median of the object over the noise: of air where there is air, else of the object (Dietrich et al., J. Magn.
    /// Reson. Imaging 26, 2007, on the limits of both).
    pub snr: Option<f32>,
    /// Ghost-to-signal ratio along each axis: what air beside the object along this axis has more than air in the
    /// corners, over the object's median (the percent signal ghosting of the ACR phantom test, over all of the air).
    /// 0 where nothing is more; `None` where one of the two regions is missing.
    pub ghost: PerAxis,
    /// Entropy focus criterion (Atkinson et al., IEEE Trans. Med. Imaging 16, 1997), 0 for one bright voxel and 1 for a
    /// flat image: blur, ghosts and noise raise it, and so does an object that fills the image. Compare within a set.
    pub entropy_focus: Option<f32>,
    /// Mean of the steepest tenth of the in-plane gradients inside the object, over the object's median: blur and motion
    /// lower it, noise raises it.
    pub sharpness: Option<f32>,
    /// Slices.
    pub n_slices: usize,
    /// Slices of which less than 0.5 % is object.
    pub n_empty_slices: usize,
    /// Share of all voxels that are object.
    pub object_share: f32,
    /// How much of the object the border cuts off, an axis: object voxels in the worse of the first and last plane over
    /// those in the fullest plane. 0 is whole, 1 is a border through the middle. `None` along `z` for a single slice.
    pub cut_off: PerAxis,
    /// Strength of the bias field: standard deviation of its logarithm, 0.1 for changes of about 10 %. See the module
    /// `bias` for what it is fitted to; tissue that differs over the image counts as well.
    pub bias: Option<f32>,
    /// Largest over smallest voxel size; `None` where sizes are not known.
    pub anisotropy: Option<f32>,
    /// Share of the object at the largest stored value. About 0.001 of all voxels by the window itself; more says that
    /// the source was clipped or that its window is set by something else.
    pub saturated: f32,
}

impl Quality {
    /// Quality of a stack.
    pub fn of(stack: &Stack) -> Self {
        let voxels: Vec<f32> = stack.voxels.iter().map(|&v| f32::from(v) / 255.0).collect();
        Self::measure(&voxels, stack.size, stack.spacing_mm).unwrap_or_default()
    }

    /// Quality of intensities `[z][y][x]` in units of the window (outside 0 to 1 they are cut).
    ///
    /// `None` if the length does not fit `size`, there is nothing, or a value is not finite.
    pub fn measure(voxels: &[f32], size: Zyx<usize>, spacing_mm: Option<Zyx<f64>>) -> Option<Self> {
        let n = size.y.checked_mul(size.x)?.checked_mul(size.z)?;
        if n == 0 || n != voxels.len() || !voxels.iter().all(|v| v.is_finite()) {
            return None;
        }
        let voxels: Vec<f32> = voxels.iter().map(|v| v.clamp(0.0, 1.0)).collect();
        let Foreground { object, air } = Foreground::of(&voxels, size);
        let n_object = object.iter().filter(|o| **o).count();
        let signal = median_of(&voxels, &object).filter(|s| *s > 0.0);
        let noise = wavelet_sigma(&voxels, &object, size);
        let air_noise = air_sigma(&voxels, &air);
        let finite = |v: f32| v.is_finite().then_some(v);
        let snr = air_noise
            .or(noise)
            .filter(|s| *s > 0.0)
            .zip(signal)
            .and_then(|(noise, signal)| finite(signal / noise));
        let n_slice = size.y * size.x;
        let n_empty_slices = object
            .chunks_exact(n_slice)
            .filter(|slice| slice.iter().filter(|o| **o).count() * 200 < n_slice)
            .count();
        let white = voxels.iter().copied().fold(0.0, f32::max);
        let n_white = voxels
            .iter()
            .zip(&object)
            .filter(|&(v, o)| *o && *v >= white)
            .count();
        Some(Self {
            noise,
            air_noise,
            snr,
            ghost: signal.map_or_else(PerAxis::default, |s| {
                ghosts(&voxels, &object, &air, size, s)
            }),
            entropy_focus: entropy_focus(&voxels, size),
            sharpness: signal.and_then(|s| sharpness(&voxels, &object, size, s)),
            n_slices: size.z,
            n_empty_slices,
            object_share: n_object as f32 / n as f32,
            cut_off: cut_off(&object, size),
            bias: bias_strength(&voxels, &object, size),
            anisotropy: spacing_mm.and_then(anisotropy),
            saturated: n_white as f32 / n_object.max(1) as f32,
        })
    }
}

/// Largest over smallest voxel size.
fn anisotropy(mm: Zyx<f64>) -> Option<f32> {
    let sizes = [mm.x, mm.y, mm.z];
    let largest = sizes.into_iter().fold(0.0, f64::max);
    let smallest = sizes.into_iter().fold(f64::INFINITY, f64::min);
    let ratio = (largest / smallest) as f32;
    (smallest > 0.0 && ratio.is_finite()).then_some(ratio)
}
