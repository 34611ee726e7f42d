//! A DICOM series and a structure set, written by hand: Explicit VR Little Endian, the attributes that a reader needs.

use std::path::Path;

use omnimri_image::Zyx;
use sha2::{Digest, Sha256};

use super::{make_parent, write};
use crate::adapter::{Adapter, MaskRule};
use crate::error::Result;

/// Distance between columns, rows and slices, millimetres.
const STEP: [f64; 3] = [1.25, 1.5, 3.0];

/// A data set that grows; elements are put in rising order of their tags.
#[derive(Default)]
struct DataSet(Vec<u8>);

impl DataSet {
    fn put(&mut self, group: u16, element: u16, vr: &[u8; 2], value: &[u8]) {
        let pad = if vr == b"UI" { 0 } else { b' ' };
        let odd = value.len() % 2 == 1;
        let length = value.len() + usize::from(odd);
        self.0.extend(group.to_le_bytes());
        self.0.extend(element.to_le_bytes());
        self.0.extend(vr);
        if matches!(vr, b"OB" | b"OW" | b"SQ") {
            self.0.extend([0, 0]);
            self.0.extend((length as u32).to_le_bytes());
        } else {
            self.0.extend((length as u16).to_le_bytes());
        }
        self.0.extend(value);
        if odd {
            self.0.push(pad);
        }
    }

    fn text(&mut self, group: u16, element: u16, vr: &[u8; 2], value: &str) {
        self.put(group, element, vr, value.as_bytes());
    }

    fn short(&mut self, element: u16, value: u16) {
        self.put(0x0028, element, b"US", &value.to_le_bytes());
    }

    fn sequence(&mut self, group: u16, element: u16, items: &[Self]) {
        let mut bytes = Vec::new();
        for item in items {
            bytes.extend([0xfe, 0xff, 0x00, 0xe0]);
            bytes.extend((item.0.len() as u32).to_le_bytes());
            bytes.extend(&item.0);
        }
        self.put(group, element, b"SQ", &bytes);
    }

    /// The file with its meta information.
    fn file(self, class: &str, instance: &str) -> Vec<u8> {
        let mut meta = Self::default();
        meta.put(0x0002, 0x0001, b"OB", &[0, 1]);
        meta.text(0x0002, 0x0002, b"UI", class);
        meta.text(0x0002, 0x0003, b"UI", instance);
        meta.text(0x0002, 0x0010, b"UI", "1.2.840.10008.1.2.1");
        meta.text(0x0002, 0x0012, b"UI", "1.2.826.0.1.3680043.10.1");
        let mut length = Self::default();
        let n = meta.0.len() as u32;
        length.put(0x0002, 0x0000, b"UL", &n.to_le_bytes());
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        file.extend(length.0);
        file.extend(meta.0);
        file.extend(self.0);
        file
    }
}

