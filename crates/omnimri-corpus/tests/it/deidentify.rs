//! De-identification of made-up and of real DICOM files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{InMemDicomObject, open_file};
use omnimri_corpus::harmonise::deidentify::{
    Dates, DeidentifyOptions, DeidentifyReport, Key, deidentify_tree,
};
use omnimri_image::{OpenOptions, read_dicom};

fn key() -> Key {
    Key::from_secret(b"a secret of the tests").unwrap()
}

/// Everything that must not be found again.
const SECRETS: [&str; 14] = [
    "Hopper",
    "Grace",
    "MRN-99217",
    "19061209",
    "20240229",
    "112233",
    "1.2.826.0.1.99.1",
    "1.2.826.0.1.99.2",
    "1.2.826.0.1.99.3",
    "St Elsewhere",
    "SCANNER-7",
    "ACC-5521",
    "Turing",
    "private words",
];

fn text(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// An image with identifying values in plain, nested, private and misused places.
fn object(instance: u32) -> InMemDicomObject {
    let mut referenced = InMemDicomObject::new_empty();
    referenced.put(text(
        tags::REFERENCED_SOP_CLASS_UID,
        VR::UI,
        uids::MR_IMAGE_STORAGE,
    ));
    referenced.put(text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        "1.2.826.0.1.99.3.1",
    ));
    referenced.put(text(Tag(0x0011, 0x0010), VR::LO, "private words"));
    let mut request = InMemDicomObject::new_empty();
    request.put(text(tags::PATIENT_NAME, VR::PN, "Hopper^Grace"));
    let mut all = vec![
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"),
        text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY"),
        text(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE),
        text(
            tags::SOP_INSTANCE_UID,
            VR::UI,
            &format!("1.2.826.0.1.99.3.{instance}"),
        ),
        text(tags::STUDY_DATE, VR::DA, "20240229"),
        text(tags::STUDY_TIME, VR::TM, "112233"),
        text(tags::ACQUISITION_DATE_TIME, VR::DT, "20240229112233.5"),
        text(tags::ACCESSION_NUMBER, VR::SH, "ACC-5521"),
        text(tags::MODALITY, VR::CS, "MR"),
        text(tags::INSTITUTION_NAME, VR::LO, "St Elsewhere"),
        text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "Turing^Alan"),
        text(tags::STATION_NAME, VR::SH, "SCANNER-7"),
        text(tags::SERIES_DESCRIPTION, VR::LO, "AX T1 post Hopper"),
        text(tags::PATIENT_NAME, VR::PN, "Hopper^Grace"),
        text(tags::PATIENT_ID, VR::LO, "MRN-99217"),
        text(tags::PATIENT_BIRTH_DATE, VR::DA, "19061209"),
        text(tags::PATIENT_SEX, VR::CS, "F"),
        text(tags::PATIENT_AGE, VR::AS, "085Y"),
        text(tags::BODY_PART_EXAMINED, VR::CS, "BRAIN"),
        text(tags::ECHO_TIME, VR::DS, "15"),
        // Kept by the profile, and misused here.
        text(tags::SOFTWARE_VERSIONS, VR::LO, "5.1 of Hopper"),
        text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.826.0.1.99.1"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.826.0.1.99.2"),
        text(tags::INSTANCE_NUMBER, VR::IS, &instance.to_string()),
        text(Tag(0x0009, 0x0010), VR::LO, "private words"),
        text(Tag(0x0009, 0x1001), VR::LO, "MRN-99217"),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        DataElement::new(tags::SAMPLES_PER_PIXEL, VR::US, PrimitiveValue::from(1u16)),
        DataElement::new(tags::ROWS, VR::US, PrimitiveValue::from(5u16)),
        DataElement::new(tags::COLUMNS, VR::US, PrimitiveValue::from(7u16)),
        DataElement::new(tags::BITS_ALLOCATED, VR::US, PrimitiveValue::from(16u16)),
        DataElement::new(tags::BITS_STORED, VR::US, PrimitiveValue::from(12u16)),
        DataElement::new(tags::HIGH_BIT, VR::US, PrimitiveValue::from(11u16)),
        DataElement::new(
            tags::PIXEL_REPRESENTATION,
            VR::US,
            PrimitiveValue::from(0u16),
        ),
        DataElement::new(Tag(0x6000, 0x0010), VR::US, PrimitiveValue::from(5u16)),
        DataElement::new(
            Tag(0x6000, 0x3000),
            VR::OW,
            PrimitiveValue::U16(vec![7; 4].into()),
        ),
        text(Tag(0x6000, 0x4000), VR::LT, "overlay of Hopper"),
    ];
    let samples: Vec<u16> = (0..35)
        .map(|k| (k * 37 + instance * 11) as u16 % 4096)
        .collect();
    all.push(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(samples.into()),
    ));
    let sequence = |tag, item| DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![item]));
    all.push(sequence(tags::REFERENCED_IMAGE_SEQUENCE, referenced));
    all.push(sequence(tags::REQUEST_ATTRIBUTES_SEQUENCE, request));
    InMemDicomObject::from_element_iter(all)
}

