//! NRRD: `.nrrd`, and `.nhdr` with its data file.
//!
//! Format: teem.sourceforge.net/nrrd/format.html, versions 1 to 5: `field: value` lines up to an empty line, then voxels, raw or
//! gzip. One axis without a direction (`none`) is read as frames.

use std::collections::HashMap;
use std::path::Path;

use crate::grid_file::{Block, Packing, Placed, bad_field, read_head};
use crate::nifti::{ByteOrder, DataType};
use crate::{Error, OpenOptions, Result, SourceKind, Volume};

/// True if the first bytes of a file begin an NRRD header.
pub(crate) fn looks_like_nrrd(start: &[u8]) -> bool {
    start.starts_with(b"NRRD000")
}

/// Reads an NRRD file of two or three axes, or of one more that has no direction in space.
///
/// # Shapes
/// - output: `[frame][z][y][x]`
///
/// # Errors
/// A header that contradicts itself, a type, space or encoding that is not read, and data that end early.
pub fn read_nrrd(path: &Path, options: &OpenOptions) -> Result<Volume> {
    let head = read_head(path)?;
    let mut fields: HashMap<String, String> = HashMap::new();
    let mut offset = 0_usize;
    for line in head.split_inclusive(|b| *b == b'\n') {
        offset += line.len();
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(':') {
            // `key:=value` is a comment of the writer.
            if !line.starts_with('#') && !value.starts_with('=') {
                let key = key.trim().to_lowercase();
                fields.insert(key, value.trim().to_owned());
            }
        }
    }
    let get = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| fields.get(*n))
            .map(String::as_str)
    };
    let bad = |field: &str, expected: &str| {
        bad_field(path, field, expected, get(&[field]).unwrap_or("none"))
    };
    let unsupported = |what: &'static str, expected: &str, found: &str| Error::Unsupported {
        path: path.into(),
        what,
        expected: expected.into(),
        found: found.into(),
        hint: "convert it first".into(),
    };
    let n: usize = get(&["dimension"])
        .and_then(|v| v.parse().ok())
        .filter(|n| (2..=4).contains(n))
        .ok_or_else(|| bad("dimension", "2 to 4"))?;
    let sizes: Vec<usize> = get(&["sizes"])
        .and_then(|v| v.split_whitespace().map(|w| w.parse().ok()).collect())
        .filter(|v: &Vec<usize>| v.len() == n)
        .ok_or_else(|| bad("sizes", "one size an axis"))?;
    let data_type = data_type(get(&["type"]).unwrap_or_default()).ok_or_else(|| {
        unsupported(
            "type",
            "integers of 8 to 64 bits, float or double",
            get(&["type"]).unwrap_or("none"),
        )
    })?;
    let packing = match get(&["encoding"]).unwrap_or_default() {
        "raw" => Packing::Raw,
        "gzip" | "gz" => Packing::Gzip,
        other => return Err(unsupported("encoding", "raw or gzip", other)),
    };
    for field in ["line skip", "lineskip", "byte skip", "byteskip"] {
        if let Some(text) = get(&[field]).filter(|t| *t != "0") {
            return Err(unsupported("skipped bytes", "0", text));
        }
    }
    let space = get(&["space"]).unwrap_or_default().to_lowercase();
    let lps = match space.as_str() {
        "" => None,
        "left-posterior-superior" | "lps" => Some(true),
        "right-anterior-superior" | "ras" => Some(false),
        other => {
            return Err(unsupported(
                "space",
                "left-posterior-superior or right-anterior-superior",
                other,
            ));
        }
    };
    let vectors = match get(&["space directions"]) {
        None => None,
        Some(text) => Some(
            vectors(text)
                .filter(|v| v.len() == n)
                .ok_or_else(|| bad("space directions", "a vector or none for every axis"))?,
        ),
    };
    let spacings: Option<Vec<f64>> = get(&["spacings"])
        .and_then(|v| v.split_whitespace().map(|w| w.parse().ok()).collect())
        .filter(|v: &Vec<f64>| v.len() == n);
    // The one axis without a direction: channels if it is the first, frames if it is the last.
    let bare = vectors
        .as_ref()
        .and_then(|v| v.iter().position(Option::is_none));
    let (spatial, channels) = match bare {
        None => ((0..n).collect::<Vec<_>>(), 1),
        Some(0) => ((1..n).collect(), sizes[0]),
        Some(k) if k == n - 1 => ((0..n).collect(), 1),
        Some(_) => {
            return Err(unsupported(
                "axis without a direction",
                "the first or the last axis",
                "another",
            ));
        }
    };
    let directions: Vec<Vec<f64>> = spatial
        .iter()
        .enumerate()
        .map(|(at, &axis)| {
            let unit = |step: f64| (0..3).map(|c| if c == at { step } else { 0.0 }).collect();
            match vectors.as_ref().and_then(|v| v[axis].clone()) {
                Some(vector) => vector,
                None => {
                    let step = spacings.as_ref().map(|s| s[axis]);
                    unit(step.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(1.0))
                }
            }
        })
        .collect();
    let origin = get(&["space origin"])
        .and_then(vectors_one)
        .filter(|v| v.len() == 3);
    let file = get(&["data file", "datafile"]);
    if let Some(file) = file.filter(|f| f.contains(['/', '\\', '%']) || f.starts_with("LIST")) {
        return Err(unsupported("data file", "one file beside the header", file));
    }
    Placed {
        path,
        sizes: spatial.iter().map(|&axis| sizes[axis]).collect(),
        channels,
        directions,
        origin,
        lps: lps.unwrap_or(true),
        has_spacing: vectors.is_some() || spacings.is_some(),
        has_direction: vectors.is_some() && lps.is_some(),
        source: SourceKind::Nrrd,
        block: Block {
            path: file.map_or_else(|| path.to_path_buf(), |f| path.with_file_name(f)),
            offset: if file.is_some() { 0 } else { offset as u64 },
            packing,
            data_type,
            order: match get(&["endian"]) {
                Some("big") => ByteOrder::Big,
                _ => ByteOrder::Little,
            },
        },
    }
    .read(options)
}

fn data_type(name: &str) -> Option<DataType> {
    Some(match name {
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => DataType::U8,
        "signed char" | "int8" | "int8_t" => DataType::I8,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => DataType::U16,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
            DataType::I16
        }
        "uint" | "unsigned int" | "uint32" | "uint32_t" => DataType::U32,
        "int" | "signed int" | "int32" | "int32_t" => DataType::I32,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
            DataType::U64
        }
        "longlong" | "long long" | "long long int" | "signed long long" | "int64" | "int64_t" => {
            DataType::I64
        }
        "float" => DataType::F32,
        "double" => DataType::F64,
        _ => return None,
    })
}

/// `(1,0,0) none (0,0,2)`: vectors of three finite numbers, or none.
fn vectors(text: &str) -> Option<Vec<Option<Vec<f64>>>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("none") {
            out.push(None);
            rest = after.trim_start();
            continue;
        }
        let (inside, after) = rest.strip_prefix('(')?.split_once(')')?;
        out.push(Some(
            vectors_one(&format!("({inside})")).filter(|v| v.len() == 3)?,
        ));
        rest = after.trim_start();
    }
    Some(out)
}

fn vectors_one(text: &str) -> Option<Vec<f64>> {
    let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Option<Vec<f64>> = inside.split(',').map(|v| v.trim().parse().ok()).collect();
    numbers.filter(|v| v.iter().all(|x: &f64| x.is_finite()))
}