/// A number whose UIDs no other name has.
fn number_of(name: &str) -> u32 {
    let digest = Sha256::digest(name);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

fn numbers(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().map(|v| format!("{v:.4}")).collect();
    texts.join("\\")
}

/// One series for every rule of the adapter, in the folder `path`.
pub(super) fn write_series(
    adapter: &Adapter,
    path: &Path,
    name: &str,
    size: Zyx<usize>,
) -> Result<()> {
    let mut written = Vec::new();
    let here: Vec<_> = adapter.series();
    for (k, series) in here.iter().enumerate() {
        let choice = series.dicom.clone().unwrap_or_default();
        let description = choice.description.first().cloned().unwrap_or_default();
        let modality = choice.modality.unwrap_or_else(|| "MR".into());
        // Two rules that one series fits need one series only.
        if written.contains(&(description.clone(), modality.clone())) {
            continue;
        }
        written.push((description.clone(), modality.clone()));
        let uid = format!("1.2.3.{}.{k}", number_of(name));
        let voxels = super::pixels::pattern(&format!("{name}/{k}"), size);
        for (z, slice) in voxels.chunks(size.y * size.x).enumerate() {
            let instance = format!("{uid}.{}", z + 1);
            let mut d = DataSet::default();
            d.text(0x0008, 0x0016, b"UI", "1.2.840.10008.5.1.4.1.1.4");
            d.text(0x0008, 0x0018, b"UI", &instance);
            d.text(0x0008, 0x0060, b"CS", &modality);
            d.text(0x0008, 0x103e, b"LO", &description);
            d.text(0x0018, 0x0050, b"DS", "3.0");
            d.text(0x0018, 0x0080, b"DS", "500.0");
            d.text(0x0018, 0x0081, b"DS", "15.0");
            d.text(0x0020, 0x000d, b"UI", &format!("1.2.3.{}", number_of(name)));
            d.text(0x0020, 0x000e, b"UI", &uid);
            d.text(0x0020, 0x0011, b"IS", &format!("{}", k + 1));
            d.text(0x0020, 0x0013, b"IS", &format!("{}", z + 1));
            let position = numbers(&[0.0, 0.0, STEP[2] * z as f64]);
            d.text(0x0020, 0x0032, b"DS", &position);
            d.text(0x0020, 0x0037, b"DS", "1\\0\\0\\0\\1\\0");
            d.short(0x0002, 1);
            d.text(0x0028, 0x0004, b"CS", "MONOCHROME2");
            d.short(0x0010, size.y as u16);
            d.short(0x0011, size.x as u16);
            d.text(0x0028, 0x0030, b"DS", &numbers(&[STEP[1], STEP[0]]));
            d.short(0x0100, 16);
            d.short(0x0101, 12);
            d.short(0x0102, 11);
            d.short(0x0103, 0);
            let samples: Vec<u8> = slice
                .iter()
                .flat_map(|v| (v.clamp(0.0, 4095.0) as u16).to_le_bytes())
                .collect();
            d.put(0x7fe0, 0x0010, b"OW", &samples);
            let file = path.join(format!("series{k}_{z:03}.dcm"));
            write(&file, &d.file("1.2.840.10008.5.1.4.1.1.4", &instance))?;
        }
    }
    Ok(())
}

/// A structure set with a rectangle for every name of a rule, on one slice each side by side.
pub(super) fn write_structures(path: &Path, size: Zyx<usize>, rule: &MaskRule) -> Result<()> {
    let names: Vec<&String> = rule.names.keys().collect();
    let width = (size.x - 4) as f64 / names.len().max(1) as f64;
    let (mut rois, mut contours) = (Vec::new(), Vec::new());
    for (k, name) in names.iter().enumerate() {
        let number = format!("{}", k + 1);
        let mut roi = DataSet::default();
        roi.text(0x3006, 0x0022, b"IS", &number);
        roi.text(0x3006, 0x0026, b"LO", name);
        rois.push(roi);
        let (x0, x1) = (2.0 + k as f64 * width, 2.0 + (k + 1) as f64 * width);
        let z = STEP[2] * (size.z / 2) as f64;
        let corner = |x: f64, y: f64| [STEP[0] * x - 0.01, STEP[1] * y, z];
        let points = [
            corner(x0, 3.5),
            corner(x1, 3.5),
            corner(x1, 9.5),
            corner(x0, 9.5),
        ];
        let mut contour = DataSet::default();
        contour.text(0x3006, 0x0042, b"CS", "CLOSED_PLANAR");
        contour.text(0x3006, 0x0046, b"IS", "4");
        contour.text(0x3006, 0x0050, b"DS", &numbers(points.as_flattened()));
        let mut item = DataSet::default();
        item.sequence(0x3006, 0x0040, &[contour]);
        item.text(0x3006, 0x0084, b"IS", &number);
        contours.push(item);
    }
    let instance = format!("1.2.3.{}.99", number_of(&path.to_string_lossy()));
    let class = "1.2.840.10008.5.1.4.1.1.481.3";
    let mut d = DataSet::default();
    d.text(0x0008, 0x0016, b"UI", class);
    d.text(0x0008, 0x0018, b"UI", &instance);
    d.text(0x0008, 0x0060, b"CS", "RTSTRUCT");
    d.sequence(0x3006, 0x0020, &rois);
    d.sequence(0x3006, 0x0039, &contours);
    let file = match path.extension() {
        Some(_) => path.to_path_buf(),
        None => path.join("structures.dcm"),
    };
    make_parent(&file)?;
    write(&file, &d.file(class, &instance))
}
