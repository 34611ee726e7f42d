//! From a header's transforms to a [`Geometry`]: which one is usable, in millimetres, and how far
//! it can be trusted.

use std::path::Path;

use super::header::Header;
use crate::{Affine, Error, Geometry, Result, Trust, Zyx};

/// Marks in `descrip` by which a file of ours keeps what its input did not say.
pub(super) const NO_ORIENTATION: &str = "orientation unknown";
/// See [`NO_ORIENTATION`].
pub(super) const NO_SPACING: &str = "spacing unknown";
/// First word of `descrip` in files written by this crate.
pub(super) const WRITER: &str = "omnimri";

/// Which part of the header the affine came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Sform,
    Qform,
    Pixdim,
}

/// Affine and trust of a header with the given matrix, and warnings of one sentence each.
pub(super) fn geometry(
    path: &Path,
    header: &Header,
    size: Zyx<usize>,
) -> Result<(Geometry, Vec<String>)> {
    let mut warnings = Vec::new();
    let (mut affine, origin) = best_affine(path, header, size, &mut warnings)?;
    let mut orientation = Trust::Trusted;
    let mut spacing = Trust::Trusted;

    if origin == Origin::Pixdim {
        let why = "the header has no usable sform or qform";
        orientation = Trust::Untrusted(why.into());
        spacing = Trust::Untrusted(why.into());
    }
    if let Some(why) = apply_units(header, &mut affine, &mut warnings) {
        spacing = Trust::Untrusted(why);
    }
    if is_placeholder(&affine, size) {
        let why = format!(
            "the header says 1x1x1 mm for a matrix of {}x{}x{}",
            size.x, size.y, size.z
        );
        spacing = Trust::Untrusted(why.clone());
        if orientation.is_trusted() {
            orientation = Trust::Untrusted(why);
        }
    }
    if header.descrip.starts_with(WRITER) {
        if header.descrip.contains(NO_ORIENTATION) {
            orientation = Trust::Untrusted("the input it was made from gave none".into());
        }
        if header.descrip.contains(NO_SPACING) {
            spacing = Trust::Untrusted("the input it was made from gave none".into());
        }
    }
    match (&orientation, &spacing) {
        (Trust::Untrusted(o), Trust::Untrusted(s)) if o == s => warnings.push(format!(
            "Orientation and voxel size are not trusted because {o}: sides are those of the image, and \
             millimetres and millilitres are not given."
        )),
        (o, s) => {
            if let Trust::Untrusted(why) = o {
                warnings.push(format!(
                    "Orientation is not trusted because {why}: sides are those of the image."
                ));
            }
            if let Trust::Untrusted(why) = s {
                warnings.push(format!(
                    "Voxel size is not trusted because {why}: millimetres and millilitres are not given."
                ));
            }
        }
    }
    Ok((
        Geometry {
            size,
            affine,
            orientation,
            spacing,
        },
        warnings,
    ))
}

/// Sform, else qform, else the voxel sizes alone; an unusable one that the header sets is warned
/// about.
fn best_affine(
    path: &Path,
    header: &Header,
    size: Zyx<usize>,
    warnings: &mut Vec<String>,
) -> Result<(Affine, Origin)> {
    let sform = (header.sform_code > 0).then(|| sform(header));
    let qform = (header.qform_code > 0).then(|| qform(header));
    let sform_ok = sform.filter(is_regular);
    let qform_ok = qform.flatten().filter(is_regular);
    if sform.is_some() && sform_ok.is_none() {
        let next = if qform_ok.is_some() {
            "the qform"
        } else {
            "voxel sizes alone"
        };
        warnings.push(format!(
            "The sform is zero, singular or not finite, so {next} is used."
        ));
    }
    if let Some(affine) = sform_ok {
        if let Some(q) = qform_ok
            && q.orientation_code() != affine.orientation_code()
        {
            warnings.push(format!(
                "The sform says {} and the qform says {}; the sform is used.",
                affine.orientation_code(),
                q.orientation_code()
            ));
        }
        return Ok((affine, Origin::Sform));
    }
    if let Some(affine) = qform_ok {
        return Ok((affine, Origin::Qform));
    }
    if qform.is_some() {
        warnings.push("The qform is singular or not finite, so voxel sizes alone are used.".into());
    }
    match from_pixdim(header, size, warnings) {
        Some(affine) => Ok((affine, Origin::Pixdim)),
        None => Err(Error::BadAffine {
            path: path.into(),
            expected: "a regular sform or qform, or three finite voxel sizes".into(),
            found: format!(
                "sform code {}, qform code {}, pixdim {:?}",
                header.sform_code,
                header.qform_code,
                &header.pixdim[1..4]
            ),
            hint: "set the affine in the program that wrote the file".into(),
        }),
    }
}