fn write(object: InMemDicomObject, path: &Path) {
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// De-identifies two made-up images and a report.
fn run(options: &DeidentifyOptions) -> (tempfile::TempDir, DeidentifyReport) {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in/Hopper Grace");
    std::fs::create_dir_all(&input).unwrap();
    for instance in [1, 2] {
        write(object(instance), &input.join(format!("{instance}.dcm")));
    }
    let mut report = object(3);
    report.remove_element(tags::PIXEL_DATA);
    write(report, &input.join("report.dcm"));
    std::fs::write(input.join("notes.txt"), "Hopper").unwrap();
    let out = dir.path().join("out");
    let report = deidentify_tree(&dir.path().join("in"), &out, &key(), options).unwrap();
    (dir, report)
}

#[test]
fn nothing_identifying_is_left_in_any_byte_or_name() {
    for (dates, characteristics) in [(Dates::Remove, false), (Dates::Shift, true)] {
        let options = DeidentifyOptions {
            dates,
            patient_characteristics: characteristics,
            descriptors: true,
        };
        let (dir, report) = run(&options);
        assert_eq!(
            (report.n_written, report.n_subjects, report.left_out.len()),
            (2, 1, 2),
            "{report}"
        );
        assert!(
            !report.is_clear(),
            "what was left out is for a person to look at"
        );
        let out = dir.path().join("out");
        let written = files(&out);
        assert_eq!(written.len(), 2);
        for path in &written {
            let bytes = std::fs::read(path).unwrap();
            let name = path.strip_prefix(&out).unwrap().display().to_string();
            for secret in SECRETS {
                // Times of day stay where dates are moved.
                let kept = dates == Dates::Shift && secret == "112233";
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(kept || !found, "{secret} in {name}");
                assert!(!name.contains(secret));
            }
        }
        let object = open_file(&written[0]).unwrap();
        let said = |tag| {
            object
                .get(tag)
                .map(|e| e.to_str().unwrap().trim().to_owned())
        };
        assert_eq!(said(tags::PATIENT_IDENTITY_REMOVED).unwrap(), "YES");
        let codes = object
            .get(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
            .unwrap();
        let codes: Vec<_> = codes
            .items()
            .unwrap()
            .iter()
            .map(|i| {
                i.get(tags::CODE_VALUE)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .into_owned()
            })
            .collect();
        let expected: &[&str] = match dates {
            Dates::Remove => &["113100", "113105"],
            Dates::Shift => &["113100", "113105", "113107", "113108"],
        };
        assert_eq!(codes, expected);
        assert_eq!(said(tags::SERIES_DESCRIPTION).unwrap(), "ax t1 post");
        assert_eq!(said(tags::SOFTWARE_VERSIONS).unwrap(), "");
        assert_eq!(report.residues.len(), 1, "{:?}", report.residues);
        assert_eq!(
            said(tags::PATIENT_AGE).as_deref(),
            characteristics.then_some("085Y")
        );
        assert_eq!(said(tags::BODY_PART_EXAMINED).unwrap(), "BRAIN");
        let date = said(tags::STUDY_DATE).unwrap();
        match dates {
            Dates::Remove => assert_eq!(date, ""),
            Dates::Shift => assert!(date.len() == 8 && date.as_str() < "20240229", "{date}"),
        }
        // The file meta information is in step, and a reference points to the mapped instance.
        let sop = said(tags::SOP_INSTANCE_UID).unwrap();
        assert_eq!(
            object
                .meta()
                .media_storage_sop_instance_uid()
                .trim_end_matches('\0'),
            sop
        );
        let item = &object
            .get(tags::REFERENCED_IMAGE_SEQUENCE)
            .unwrap()
            .items()
            .unwrap()[0];
        let referenced = item
            .get(tags::REFERENCED_SOP_INSTANCE_UID)
            .unwrap()
            .to_str()
            .unwrap();
        assert_eq!(referenced, key().uid("1.2.826.0.1.99.3.1"));
        let all: BTreeSet<String> = written
            .iter()
            .map(|p| {
                open_file(p)
                    .unwrap()
                    .get(tags::SOP_INSTANCE_UID)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .into_owned()
            })
            .collect();
        assert!(all.contains(referenced.as_ref()) && all.len() == 2);
        for tag in [
            Tag(0x6000, 0x3000),
            Tag(0x0009, 0x0010),
            Tag(0x0011, 0x0010),
        ] {
            assert!(
                object.get(tag).is_none() && item.get(tag).is_none(),
                "{tag}"
            );
        }
    }
}

#[test]
fn pixels_stay_and_a_second_run_gives_the_same_files() {
    let options = DeidentifyOptions::default();
    let (one, report) = run(&options);
    assert_eq!(report.series.len(), 1);
    assert!(!report.series[0].burnt_in.suspected);
    let (two, _) = run(&options);
    let (a, b) = (
        files(&one.path().join("out")),
        files(&two.path().join("out")),
    );
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.file_name(), b.file_name());
        assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
        let new = open_file(a).unwrap();
        let number: u32 = new.get(tags::INSTANCE_NUMBER).unwrap().to_int().unwrap();
        let pixels = |o: &InMemDicomObject| {
            o.get(tags::PIXEL_DATA)
                .unwrap()
                .to_bytes()
                .unwrap()
                .into_owned()
        };
        assert_eq!(pixels(&new), pixels(&object(number)));
    }
    let other = Key::from_secret(b"another secret of the tests").unwrap();
    assert_ne!(other.uid("1.2.3"), key().uid("1.2.3"));
}

