//! Relaxation times and proton densities of the tissues of a head.
//!
//! Sources, values rounded. `S` Stanisz et al., Magn Reson Med 2005;54:507 (grey and white matter at 1.5 T, muscle, blood).
//! `W` Wansapura et al., J Magn Reson Imaging 1999;9:531 (grey and white matter at 3 T). `B` de Bazelaire et al., Radiology
//! 2004;230:652 (fat, marrow). `C` Collins et al. (BrainWeb), IEEE Trans Med Imaging 1998;17:463 (proton densities).
//! `R` Rohrer et al., Invest Radiol 2005;40:715 (relaxivity of gadopentetate in plasma). Values marked `r` are representative
//! choices between those of neighbouring tissues, made for this phantom; T2* is taken as 0.4 to 0.7 of T2 `r`.

use serde::{Deserialize, Serialize};

/// Static field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldStrength {
    /// 1.5 tesla.
    OnePointFive,
    /// 3 tesla.
    Three,
}

/// What a voxel of the phantom can be made of; the discriminant is its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Tissue {
    /// No signal.
    Air = 0,
    /// Skin.
    Skin,
    /// Subcutaneous fat.
    Fat,
    /// Skeletal muscle.
    Muscle,
    /// Cortical bone.
    Bone,
    /// Fatty marrow of the diploe.
    Marrow,
    /// Dura, falx and tentorium.
    Dura,
    /// Cerebrospinal fluid.
    Csf,
    /// Cortical grey matter.
    GreyMatter,
    /// White matter.
    WhiteMatter,
    /// Caudate, putamen and thalamus.
    DeepGrey,
    /// Globus pallidus.
    Pallidum,
    /// Brain stem.
    BrainStem,
    /// Venous blood.
    Blood,
    /// Choroid plexus.
    Choroid,
    /// Vasogenic oedema around a tumour.
    Oedema,
    /// Necrotic core of a tumour.
    Necrosis,
    /// Glioma with a broken blood-brain barrier.
    EnhancingGlioma,
    /// Glioma that does not take up contrast agent.
    SolidGlioma,
    /// Meningioma.
    Meningioma,
    /// Pituitary adenoma.
    Adenoma,
}

/// Relaxation of one tissue at one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relaxation {
    /// Proton density relative to water.
    pub pd: f32,
    /// Longitudinal relaxation time in milliseconds.
    pub t1_ms: f32,
    /// Transverse relaxation time in milliseconds.
    pub t2_ms: f32,
    /// Apparent transverse relaxation time of a gradient echo in milliseconds.
    pub t2_star_ms: f32,
}

impl Relaxation {
    /// Shortened by a gadolinium chelate of this concentration in mmol/l.
    pub fn with_gadolinium(self, field: FieldStrength, gadolinium_mm: f32) -> Self {
        // Relaxivities in 1/(mmol/l s) [R].
        let (r1, r2) = match field {
            FieldStrength::OnePointFive => (4.1, 4.6),
            FieldStrength::Three => (3.7, 5.2),
        };
        let shorten = |t_ms: f32, r: f32| 1000.0 / (1000.0 / t_ms + r * gadolinium_mm);
        Self {
            pd: self.pd,
            t1_ms: shorten(self.t1_ms, r1),
            t2_ms: shorten(self.t2_ms, r2),
            t2_star_ms: shorten(self.t2_star_ms, r2),
        }
    }
}

/// Number of tissues.
pub const N_TISSUES: usize = 21;

/// A row of the table: proton density; T1, T2 at 1.5 T; T1, T2 at 3 T (ms); T2*/T2; gadolinium in mmol/l some minutes after
/// a single dose of 0.1 mmol/kg.
type Row = (f32, [f32; 2], [f32; 2], f32, f32);

impl Tissue {
    /// All tissues in the order of their labels.
    pub const ALL: [Self; N_TISSUES] = [
        Self::Air,
        Self::Skin,
        Self::Fat,
        Self::Muscle,
        Self::Bone,
        Self::Marrow,
        Self::Dura,
        Self::Csf,
        Self::GreyMatter,
        Self::WhiteMatter,
        Self::DeepGrey,
        Self::Pallidum,
        Self::BrainStem,
        Self::Blood,
        Self::Choroid,
        Self::Oedema,
        Self::Necrosis,
        Self::EnhancingGlioma,
        Self::SolidGlioma,
        Self::Meningioma,
        Self::Adenoma,
    ];