fn sform(header: &Header) -> Affine {
    let [a, b, c] = header.srow;
    Affine([a, b, c, [0.0, 0.0, 0.0, 1.0]])
}

/// Quaternion, voxel sizes and handedness, as NIfTI-1 method 2; `None` if the quaternion is no
/// rotation.
fn qform(header: &Header) -> Option<Affine> {
    let [mut b, mut c, mut d] = header.quatern;
    let square = b * b + c * c + d * d;
    // Written as 32-bit floats, a half turn may overshoot the unit sphere by rounding; beyond that
    // it is no rotation.
    if !square.is_finite() || square > 1.0 + 1e-3 {
        return None;
    }
    let a = if 1.0 - square < 1e-7 {
        let n = square.sqrt();
        (b, c, d) = (b / n, c / n, d / n);
        0.0
    } else {
        (1.0 - square).sqrt()
    };
    let rotation = [
        [
            a * a + b * b - c * c - d * d,
            2.0 * (b * c - a * d),
            2.0 * (b * d + a * c),
        ],
        [
            2.0 * (b * c + a * d),
            a * a + c * c - b * b - d * d,
            2.0 * (c * d - a * b),
        ],
        [
            2.0 * (b * d - a * c),
            2.0 * (c * d + a * b),
            a * a + d * d - b * b - c * c,
        ],
    ];
    let qfac = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let step = [
        header.pixdim[1].abs(),
        header.pixdim[2].abs(),
        header.pixdim[3].abs() * qfac,
    ];
    let mut m = [[0.0; 4]; 4];
    for r in 0..3 {
        for c in 0..3 {
            m[r][c] = rotation[r][c] * step[c];
        }
        m[r][3] = header.qoffset[r];
    }
    m[3][3] = 1.0;
    Some(Affine(m))
}

/// Voxel sizes only, in the usual reading of such files: radiological columns, world origin at the
/// matrix centre.
///
/// Returns `None` where a size is not finite; a size of zero counts as 1 with a warning.
fn from_pixdim(header: &Header, size: Zyx<usize>, warnings: &mut Vec<String>) -> Option<Affine> {
    let mut step = [1.0; 3];
    for axis in 0..3 {
        let s = header.pixdim[axis + 1].abs();
        if !s.is_finite() {
            return None;
        }
        // A missing third size on a flat matrix is usual and needs no word.
        if s > 0.0 {
            step[axis] = s;
        } else if (axis as i64) < header.dim[0] {
            warnings.push(format!(
                "The voxel size of axis {} is zero and is taken as 1.",
                axis + 1
            ));
        }
    }
    Some(base_affine(Zyx::new(step[2], step[1], step[0]), size)).filter(is_regular)
}

/// The affine that readers agree on for a file with voxel sizes only.
pub(super) fn base_affine(spacing: Zyx<f64>, size: Zyx<usize>) -> Affine {
    let mut affine = Affine::from_spacing(spacing);
    affine.0[0][0] = -spacing.x;
    for (axis, n) in [size.x, size.y, size.z].into_iter().enumerate() {
        affine.0[axis][3] = -affine.0[axis][axis] * (n as f64 - 1.0) / 2.0;
    }
    affine
}

/// Finite, no column of zero length, and columns far from one plane.
fn is_regular(affine: &Affine) -> bool {
    let s = affine.spacing_mm();
    let box_volume = s.x * s.y * s.z;
    affine.inverse().is_some() && affine.determinant().abs() > 1e-5 * box_volume
}

/// Scales metres and micrometres to millimetres where the result is a plausible voxel size.
///
/// Returns why spacing cannot be trusted, if the unit makes no sense.
fn apply_units(header: &Header, affine: &mut Affine, warnings: &mut Vec<String>) -> Option<String> {
    let (factor, unit) = match header.xyzt_units & 7 {
        1 => (1e3, "metres"),
        3 => (1e-3, "micrometres"),
        _ => return None,
    };
    let s = affine.spacing_mm();
    if [s.x, s.y, s.z]
        .iter()
        .all(|v| (0.005..=50.0).contains(&(v * factor)))
    {
        for row in affine.0.iter_mut().take(3) {
            row.iter_mut().for_each(|v| *v *= factor);
        }
        warnings.push(format!(
            "The header counts in {unit}, which are converted to millimetres."
        ));
        return None;
    }
    Some(format!(
        "the header claims {unit}, which gives no plausible voxel size"
    ))
}