#[test]
fn a_real_study_keeps_its_pixels_and_loses_its_names() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let input = root.join("glioma_progression/dicom");
    if !input.is_dir() {
        eprintln!(
            "skipped: a_real_study_keeps_its_pixels_and_loses_its_names: ../shared/data is not there"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let report =
        deidentify_tree(&input, dir.path(), &key(), &DeidentifyOptions::default()).unwrap();
    assert!(
        report.left_out.is_empty() && report.unseen.is_empty(),
        "{report}"
    );
    assert_eq!(
        (report.n_written, report.n_subjects, report.series.len()),
        (88, 1, 4)
    );
    // Every UID, name, date and identifier of the originals.
    let mut secrets = BTreeSet::new();
    for path in files(&input) {
        for element in open_file(&path).unwrap().into_inner() {
            let named = matches!(element.vr(), VR::UI | VR::PN | VR::DA | VR::DT);
            let tag = element.header().tag;
            if named || [tags::PATIENT_ID, tags::ACCESSION_NUMBER].contains(&tag) {
                let text = element.to_str().unwrap();
                let parts = text
                    .split(['\\', '^'])
                    .map(|v| v.trim_matches(['\0', ' ']).to_owned());
                secrets.extend(parts.filter(|v| v.len() >= 4 && !v.starts_with("1.2.840.10008.")));
            }
        }
    }
    assert!(secrets.len() > 90, "{}", secrets.len());
    let written = files(dir.path());
    for path in &written {
        // Header only: twelve digits in a row of random samples would not be a name.
        let mut object = open_file(path).unwrap();
        object.remove_element(tags::PIXEL_DATA);
        let mut bytes = Vec::new();
        object.write_all(&mut bytes).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
    let voxels = |path: &Path| {
        let volumes = read_dicom(path, &OpenOptions::default()).unwrap();
        let mut all: Vec<_> = volumes
            .into_iter()
            .map(|v| (v.acquisition.series_number, v.voxels))
            .collect();
        all.sort_by_key(|(number, _)| *number);
        all
    };
    assert!(voxels(&input) == voxels(dir.path()), "the voxels changed");
}
