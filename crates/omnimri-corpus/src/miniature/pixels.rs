//! Made-up images and masks, each in the form that its name and the adapter ask for.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use image::{GrayImage, ImageFormat};
use omnimri_image::raw::hdf5_write::{Hdf5Writer, Kind, MrdAcquisition, floats, ismrmrd, mrd_xml};
use omnimri_image::{
    Acquisition, Affine, Geometry, LabelMap, SourceKind, Trust, Volume, Zyx, write_beside,
    write_label_map, write_nifti, write_npy_f32,
};
use sha2::{Digest, Sha256};

use super::{DEEP, FLAT, dicom, make_parent, write};
use crate::adapter::{Adapter, AdapterKind, ArrayForm, MaskForm, MaskRule, Series};
use crate::error::{Error, Result};

/// Coils of made-up raw data.
const COILS: usize = 2;

/// True for names of volume files.
fn is_volume(path: &str) -> bool {
    [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Size of an image of this adapter and name.
fn size_of(adapter: &Adapter, path: &str) -> Zyx<usize> {
    let deep = match adapter.kind {
        AdapterKind::DicomTree | AdapterKind::Fastmri => true,
        AdapterKind::Ismrmrd => false,
        AdapterKind::Array if !path.ends_with(".png") => adapter
            .array
            .as_ref()
            .is_some_and(|f| f.axes.iter().any(|a| a == "z")),
        _ => is_volume(path),
    };
    if deep { DEEP } else { FLAT }
}

/// A smooth pattern that differs from name to name.
pub(super) fn pattern(name: &str, size: Zyx<usize>) -> Vec<f32> {
    let digest = Sha256::digest(name);
    let wave = |k: usize| f32::from(digest[k]) / 255.0;
    (0..size.count())
        .map(|n| {
            let (x, y, z) = (n % size.x, n / size.x % size.y, n / (size.x * size.y));
            let (x, y, z) = (x as f32, y as f32, z as f32);
            let mut v = 120.0;
            for k in 0..4 {
                let along = x * (0.1 + 0.5 * wave(k)) + y * (0.1 + 0.5 * wave(k + 8)) + z * 0.2;
                v += 28.0 * (along + 6.3 * wave(k + 16)).sin();
            }
            v
        })
        .collect()
}

/// Writes the image of a series; for DICOM a folder with one series.
pub(super) fn write_image(
    adapter: &Adapter,
    series: &Series,
    path: &Path,
    name: &str,
) -> Result<()> {
    let size = size_of(adapter, name);
    let voxels = pattern(name, size);
    make_parent(path)?;
    match adapter.kind {
        AdapterKind::DicomTree => dicom::write_series(adapter, path, name, size),
        AdapterKind::Fastmri => write(
            path,
            &fastmri(adapter, &voxels, &spectrum(name, size), size),
        ),
        AdapterKind::Ismrmrd => write(path, &mrd(&spectrum(name, size), size)),
        AdapterKind::Array if !is_volume(name) && !name.ends_with(".png") => {
            write_arrays(adapter, series, path, &voxels, size)
        }
        _ if is_volume(name) => write_volume(path, name, frames(adapter, &voxels)),
        _ => write_grey(
            path,
            voxels.iter().map(|v| v.clamp(0.0, 255.0) as u8).collect(),
        ),
    }
}

/// As many frames as some series asks for, each a little brighter and turned, so that none is another's duplicate.
fn frames(adapter: &Adapter, voxels: &[f32]) -> (Vec<f32>, usize) {
    let n = adapter
        .series
        .iter()
        .filter_map(|s| s.frame)
        .max()
        .unwrap_or(0)
        + 1;
    let all = (0..n).flat_map(|k| voxels.iter().map(move |v| v + 3.0 * k as f32));
    (all.collect(), n)
}

fn write_volume(path: &Path, name: &str, (voxels, n_frames): (Vec<f32>, usize)) -> Result<()> {
    if !name.ends_with(".nii") && !name.ends_with(".nii.gz") {
        return write_text_volume(path, name, &voxels, "float");
    }
    let volume = Volume {
        voxels,
        n_frames,
        geometry: geometry(),
        acquisition: Acquisition::default(),
        source: SourceKind::Simulated,
        warnings: Vec::new(),
    };
    write_nifti(path, &volume).map_err(Error::Write)
}

/// MetaImage or NRRD with the geometry of the other volumes; `kind` is `float` or `uchar`.
fn write_text_volume(path: &Path, name: &str, voxels: &[f32], kind: &str) -> Result<()> {
    let g = geometry();
    let (s, mm) = (g.size, g.affine.spacing_mm());
    let bytes: Vec<u8> = match kind {
        "uchar" => voxels.iter().map(|v| *v as u8).collect(),
        _ => voxels.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    let data = path.with_extension("raw");
    let file = data
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if name.ends_with(".nrrd") {
        let head = format!(
            "NRRD0004\ntype: {kind}\ndimension: 3\nspace: left-posterior-superior\nsizes: {} {} {}\n\
             space directions: ({},0,0) (0,{},0) (0,0,{})\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n\n",
            s.x, s.y, s.z, mm.x, mm.y, mm.z
        );
        return write(path, &[head.as_bytes(), &bytes].concat());
    }
    let local = name.ends_with(".mha");
    let head = format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n\
         TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = {} {} {}\nDimSize = {} {} {}\n\
         ElementType = MET_{}\nElementDataFile = {}\n",
        mm.x,
        mm.y,
        mm.z,
        s.x,
        s.y,
        s.z,
        kind.to_uppercase(),
        if local { "LOCAL" } else { &file }
    );
    if local {
        return write(path, &[head.as_bytes(), &bytes].concat());
    }
    write(&data, &bytes)?;
    write(path, head.as_bytes())
}

fn geometry() -> Geometry {
    Geometry {
        size: DEEP,
        affine: Affine::from_spacing(Zyx::new(3.0, 1.5, 1.25)),
        orientation: Trust::Trusted,
        spacing: Trust::Trusted,
    }
}

/// Samples of k-space, none of them zero, whose image is a smooth texture that differs from name to name.
fn spectrum(name: &str, size: Zyx<usize>) -> Vec<f32> {
    let mut state = Sha256::digest(name)
        .iter()
        .fold(1u64, |s, b| s.wrapping_mul(257).wrapping_add(u64::from(*b)));
    (0..size.count())
        .map(|n| {
            // Knuth's linear congruential generator; its upper bits are random enough for a picture.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let random = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            let from_centre = |k: usize, n: usize| (k as f32 - (n / 2) as f32) / n as f32;
            let (y, x) = (
                from_centre(n / size.x % size.y, size.y),
                from_centre(n % size.x, size.x),
            );
            let fall = 1.0 / (1.0 + 60.0 * (y * y + x * x));
            400.0 * fall * if random == 0.0 { 0.1 } else { random }
        })
        .collect()
}

/// Fully sampled k-space of two coils, and the reconstruction `voxels` where the entry names one.
fn fastmri(adapter: &Adapter, voxels: &[f32], samples: &[f32], size: Zyx<usize>) -> Vec<u8> {
    let mut file = Hdf5Writer::new();
    let area = size.y * size.x;
    let samples = samples.chunks(area).flat_map(|slice| {
        // Two coils, the second at half the sensitivity.
        (0..COILS).flat_map(move |c| {
            let share = 1.0 / (c + 1) as f32;
            slice
                .iter()
                .flat_map(move |v| [v * share, v * share * 0.25])
        })
    });
    let kspace = file.dataset(
        &Kind::complex(["r", "i"], 4),
        &[size.z, COILS, size.y, size.x],
        &floats(samples),
    );
    let xml = mrd_xml(
        [size.y, size.x, 1],
        [size.y, size.x, 1],
        size.x / 2,
        "cartesian",
    );
    let header = file.text(&xml);
    let mut members = vec![("ismrmrd_header", header), ("kspace", kspace)];
    let own = adapter.raw.as_ref().and_then(|r| r.reconstructions.first());
    if let Some(name) = own {
        let at = file.dataset(
            &Kind::float(4),
            &[size.z, size.y, size.x],
            &floats(voxels.iter().copied()),
        );
        members.push((name, at));
    }
    members.sort();
    let root = file.group(&members);
    file.finish(root, 0)
}

/// One 2D slice as ISMRMRD acquisitions.
fn mrd(samples: &[f32], size: Zyx<usize>) -> Vec<u8> {
    let lines: Vec<MrdAcquisition> = samples
        .chunks(size.x)
        .take(size.y)
        .enumerate()
        .map(|(y, line)| {
            let coil = |share: f32| line.iter().map(move |v| [v * share, v * share * 0.25]);
            let samples = coil(1.0).chain(coil(0.5)).collect();
            MrdAcquisition::new(samples, COILS, y as u16)
        })
        .collect();
    let matrix = [size.x, size.y, 1];
    ismrmrd(&mrd_xml(matrix, matrix, size.y / 2, "cartesian"), &lines)
}

/// Axes sizes of an array, in the order of the settings.
fn shape(form: &ArrayForm, size: Zyx<usize>, n_frames: usize) -> Vec<usize> {
    form.axes
        .iter()
        .map(|axis| match axis.as_str() {
            "z" => size.z,
            "y" => size.y,
            "x" => size.x,
            "frame" => n_frames,
            other => form.at.get(other).copied().unwrap_or(0) + 1,
        })
        .collect()
}

/// Values in C order of `shape`, from `[frame][z][y][x]`.
fn arranged(form: &ArrayForm, voxels: &[f32], size: Zyx<usize>, shape: &[usize]) -> Vec<f32> {
    let mut index = vec![0usize; shape.len()];
    let count: usize = shape.iter().product();
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let at = |name: &str| {
            let axis = form.axes.iter().position(|a| a == name);
            axis.map_or(0, |a| index[a])
        };
        let offset = at("frame") * size.count() + size.offset(at("x"), at("y"), at("z"));
        out.push(voxels.get(offset).copied().unwrap_or_default());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// An array file: the image, and the masks whose rules have no file of their own.
fn write_arrays(
    adapter: &Adapter,
    series: &Series,
    path: &Path,
    voxels: &[f32],
    size: Zyx<usize>,
) -> Result<()> {
    let form = adapter.array.clone().unwrap_or_default();
    let (voxels, n_frames) = frames(adapter, voxels);
    let shape = shape(&form, size, n_frames);
    let name = series.array.clone().or_else(|| form.array.clone());
    let mut arrays = vec![(
        name.unwrap_or_else(|| "image".into()),
        arranged(&form, &voxels, size, &shape),
    )];
    // Further series that name another array of the same file.
    for other in adapter.series.iter().filter(|s| s.image == series.image) {
        if let Some(name) = other.array.as_ref().filter(|n| **n != arrays[0].0) {
            let shifted: Vec<f32> = voxels.iter().rev().copied().collect();
            arrays.push((name.clone(), arranged(&form, &shifted, size, &shape)));
        }
    }
    let rules: Vec<&MaskRule> = adapter.mask_rules().collect();
    for (k, rule) in rules.iter().enumerate() {
        if let (None, Some(name)) = (&rule.file, &rule.array) {
            let values = mask_values(rule, size, 1, [k, rules.len()]);
            arrays.push((name.clone(), arranged(&form, &values, size, &shape)));
        }
    }
    put_arrays(path, &shape, &arrays)
}

fn put_arrays(path: &Path, shape: &[usize], arrays: &[(String, Vec<f32>)]) -> Result<()> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    if ending == "npy" {
        return write_npy_f32(path, &arrays[0].1, shape).map_err(Error::Write);
    }
    // MATLAB's own order is the reverse of the file's.
    let matlab = ending == "mat";
    let stored: Vec<usize> = match matlab {
        true => shape.iter().rev().copied().collect(),
        false => shape.to_vec(),
    };
    let mut file = Hdf5Writer::new();
    let mut members = Vec::new();
    let mut groups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, values) in arrays {
        let values = if matlab {
            reversed(values, shape)
        } else {
            values.clone()
        };
        let at = file.dataset(&Kind::float(4), &stored, &floats(values));
        match name.split_once('/') {
            Some((group, name)) => groups.entry(group).or_default().push((name, at)),
            None => members.push((name.as_str(), at)),
        }
    }
    for (group, mut inner) in groups {
        inner.sort();
        members.push((group, file.group(&inner)));
    }
    members.sort();
    let root = file.group(&members);
    write(path, &file.finish(root, if matlab { 512 } else { 0 }))
}

/// C order of `shape` to C order of the reversed axes.
fn reversed(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let back: Vec<usize> = shape.iter().rev().copied().collect();
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at: usize = index.iter().rev().zip(&strides).map(|(i, s)| i * s).sum();
        out.push(values[at]);
        for axis in (0..back.len()).rev() {
            index[axis] += 1;
            if index[axis] < back[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// A block of every value that the rule knows, in the pixels that are this rule's share.
fn mask_values(rule: &MaskRule, size: Zyx<usize>, binary: u16, [k, of]: [usize; 2]) -> Vec<f32> {
    let values: Vec<u16> = match rule.form {
        MaskForm::Values => rule.values.keys().filter_map(|v| v.parse().ok()).collect(),
        MaskForm::Binary | MaskForm::Named => vec![binary],
    };
    let mut out = vec![0.0; size.count()];
    let all: Vec<usize> = (size.z / 3..=size.z / 2)
        .flat_map(|z| (2..size.y - 2).map(move |y| (z, y)))
        .flat_map(|(z, y)| (2..size.x - 2).map(move |x| size.offset(x, y, z)))
        .collect();
    let of = of.max(1);
    let cells = &all[k * all.len() / of..(k + 1) * all.len() / of];
    // Half of the share stays empty for a single value, so that a mask is never the whole of it.
    let used = if values.len() == 1 {
        cells.len() / 2
    } else {
        cells.len()
    };
    for (n, &cell) in cells.iter().take(used).enumerate() {
        out[cell] = f32::from(values[n * values.len() / used.max(1)]);
    }
    out
}

/// Writes the mask of a rule in the form of its name.
pub(super) fn write_mask(
    adapter: &Adapter,
    rule: &MaskRule,
    path: &Path,
    image: &str,
    share: [usize; 2],
) -> Result<()> {
    let size = size_of(adapter, image);
    let name = path.to_string_lossy().into_owned();
    make_parent(path)?;
    if rule.form == MaskForm::Named {
        return dicom::write_structures(path, size, rule);
    }
    let picture = [".png", ".jpg", ".jpeg"].iter().any(|e| name.ends_with(e));
    let binary = if picture { 255 } else { 1 };
    let values = mask_values(rule, size, binary, share);
    if adapter.kind == AdapterKind::Array && !picture && !is_volume(&name) {
        let form = adapter.array.clone().unwrap_or_default();
        let shape = shape(&form, size, 1);
        let array = rule.array.clone().unwrap_or_else(|| "mask".into());
        let arranged = arranged(&form, &values, size, &shape);
        return put_arrays(path, &shape, &[(array, arranged)]);
    }
    if is_volume(&name) && !name.ends_with(".nii") && !name.ends_with(".nii.gz") {
        return write_text_volume(path, &name, &values, "float");
    }
    if is_volume(&name) && values.iter().any(|v| *v > 255.0) {
        return write_volume(path, &name, (values, 1));
    }
    let labels: Vec<u8> = values.iter().map(|v| *v as u8).collect();
    if is_volume(&name) {
        let map = LabelMap {
            labels,
            geometry: geometry(),
        };
        return write_label_map(path, &map).map_err(Error::Write);
    }
    if path.extension().is_none() {
        // A folder of pictures, one a slice.
        for (z, slice) in labels.chunks(size.y * size.x).enumerate() {
            let file = path.join(format!("{z:03}.png"));
            make_parent(&file)?;
            write_picture(&file, size, slice.to_vec())?;
        }
        return Ok(());
    }
    write_picture(path, size, labels)
}

fn write_grey(path: &Path, pixels: Vec<u8>) -> Result<()> {
    write_picture(path, FLAT, pixels)
}

/// Writes a slice in the format of its name.
fn write_picture(path: &Path, size: Zyx<usize>, pixels: Vec<u8>) -> Result<()> {
    let (width, height) = (size.x as u32, size.y as u32);
    let jpeg = path.extension().is_some_and(|e| e == "jpg" || e == "jpeg");
    let format = if jpeg {
        ImageFormat::Jpeg
    } else {
        ImageFormat::Png
    };
    let mut bytes = Cursor::new(Vec::new());
    let Some(picture) = GrayImage::from_raw(width, height, pixels) else {
        return Ok(());
    };
    picture
        .write_to(&mut bytes, format)
        .map_err(|source| Error::EncodeImage {
            path: path.into(),
            source,
        })?;
    write_beside(path, |file| file.write_all(bytes.get_ref())).map_err(Error::Write)
}
