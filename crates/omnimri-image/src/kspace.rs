//! K-space from `.npy` arrays: which axis is what, and which samples were measured.

use std::path::Path;

use num_complex::Complex32;

use crate::npy::{NpyArray, NpyData, permute, read_npy, shape_text};
use crate::{Error, KSpace, KSpaceOptions, OpenOptions, Result};

/// Most coils an array without axis names may have; more of them look like matrix rows.
const MOST_COILS: usize = 128;

/// Reads one slice of Cartesian k-space; see [`KSpaceOptions`] for how axes are named.
///
/// Without axis names only a coil-first array `(coil, y, x)` that cannot be taken for anything
/// else, or a single-coil `(y, x)`, is accepted, and a warning records it. Axes of size 1 are
/// dropped.
///
/// # Shapes
/// - output: `[coil][y][x]`
pub fn read_kspace_npy(path: &Path, options: &KSpaceOptions) -> Result<KSpace> {
    read_kspace(
        path,
        &OpenOptions {
            kspace: options.clone(),
            ..OpenOptions::default()
        },
    )
}

/// As [`read_kspace_npy`], within the cap of `options`.
pub(crate) fn read_kspace(path: &Path, options: &OpenOptions) -> Result<KSpace> {
    let array = read_npy(path, options)?;
    let mut warnings = Vec::new();
    let roles = roles(path, &array, options.kspace.axes.as_deref(), &mut warnings)?;
    let [n_coils, n_y, n_x] = roles.map(|axis| axis.map_or(1, |a| array.shape[a]));
    if n_coils == 0 || n_y == 0 || n_x == 0 {
        return Err(bad_shape(
            path,
            "at least one coil, row and column",
            format!("shape {}", shape_text(&array.shape)),
            "the array is empty; export it again".into(),
        ));
    }
    let samples = ordered(path, array, roles)?;
    check_values(path, &samples)?;
    let mut kspace = KSpace {
        samples,
        n_coils,
        n_y,
        n_x,
        mask: vec![false; n_y * n_x],
        warnings,
    };
    for coil in kspace.samples.chunks(n_y * n_x) {
        for (m, s) in kspace.mask.iter_mut().zip(coil) {
            *m |= s.re != 0.0 || s.im != 0.0;
        }
    }
    if let Some(mask_path) = &options.kspace.mask {
        apply_mask(&mut kspace, path, mask_path, options)?;
    }
    let n_measured = kspace.mask.iter().filter(|&&m| m).count();
    if n_measured == 0 {
        return Err(bad_shape(
            path,
            "at least one measured sample",
            "zeros only".into(),
            "the export, or the mask, holds no data".into(),
        ));
    }
    Ok(kspace)
}

fn bad_shape(path: &Path, expected: &str, found: String, hint: String) -> Error {
    Error::BadShape {
        path: path.into(),
        what: "k-space",
        expected: expected.into(),
        found,
        hint,
    }
}

/// Array axes of coil, y and x; `None` where there is no such axis.
fn roles(
    path: &Path,
    array: &NpyArray,
    names: Option<&[String]>,
    warnings: &mut Vec<String>,
) -> Result<[Option<usize>; 3]> {
    if !matches!(array.data, NpyData::Complex32(_) | NpyData::Complex64(_)) {
        return Err(bad_shape(
            path,
            "complex samples (complex64 or complex128)",
            format!(
                "{} of shape {}",
                array.data.type_name(),
                shape_text(&array.shape)
            ),
            "magnitudes have lost their phase; export the complex data".into(),
        ));
    }
    match names {
        Some(names) => named_roles(path, &array.shape, names),
        None => guessed_roles(path, &array.shape, warnings),
    }
}

fn named_roles(path: &Path, shape: &[usize], names: &[String]) -> Result<[Option<usize>; 3]> {
    let wrong = |expected: &str, hint: &str| {
        let found = format!("axes {} for shape {}", names.join(","), shape_text(shape));
        bad_shape(path, expected, found, hint.into())
    };
    let names: Vec<String> = names
        .iter()
        .map(|n| n.trim().to_ascii_lowercase())
        .collect();
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || names[..i].contains(name) {
            return Err(wrong(
                "distinct axis names",
                "name every axis once, as in --axes coil,y,x",
            ));
        }
    }
    let long: Vec<usize> = (0..shape.len()).filter(|&a| shape[a] != 1).collect();
    // Names may cover all axes, or only those longer than one.
    let axes: Vec<usize> = if names.len() == shape.len() {
        (0..shape.len()).collect()
    } else if names.len() == long.len() {
        long
    } else {
        return Err(wrong("one name for every axis", "as in --axes coil,y,x"));
    };
    let is_coil = |name: &str| matches!(name, "coil" | "coils" | "channel" | "channels");
    if names.iter().filter(|n| is_coil(n)).count() > 1 {
        return Err(wrong(
            "one coil axis",
            "name the others, as in --axes coil,y,x",
        ));
    }
    let coil = axes
        .iter()
        .zip(&names)
        .find(|(_, n)| is_coil(n))
        .map(|(&a, _)| a);
    let mut image: Vec<(usize, &str)> = axes
        .iter()
        .zip(&names)
        .filter(|&(&a, _)| Some(a) != coil)
        .map(|(&a, n)| (a, n.as_str()))
        .collect();
    let is_extra = |name: &str| {
        matches!(
            name,
            "slice" | "frame" | "time" | "t" | "echo" | "rep" | "repetition" | "set"
        )
    };
    // Further axes go only where they are of size 1: first those named as such, then from the
    // front.
    for by_name in [true, false] {
        while image.len() > 2 {
            let spare = |&(a, n): &(usize, &str)| shape[a] == 1 && (!by_name || is_extra(n));
            match image.iter().position(spare) {
                Some(at) => image.remove(at),
                None => break,
            };
        }
    }
    match image[..] {
        [(y, _), (x, _)] => Ok([coil, Some(y), Some(x)]),
        [_, _, ..] => Err(wrong(
            "one slice: two axes beside the coils, all others of size 1",
            "save every slice or frame to a file of its own",
        )),
        _ => Err(wrong("two axes beside the coils", "as in --axes coil,y,x")),
    }
}

