//! DICOM: what is damaged, missing or lies.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use omnimri_image::{Error, OpenOptions, read_dicom};

use crate::dicom_checks::*;
use crate::dicom_files::*;
use crate::support::folder;

#[test]
fn damaged_files_of_a_folder_are_named_and_the_rest_is_read() {
    let dir = written(&Slice::all(AXIAL));
    let whole = std::fs::read(dir.path().join("00_0.dcm")).unwrap();
    std::fs::write(dir.path().join("cut.dcm"), &whole[..whole.len() - 9]).unwrap();
    std::fs::write(dir.path().join("empty.dcm"), []).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "no image").unwrap();
    let mut report = Slice::new(AXIAL, 0).header();
    text(&mut report, tags::MODALITY, VR::CS, "SR");
    write(
        report,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        &dir.path().join("report.dcm"),
    );
    // The directory of an exported disc, which is no image and needs no word.
    let mut directory = enhanced(AXIAL, &[0]);
    let items = directory
        .take_element(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap();
    directory.put(DataElement::new(
        tags::DIRECTORY_RECORD_SEQUENCE,
        VR::SQ,
        items.into_value(),
    ));
    text(&mut directory, tags::MODALITY, VR::CS, "");
    write(
        directory,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        &dir.path().join("DICOMDIR"),
    );
    // Sound to the header, damaged in the pixels.
    let mut broken = Slice::new(AXIAL, N[2]).header();
    put_fragments(&mut broken, vec![vec![0; 64]]);
    write(broken, uids::RLE_LOSSLESS, &dir.path().join("pixels.dcm"));
    let v = read_one(dir.path());
    assert_places(&v, &AXIAL, stored);
    assert!(!said(&v, "DICOMDIR"), "{:?}", v.warnings);
    assert!(said(&v, "2 images could not be read"), "{:?}", v.warnings);
    assert!(
        said(&v, "cut.dcm") && said(&v, "pixels.dcm"),
        "{:?}",
        v.warnings
    );
    assert!(
        said(&v, "report.dcm: a structured report (SR)"),
        "{:?}",
        v.warnings
    );
    assert!(said(
        &v,
        "2 files that are not DICOM were skipped (empty.dcm; notes.txt)"
    ));
}

#[test]
fn nothing_to_read_is_one_clear_error() {
    let dir = folder();
    assert!(matches!(refuse(dir.path()), Error::EmptyFolder { .. }));
    assert!(matches!(
        refuse(&dir.path().join("none.dcm")),
        Error::NotFound { .. }
    ));
    std::fs::write(dir.path().join("a.txt"), "text").unwrap();
    assert!(matches!(refuse(dir.path()), Error::UnknownFormat { .. }));
    std::fs::write(dir.path().join("b.txt"), "text").unwrap();
    let error = refuse(dir.path()).to_string();
    assert!(
        error.contains("2 files, of which 2 are not DICOM"),
        "{error}"
    );
    let path = dir.path().join("cut.dcm");
    Slice::new(AXIAL, 0).write(&path);
    let whole = std::fs::read(&path).unwrap();
    for n in (1..whole.len()).rev() {
        std::fs::write(&path, &whole[..n]).unwrap();
        refuse(&path);
    }
    std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    let error = refuse(dir.path()).to_string();
    assert!(
        error.contains("1 cannot be read") && error.contains("truncated"),
        "{error}"
    );
}

#[test]
fn elements_that_do_not_fit_their_type_are_skipped() {
    let dir = folder();
    let path = dir.path().join("odd.dcm");
    let slice = Slice::new(AXIAL, 0);
    slice.write(&path);
    let whole = std::fs::read(&path).unwrap();
    // The pulse sequence name, six characters, as a number of four bytes; and as a private element.
    let name = whole.windows(6).position(|w| w == b"*se2d1").unwrap();
    for (at, bytes) in [
        (name - 4, &b"SL"[..]),
        (name - 8, &[0x19, 0x00, 0x01, 0x10]),
    ] {
        let mut damaged = whole.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, &damaged).unwrap();
        let v = read_one(&path);
        assert_eq!(v.acquisition.sequence_name, None);
        assert_eq!(v.acquisition.flip_angle_deg, Some(70.0));
    }
}

#[test]
fn headers_that_lie_of_sizes_are_refused_before_memory_is_taken() {
    let dir = folder();
    let path = dir.path().join("lie.dcm");
    for (tag, vr, value) in [
        (tags::ROWS, VR::US, "65535"),
        (tags::COLUMNS, VR::US, "0"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "99999"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "-1"),
        (tags::BITS_ALLOCATED, VR::US, "32"),
        (tags::BITS_ALLOCATED, VR::US, "12"),
        (tags::BITS_STORED, VR::US, "17"),
        (tags::SAMPLES_PER_PIXEL, VR::US, "3"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
    ] {
        let slice = Slice::new(AXIAL, 0);
        let mut object = slice.header();
        put_samples(&mut object, &slice.samples);
        match vr {
            VR::US => {
                let number: u16 = value.parse().unwrap();
                object.put(DataElement::new(tag, vr, PrimitiveValue::from(number)));
            }
            _ => text(&mut object, tag, vr, value),
        }
        write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
        refuse(&path);
    }
    // The limit counts all series together.
    let dir = written(&Slice::all(AXIAL));
    let options = OpenOptions {
        max_voxels: N.iter().product::<usize>() - 1,
        ..OpenOptions::default()
    };
    assert!(matches!(
        read_dicom(dir.path(), &options),
        Err(Error::TooLarge { .. })
    ));
}
