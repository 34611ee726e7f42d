//! MetaImage: `.mha`, and `.mhd` with its data file.
//!
//! Format as MetaIO documents it (Kitware, "MetaIO", section "Reference: Tags of MetaImage"): a text header of `key = value`
//! lines that ends at `ElementDataFile`, then voxels, raw or as one zlib stream. Space is LPS+, as ITK has it: row `i` of
//! `TransformMatrix` is the direction of axis `i`, and `Offset` the position of the first voxel.

use std::collections::HashMap;
use std::path::Path;

use crate::grid_file::{Block, Packing, Placed, bad_field, read_head};
use crate::nifti::{ByteOrder, DataType};
use crate::{Error, OpenOptions, Result, SourceKind, Volume};

/// True if the first bytes of a file begin a MetaImage header.
pub(crate) fn looks_like_metaimage(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&start[..start.len().min(512)]);
    let key = text.split('=').next().unwrap_or_default().trim();
    ["ObjectType", "NDims", "Comment", "ObjectSubType"].contains(&key) && text.contains("NDims")
}

/// Reads a MetaImage of two to four axes; channels of an element become frames.
///
/// # Shapes
/// - output: `[frame][z][y][x]`
///
/// # Errors
/// A header that contradicts itself, a type or storage that is not read, and data that end early.
pub fn read_metaimage(path: &Path, options: &OpenOptions) -> Result<Volume> {
    let head = read_head(path)?;
    let mut fields: HashMap<String, String> = HashMap::new();
    let mut offset = 0_usize;
    for line in head.split_inclusive(|b| *b == b'\n') {
        offset += line.len();
        let line = String::from_utf8_lossy(line);
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim().to_owned();
        let last = key == "ElementDataFile";
        fields.insert(key, value.trim().to_owned());
        if last {
            break;
        }
    }
    let get = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| fields.get(*n))
            .map(String::as_str)
    };
    let bad = |field: &str, expected: &str, found: &str| bad_field(path, field, expected, found);
    let file = get(&["ElementDataFile"])
        .ok_or_else(|| bad("ElementDataFile", "a line of the header", "none"))?;
    let truth = |names: &[&str]| get(names).is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let n_dims: usize = get(&["NDims"])
        .and_then(|v| v.parse().ok())
        .filter(|n| (2..=4).contains(n))
        .ok_or_else(|| bad("NDims", "2 to 4", get(&["NDims"]).unwrap_or("none")))?;
    let sizes: Vec<usize> = words(get(&["DimSize"]).unwrap_or_default())
        .filter(|v: &Vec<usize>| v.len() == n_dims)
        .ok_or_else(|| {
            bad(
                "DimSize",
                "one size an axis",
                get(&["DimSize"]).unwrap_or("none"),
            )
        })?;
    let numbers = |names: &[&str], n: usize| -> Result<Option<Vec<f64>>> {
        let Some(text) = get(names) else {
            return Ok(None);
        };
        match words(text).filter(|v: &Vec<f64>| v.len() == n && v.iter().all(|x| x.is_finite())) {
            Some(values) => Ok(Some(values)),
            None => Err(bad(names[0], &format!("{n} finite numbers"), text)),
        }
    };
    let spacing = numbers(&["ElementSpacing", "ElementSize"], n_dims)?;
    let origin = numbers(&["Offset", "Origin", "Position"], n_dims)?;
    let matrix = numbers(
        &["TransformMatrix", "Rotation", "Orientation"],
        n_dims * n_dims,
    )?;
    let channels: usize = match get(&["ElementNumberOfChannels"]) {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=1 << 16).contains(n))
            .ok_or_else(|| bad("ElementNumberOfChannels", "a small whole number", text))?,
    };
    let kind = get(&["ElementType"]).unwrap_or("none");
    let data_type = match kind {
        "MET_UCHAR" => DataType::U8,
        "MET_CHAR" => DataType::I8,
        "MET_USHORT" => DataType::U16,
        "MET_SHORT" => DataType::I16,
        "MET_UINT" => DataType::U32,
        "MET_INT" => DataType::I32,
        "MET_ULONG_LONG" => DataType::U64,
        "MET_LONG_LONG" => DataType::I64,
        "MET_FLOAT" => DataType::F32,
        "MET_DOUBLE" => DataType::F64,
        other => {
            return Err(Error::Unsupported {
                path: path.into(),
                what: "element type",
                expected: "MET_UCHAR to MET_DOUBLE of one channel or several".into(),
                found: other.into(),
                hint: "convert it first".into(),
            });
        }
    };
    let big = truth(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]);
    let local = file.eq_ignore_ascii_case("local");
    if !local && (file == "LIST" || file.contains('%') || file.contains(['/', '\\'])) {
        return Err(Error::Unsupported {
            path: path.into(),
            what: "element data file",
            expected: "LOCAL, or one file beside the header".into(),
            found: file.into(),
            hint: "join the slices into one file".into(),
        });
    }
    let data_path = match local {
        true => path.to_path_buf(),
        false => path.with_file_name(file),
    };
    // Spacing alone is no position, but a position without a matrix means axes along L, P, S.
    let directions: Vec<Vec<f64>> = (0..n_dims)
        .map(|axis| {
            let step = spacing.as_ref().map_or(1.0, |s| s[axis]);
            let unit = |c: usize| f64::from(u8::from(c == axis));
            let row = |c: usize| matrix.as_ref().map_or(unit(c), |m| m[axis * n_dims + c]);
            (0..n_dims).map(|c| row(c) * step).collect()
        })
        .collect();
    Placed {
        path,
        sizes,
        channels,
        directions,
        origin,
        lps: true,
        has_spacing: spacing.is_some(),
        has_direction: matrix.is_some(),
        source: SourceKind::MetaImage,
        block: Block {
            path: data_path,
            offset: if local { offset as u64 } else { 0 },
            packing: match truth(&["CompressedData"]) {
                true => Packing::Zlib,
                false => Packing::Raw,
            },
            data_type,
            order: if big {
                ByteOrder::Big
            } else {
                ByteOrder::Little
            },
        },
    }
    .read(options)
}

fn words<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split_whitespace().map(|w| w.parse().ok()).collect()
}