/// Axes of an array without names: only what cannot be taken for anything else.
pub(crate) fn guessed_roles(
    path: &Path,
    shape: &[usize],
    warnings: &mut Vec<String>,
) -> Result<[Option<usize>; 3]> {
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    while axes.len() > 3 {
        match axes.iter().position(|&a| shape[a] == 1) {
            Some(at) => axes.remove(at),
            None => break,
        };
    }
    let text = shape_text(shape);
    match axes[..] {
        [y, x] => {
            warnings.push(format!(
                "The axes of shape {text} are taken as y, x of a single coil."
            ));
            Ok([None, Some(y), Some(x)])
        }
        [c, y, x] => {
            let (nc, ny, nx) = (shape[c], shape[y], shape[x]);
            if nc <= MOST_COILS && nc < ny && nc < nx {
                warnings.push(format!(
                    "The axes of shape {text} are taken as coil, y, x ({nc} coils)."
                ));
                return Ok([Some(c), Some(y), Some(x)]);
            }
            if nx <= MOST_COILS && nx < nc && nx < ny {
                return Err(bad_shape(
                    path,
                    "coils first, (coil, y, x)",
                    format!("shape {text}, which looks like coils last"),
                    "say which axis is which with --axes x,y,coil".into(),
                ));
            }
            Err(bad_shape(
                path,
                "coils first and fewer than rows and columns, (coil, y, x)",
                format!("shape {text}"),
                "say which axis is which, for example with --axes coil,y,x".into(),
            ))
        }
        _ => Err(bad_shape(
            path,
            "one slice, (coil, y, x) or (y, x)",
            format!("shape {text}"),
            "save one slice, or name axes of size 1 with --axes".into(),
        )),
    }
}

/// Samples in the order coil, y, x.
fn ordered(path: &Path, array: NpyArray, roles: [Option<usize>; 3]) -> Result<Vec<Complex32>> {
    let samples: Vec<Complex32> = match array.data {
        NpyData::Complex32(v) => v,
        NpyData::Complex64(v) => v
            .iter()
            .map(|c| Complex32::new(c.re as f32, c.im as f32))
            .collect(),
        _ => {
            let found = shape_text(&array.shape);
            return Err(bad_shape(
                path,
                "complex samples",
                found,
                "export complex data".into(),
            ));
        }
    };
    let mut strides = vec![1; array.shape.len()];
    for axis in (1..array.shape.len()).rev() {
        strides[axis - 1] = strides[axis] * array.shape[axis];
    }
    let shape = roles.map(|axis| axis.map_or(1, |a| array.shape[a]));
    let strides = roles.map(|axis| axis.map_or(0, |a| strides[a]));
    // In place already, the usual case.
    if strides[2] == 1
        && strides[1] == shape[2]
        && (shape[0] == 1 || strides[0] == shape[1] * shape[2])
    {
        return Ok(samples);
    }
    Ok(permute(&samples, &shape, &strides))
}

fn check_values(path: &Path, samples: &[Complex32]) -> Result<()> {
    let bad = samples
        .iter()
        .filter(|s| !s.re.is_finite() || !s.im.is_finite())
        .count();
    if bad == 0 {
        return Ok(());
    }
    Err(Error::NotFinite {
        path: path.into(),
        what: "k-space samples",
        found: format!("{bad} of {} NaN, infinite or beyond float32", samples.len()),
        hint: "set samples that were not measured to zero",
    })
}

/// Keeps the samples that the mask file names; all others become zero.
fn apply_mask(
    kspace: &mut KSpace,
    path: &Path,
    mask_path: &Path,
    options: &OpenOptions,
) -> Result<()> {
    let array = read_npy(mask_path, options)?;
    let marks = array.data.non_zero();
    let mut shape = array.shape.as_slice();
    while let [1, rest @ ..] = shape
        && rest.len() >= 2
    {
        shape = rest;
    }
    let (n_y, n_x) = (kspace.n_y, kspace.n_x);
    let mask: Vec<bool> = match *shape {
        [y, x] if (y, x) == (n_y, n_x) => marks,
        [1, x] | [x] if x == n_x => marks.repeat(n_y),
        _ => {
            return Err(Error::BadShape {
                path: mask_path.into(),
                what: "sampling mask",
                expected: format!(
                    "shape {} or {} as the k-space of {}",
                    shape_text(&[n_y, n_x]),
                    shape_text(&[n_x]),
                    path.display()
                ),
                found: shape_text(&array.shape),
                hint: "one value a sample, or one a column of the last axis".into(),
            });
        }
    };
    let missing = |(given, measured): (&bool, &bool)| *given && !*measured;
    let n_missing = mask
        .iter()
        .zip(&kspace.mask)
        .filter(|&pair| missing(pair))
        .count();
    if n_missing > 0 {
        kspace.warnings.push(format!(
            "The mask marks {n_missing} samples as measured that are zero in every coil."
        ));
    }
    for coil in kspace.samples.chunks_mut(n_y * n_x) {
        for (s, m) in coil.iter_mut().zip(&mask) {
            if !m {
                *s = Complex32::ZERO;
            }
        }
    }
    kspace.mask = mask;
    Ok(())
}