/// Sizes of exactly one millimetre on a matrix that only thick slices explain: values nobody filled
/// in.
///
/// At least 4 times fewer slices than rows and columns, which are alike and many: a whole head or
/// organ in plane. A small isotropic crop or a whole isotropic volume stays trusted.
fn is_placeholder(affine: &Affine, size: Zyx<usize>) -> bool {
    let s = affine.spacing_mm();
    let unit = [s.x, s.y, s.z].iter().all(|v| (v - 1.0).abs() < 1e-6);
    let mut n = [size.x, size.y, size.z];
    n.sort_unstable();
    unit && n[2] >= 4 * n[0] && n[1] >= 64 && n[2] <= 2 * n[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Version;

    fn header() -> Header {
        Header {
            dim: [3, 5, 7, 11, 1, 1, 1, 1],
            ..Header::new(Version::One)
        }
    }

    fn size() -> Zyx<usize> {
        Zyx::new(11, 7, 5)
    }

    #[test]
    fn qform_of_a_half_turn_is_diagonal() {
        let mut h = header();
        h.qform_code = 1;
        h.quatern = [0.0, 0.0, 1.0];
        h.pixdim = [-1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
        h.qoffset = [10.0, 20.0, 30.0];
        let (g, w) = geometry(Path::new("q"), &h, size()).unwrap();
        assert!(w.is_empty(), "{w:?}");
        let expected = [
            [-2.0, 0.0, 0.0, 10.0],
            [0.0, -3.0, 0.0, 20.0],
            [0.0, 0.0, -4.0, 30.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        assert_eq!(g.affine, Affine(expected));
    }

    #[test]
    fn zero_sform_falls_back_to_qform_with_a_warning() {
        let mut h = header();
        h.sform_code = 1;
        h.qform_code = 1;
        h.pixdim = [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
        let (g, w) = geometry(Path::new("q"), &h, size()).unwrap();
        assert_eq!(g.affine.orientation_code(), "RAS");
        assert!(g.orientation.is_trusted() && w.len() == 1, "{w:?}");
    }

    #[test]
    fn nan_everywhere_is_an_error_with_a_hint() {
        let mut h = header();
        h.sform_code = 1;
        h.srow = [[f64::NAN; 4]; 3];
        h.pixdim = [f64::NAN; 8];
        let e = geometry(Path::new("n.nii"), &h, size()).unwrap_err();
        assert!(matches!(e, Error::BadAffine { .. }), "{e}");
        assert!(!e.to_string().contains('\n'));
    }

    #[test]
    fn zero_everywhere_gives_untrusted_pixels() {
        let mut h = header();
        h.sform_code = 1;
        h.qform_code = 1;
        h.pixdim = [0.0; 8];
        let (g, w) = geometry(Path::new("z.nii"), &h, size()).unwrap();
        assert!(!g.orientation.is_trusted() && !g.spacing.is_trusted());
        assert!(g.affine.inverse().is_some() && w.len() >= 3, "{w:?}");
    }

    #[test]
    fn unit_voxels_are_doubted_on_slabs_only() {
        let one = Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0));
        assert!(is_placeholder(&one, Zyx::new(24, 256, 256)));
        assert!(is_placeholder(&one, Zyx::new(256, 20, 256)));
        assert!(!is_placeholder(&one, Zyx::new(35, 51, 35)));
        assert!(!is_placeholder(&one, Zyx::new(182, 218, 182)));
        let thick = Affine::from_spacing(Zyx::new(6.5, 1.0, 1.0));
        assert!(!is_placeholder(&thick, Zyx::new(24, 256, 256)));
    }

    #[test]
    fn micrometres_become_millimetres() {
        let mut h = header();
        h.sform_code = 1;
        h.xyzt_units = 3;
        h.srow = [
            [900.0, 0.0, 0.0, 5.0],
            [0.0, 900.0, 0.0, 0.0],
            [0.0, 0.0, 2000.0, 0.0],
        ];
        let (g, w) = geometry(Path::new("u.nii"), &h, size()).unwrap();
        let s = g.affine.spacing_mm();
        assert!((s.x - 0.9).abs() < 1e-9 && (s.z - 2.0).abs() < 1e-9 && w.len() == 1);
    }
}