    const fn row(self) -> Row {
        match self {
            Self::Air => (0.0, [1000.0, 10.0], [1000.0, 10.0], 1.0, 0.0),
            Self::Skin => (0.72, [600.0, 40.0], [750.0, 38.0], 0.6, 0.10), // [r]
            Self::Fat => (0.90, [343.0, 58.0], [382.0, 68.0], 0.5, 0.0),   // [B]
            Self::Muscle => (0.85, [1008.0, 44.0], [1412.0, 50.0], 0.6, 0.12), // [S]
            Self::Bone => (0.06, [500.0, 2.0], [500.0, 2.0], 0.5, 0.0),    // [r]
            Self::Marrow => (0.55, [549.0, 49.0], [586.0, 49.0], 0.4, 0.02), // [B]
            Self::Dura => (0.55, [900.0, 35.0], [1100.0, 32.0], 0.6, 0.45), // [r]
            Self::Csf => (1.00, [4200.0, 1800.0], [4300.0, 1700.0], 0.6, 0.0), // [r]
            Self::GreyMatter => (0.86, [1124.0, 95.0], [1331.0, 95.0], 0.6, 0.02), // [S], [W], [C]
            Self::WhiteMatter => (0.73, [780.0, 72.0], [832.0, 75.0], 0.65, 0.01), // [S], [W], [C]
            Self::DeepGrey => (0.82, [1000.0, 82.0], [1180.0, 78.0], 0.55, 0.02), // [r]
            Self::Pallidum => (0.76, [860.0, 68.0], [980.0, 60.0], 0.45, 0.01), // [r]
            Self::BrainStem => (0.75, [860.0, 78.0], [960.0, 76.0], 0.6, 0.01), // [r]
            Self::Blood => (0.85, [1441.0, 180.0], [1932.0, 120.0], 0.4, 0.60), // [S], T2 venous [r]
            Self::Choroid => (0.85, [1300.0, 110.0], [1500.0, 105.0], 0.5, 0.55), // [r]
            Self::Oedema => (0.88, [1250.0, 140.0], [1450.0, 135.0], 0.65, 0.02), // [r]
            Self::Necrosis => (0.93, [2100.0, 240.0], [2400.0, 230.0], 0.6, 0.04), // [r]
            Self::EnhancingGlioma => (0.86, [1300.0, 120.0], [1500.0, 115.0], 0.6, 0.62), // [r]
            Self::SolidGlioma => (0.87, [1350.0, 135.0], [1550.0, 130.0], 0.6, 0.06), // [r]
            Self::Meningioma => (0.84, [1150.0, 92.0], [1350.0, 88.0], 0.6, 0.70), // [r]
            Self::Adenoma => (0.85, [1200.0, 100.0], [1400.0, 95.0], 0.6, 0.42), // [r]
        }
    }

    /// Relaxation with a gadolinium concentration added to the tissue's own.
    pub fn relaxation(self, field: FieldStrength, gadolinium_mm: f32) -> Relaxation {
        let (pd, low, high, star, _) = self.row();
        let [t1_ms, t2_ms] = match field {
            FieldStrength::OnePointFive => low,
            FieldStrength::Three => high,
        };
        Relaxation {
            pd,
            t1_ms,
            t2_ms,
            t2_star_ms: t2_ms * star,
        }
        .with_gadolinium(field, gadolinium_mm)
    }

    /// Gadolinium in mmol/l that the tissue takes up after a single dose.
    pub fn uptake_mm(self) -> f32 {
        self.row().4
    }

    /// True for what counts as tumour in a lesion mask; oedema does not.
    pub fn is_tumour(self) -> bool {
        matches!(
            self,
            Self::Necrosis
                | Self::EnhancingGlioma
                | Self::SolidGlioma
                | Self::Meningioma
                | Self::Adenoma
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_positions_and_times_are_physical() {
        for (i, tissue) in Tissue::ALL.iter().enumerate() {
            assert_eq!(*tissue as usize, i);
            for field in [FieldStrength::OnePointFive, FieldStrength::Three] {
                let r = tissue.relaxation(field, 0.0);
                assert!((0.0..=1.0).contains(&r.pd));
                assert!(r.t1_ms > r.t2_ms && r.t2_ms >= r.t2_star_ms && r.t2_star_ms > 0.0);
                let post = tissue.relaxation(field, 1.0);
                assert!(post.t1_ms < r.t1_ms && post.t2_ms < r.t2_ms);
            }
        }
    }
}
