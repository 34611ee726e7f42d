//! BART's `.cfl` and `.hdr`: 16 axes, the first fastest, single precision complex, little-endian.
//!
//! Uecker, Ong, Tamir et al., "Berkeley Advanced Reconstruction Toolbox", Proc ISMRM 23 (2015) 2486. The axes are those of the
//! toolbox's `mri.h`: `READ PHS1 PHS2 COIL MAPS TE COEFF COEFF2 ITER CSHIFT TIME TIME2 LEVEL SLICE AVG BATCH`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use num_complex::Complex32;

use super::RawScan;
use super::array::{self, ArrayReader};
use super::axes::{Axes, Counter, bad_shape};
use super::strided::{Layout, Strided};
use crate::write_beside::write_beside;
use crate::{Error, OpenOptions, Result};

/// Names of the axes, fastest first.
const AXES: [&str; 16] = [
    "read", "phs1", "phs2", "coil", "maps", "te", "coeff", "coeff2", "iter", "cshift", "time",
    "time2", "level", "slice", "avg", "batch",
];
const COIL: usize = 3;
/// Longest header read.
const MAX_HEADER: u64 = 1 << 16;

/// True if `path` or its partner is a `.hdr` as BART writes it.
pub(crate) fn is_cfl(path: &Path) -> bool {
    let Some((hdr, cfl)) = pair(path) else {
        return false;
    };
    let mut start = [0; 1];
    let marked = File::open(&hdr).and_then(|mut f| f.read_exact(&mut start));
    cfl.exists() && marked.is_ok() && start == *b"#"
}

/// Header and data of a path that ends in `.cfl` or `.hdr`.
fn pair(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let extension = path.extension()?.to_str()?;
    matches!(extension, "cfl" | "hdr")
        .then(|| (path.with_extension("hdr"), path.with_extension("cfl")))
}

/// Opens Cartesian k-space: the three image axes are `x, y, z` (an axis of size 1 among them is none), every longer axis
/// beyond coils tells frames apart.
pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<RawScan> {
    let reader = reader(path)?;
    let shape = reader.shape();
    let mut axes = Axes {
        coil: Some(COIL),
        // Slowest first, so that x is the readout.
        image: [2, 1, 0].into_iter().filter(|&a| shape[a] > 1).collect(),
        frames: Vec::new(),
    };
    for spare in [0, 1] {
        if axes.image.len() < 2 && !axes.image.contains(&spare) {
            axes.image.push(spare);
        }
    }
    axes.image.sort_unstable_by(|a, b| b.cmp(a));
    for (axis, counter) in [
        (5, Counter::Contrast),
        (10, Counter::Repetition),
        (11, Counter::Phase),
        (13, Counter::Slice),
    ] {
        if shape[axis] > 1 {
            axes.frames.push((axis, counter));
        }
    }
    let read = |axis: usize| axis <= COIL || axes.frames.iter().any(|f| f.0 == axis);
    if let Some(other) = (0..16).find(|&a| shape[a] > 1 && !read(a)) {
        return Err(bad_shape(
            path,
            "size 1 along all axes but read, phs1, phs2, coil, te, time, time2 and slice",
            format!("{} along {} (axis {other})", shape[other], AXES[other]),
            "cut it out with bart slice, or average it with bart avg".into(),
        ));
    }
    if shape[0] == 1
        && shape[1] > 1
        && shape[2] > 1
        && shape[1] < shape[COIL]
        && shape[2] < shape[COIL]
    {
        return Err(bad_shape(
            path,
            "fewer coils than samples",
            format!("{} coils of {} x {}", shape[COIL], shape[1], shape[2]),
            "the axes may be in another order: read, phs1, phs2, coil".into(),
        ));
    }
    array::open(
        path,
        "BART cfl",
        Box::new(reader),
        axes,
        options,
        Vec::new(),
    )
}

/// The array behind a path that ends in `.cfl` or `.hdr`; always 16 axes, the first fastest.
pub(super) fn reader(path: &Path) -> Result<Strided> {
    let Some((hdr, cfl)) = pair(path) else {
        return Err(bad_header(
            path,
            "name",
            "a name that ends in .cfl or .hdr",
            path.display().to_string(),
        ));
    };
    let mut text = String::new();
    let file = File::open(&hdr).map_err(Error::io(&hdr, "read"))?;
    file.take(MAX_HEADER)
        .read_to_string(&mut text)
        .map_err(|e| bad_header(&hdr, "text", "a text", e.to_string()))?;
    let shape = parse(&hdr, &text)?;
    let layout = Layout {
        start: 0,
        width: 8,
        big: false,
        fortran: true,
        shape,
    };
    let file = File::open(&cfl).map_err(Error::io(&cfl, "read"))?;
    Strided::new(&cfl, file, layout)
}

fn bad_header(path: &Path, field: &str, expected: &str, found: String) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: field.into(),
        expected: expected.into(),
        found: found.escape_debug().take(80).collect(),
        hint: "write the pair again with bart".into(),
    }
}

/// Sizes of the 16 axes, from the line after `# Dimensions`.
fn parse(path: &Path, text: &str) -> Result<Vec<usize>> {
    let mut lines = text.lines().skip_while(|l| l.trim() != "# Dimensions");
    let bad = |found: &str| {
        bad_header(
            path,
            "# Dimensions",
            "a line of at most 16 sizes",
            found.to_string(),
        )
    };
    let line = lines.nth(1).ok_or_else(|| bad("none"))?;
    let mut shape = line
        .split_whitespace()
        .map(|part| part.parse().ok().filter(|&n: &usize| n > 0))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| bad(line))?;
    if shape.is_empty() || shape[AXES.len().min(shape.len())..].iter().any(|&n| n != 1) {
        return Err(bad(line));
    }
    shape.resize(AXES.len(), 1);
    Ok(shape)
}

/// Writes `values` as a `.cfl` and `.hdr`, whose path is `path` with or without these endings.
///
/// # Shapes
/// - `shape`: at most 16 sizes, slowest first as everywhere in this crate; BART's axes are the same in reverse, so `[coil][z][y][x]`
///   becomes `read phs1 phs2 coil`
///
/// # Errors
/// [`Error::LengthMismatch`] if `values` do not fill `shape` or there are more than 16 axes; [`Error::Io`].
pub fn write_cfl(path: &Path, values: &[Complex32], shape: &[usize]) -> Result<()> {
    let (hdr, cfl) = pair(path).unwrap_or_else(|| {
        let with = |ending: &str| {
            let mut name = path.as_os_str().to_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        (with(".hdr"), with(".cfl"))
    });
    let expected = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
    if expected != Some(values.len()) || shape.len() > AXES.len() {
        return Err(Error::LengthMismatch {
            path: cfl,
            what: "array of at most 16 axes",
            expected: expected.unwrap_or(usize::MAX),
            found: values.len(),
        });
    }
    let mut sizes: Vec<String> = shape.iter().rev().map(usize::to_string).collect();
    sizes.resize(AXES.len(), "1".into());
    write_beside(&cfl, |file: &mut dyn Write| {
        for value in values {
            file.write_all(&value.re.to_le_bytes())?;
            file.write_all(&value.im.to_le_bytes())?;
        }
        Ok(())
    })?;
    write_beside(&hdr, |file: &mut dyn Write| {
        writeln!(file, "# Dimensions\n{}", sizes.join(" "))
    })
}
