//! A made-up result over a synthetic image: a head with a bright disc.

use std::collections::BTreeMap;

use omnimri_findings::*;
use omnimri_image::*;
use omnimri_report::result::*;
use omnimri_report::{ReconPictures, ResultDoc};

/// An ellipsoid "head" with folds, a bright "lesion", and labels.
pub fn head(size: Zyx<usize>, trusted: bool) -> (Volume, LabelMap) {
    let trust = |why: &str| match trusted {
        true => Trust::Trusted,
        false => Trust::Untrusted(why.to_owned()),
    };
    let spacing = Zyx::new(6.5, 180.0 / size.y as f64, 180.0 / size.x as f64);
    let affine = Affine::from_spacing(if trusted {
        spacing
    } else {
        Zyx::new(1.0, 1.0, 1.0)
    });
    let geometry = Geometry {
        size,
        affine,
        orientation: trust("no orientation"),
        spacing: trust("no spacing"),
    };
    let (mut voxels, mut labels) = (Vec::new(), Vec::new());
    for z in 0..size.z {
        let w = if size.z == 1 {
            0.0
        } else {
            1.6 * (z as f64 + 0.5) / size.z as f64 - 0.8
        };
        for y in 0..size.y {
            for x in 0..size.x {
                let u = 2.0 * (x as f64 + 0.5) / size.x as f64 - 1.0;
                let v = 2.0 * (y as f64 + 0.5) / size.y as f64 - 1.0;
                let r = (u * u / 0.6 + v * v / 0.8 + w * w).sqrt();
                let folds = (14.0 * u + 3.0 * (9.0 * v).sin()).sin() * (12.0 * v).cos();
                let skull = (r - 0.93).abs() < 0.035;
                let mut value = if r < 0.88 { 90.0 + 18.0 * folds } else { 3.0 };
                if skull {
                    value = 190.0;
                }
                let ventricle = (u.abs() - 0.12).powi(2) / 0.008 + (v + 0.02).powi(2) / 0.06;
                if ventricle < 1.0 && r < 0.6 {
                    value = 30.0;
                }
                let lesion = (u + 0.38).powi(2) + (v - 0.22).powi(2) + 0.3 * w * w;
                let inside = lesion < 0.022 + 0.004 * (5.0 * v.atan2(u)).sin();
                if inside {
                    value = 205.0 + 12.0 * folds;
                }
                voxels.push(value as f32);
                labels.push(if inside { Label::Meningioma.value() } else { 0 });
            }
        }
    }
    let volume = Volume {
        voxels,
        n_frames: 1,
        geometry: geometry.clone(),
        acquisition: Acquisition::default(),
        source: SourceKind::Simulated,
        warnings: vec![],
    };
    (volume, LabelMap { labels, geometry })
}

/// A slice with undersampling-like ripples beside a clean one.
pub fn reconstruction(volume: &Volume) -> ReconPictures {
    let size = volume.geometry.size;
    let clean = volume.slice(0, size.z / 2).to_vec();
    let shift = size.x * (size.y / 4);
    let zero_filled = (0..clean.len())
        .map(|k| 0.6 * clean[k] + 0.4 * clean[(k + shift) % clean.len()])
        .collect();
    ReconPictures {
        zero_filled,
        reconstructed: clean,
        n_y: size.y,
        n_x: size.x,
    }
}

/// The result of "reading" it: measured for real, checked for real, with a model text that has two errors.
pub fn result(volume: &Volume, labels: &LabelMap) -> ResultDoc {
    let m = measure(&labels.labels, Label::Meningioma.value(), volume).unwrap();
    let finding = Finding::from_measurement(Label::Meningioma, 0.912, &m);
    let trusted = volume.geometry.orientation.is_trusted();
    let source = if trusted {
        Source::Header
    } else {
        Source::Model
    };
    let evidence = Evidence {
        plane: Some((Plane::Axial, source)),
        sequence: Some((Sequence::T1Post, Source::Model)),
        region: Some((Region::Brain, Source::Model)),
        tumour: vec![
            (TumourClass::Meningioma, 0.912),
            (TumourClass::Glioma, 0.071),
            (TumourClass::Pituitary, 0.0164),
            (TumourClass::None, 0.0006),
        ],
        extent: Some(m.extent()),
        signal: lesion_signal(&labels.labels, m.value, volume, Some(Sequence::T1Post)),
        findings: vec![finding.clone()],
        ..Evidence::default()
    };
    let text = "Technique: An axial contrast-enhanced T1-weighted MR image of the brain. Findings: \
                There is a small hypointense lesion on the image right. Fluid is hypointense. \
                Impression: A meningioma is the most likely of the classes this model knows. The \
                the mass <b>is</b> benign.";
    let report = check(&parse(text), &evidence, 1);
    let size = volume.geometry.size;
    let shape = if size.z == 1 {
        vec![size.x, size.y]
    } else {
        vec![size.x, size.y, size.z]
    };
    let mm = volume.geometry.trusted_spacing_mm();
    let mut warnings = vec![];
    if !trusted {
        warnings.push(
            "No trusted orientation or pixel size in the file: sides are those of the image, and \
             sizes are in pixels."
                .to_owned(),
        );
    }
    let answered = |reason: &str| TaskStatus {
        state: TaskState::Answered,
        reason: reason.to_owned(),
    };
    ResultDoc {
        schema: SCHEMA.to_owned(),
        input: InputInfo {
            path: "scans/made-up <head> & \"shoulders\".png".to_owned(),
            kind: volume.source,
            sha256: "0123456789abcdef".repeat(4),
            shape,
            spacing_mm: mm.map(|mm| vec![mm.x, mm.y, mm.z]),
        },
        model: ModelInfo {
            name: "nano".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: "fedcba9876543210".repeat(4),
        },
        status: BTreeMap::from([
            ("segmentation".to_owned(), answered("one finding outlined")),
            (
                "diagnosis".to_owned(),
                answered("tumour classes of contrast-enhanced T1"),
            ),
            (
                "cardiac".to_owned(),
                TaskStatus {
                    state: TaskState::OutOfScope,
                    reason: "the image shows the brain".to_owned(),
                },
            ),
        ]),
        acquisition: AcquisitionInfo {
            modality: Sourced::unknown(),
            sequence: Sourced::new(Sequence::T1Post.name(), ValueSource::Model),
            plane: Sourced::new(
                "axial",
                if trusted {
                    ValueSource::Header
                } else {
                    ValueSource::Model
                },
            ),
        },
        reconstruction: None,
        anatomy: vec![],
        findings: vec![finding],
        diagnosis: evidence
            .tumour
            .iter()
            .map(|(c, p)| DiagnosisEntry {
                label: c.name().to_owned(),
                probability: *p,
            })
            .collect(),
        report: ReportInfo::from(&report),
        warnings,
        seconds: 1.84,
    }
}
