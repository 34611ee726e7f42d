//! DICOM: values, bits, encodings and compression.

use dicom_dictionary_std::uids;
use omnimri_image::Volume;

use crate::dicom_checks::*;
use crate::dicom_files::*;
use crate::dicom_streams::*;
use crate::support::folder;

#[test]
fn values_are_rescaled_slice_by_slice() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        rescale: Some([0.5 + s.z as f64, -3.0]),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, |i, j, k| {
        stored(i, j, k) * (0.5 + k as f32) - 3.0
    });
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        rescale: Some([0.0, 5.0]),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, stored);
    assert!(said(&v, "rescale slope"), "{:?}", v.warnings);
}

#[test]
fn monochrome1_is_turned_bright() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        photometric: "MONOCHROME1",
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    let all = Slice::all(AXIAL);
    let values = || all.iter().flat_map(|s| &s.samples).copied();
    let sum = f32::from(values().max().unwrap()) + f32::from(values().min().unwrap());
    assert_places(&v, &AXIAL, |i, j, k| sum - stored(i, j, k));
    assert!(said(&v, "MONOCHROME1"));
}

#[test]
fn bits_beyond_those_stored_are_no_part_of_the_value() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        bits_stored: 12,
        samples: s.samples.iter().map(|v| v | 0x9000).collect(),
        ..s
    });
    let v = read_one(written(&slices.collect::<Vec<_>>()).path());
    assert_places(&v, &AXIAL, stored);
}

#[test]
fn enhanced_multi_frame_objects_are_read_in_both_encodings() {
    let order = [2, 0, 3, 1];
    let scaled = |i, j, k: usize| 2.0 * stored(i, j, k) + k as f32;
    let dir = folder();
    for (_, axes) in planes() {
        let frames: Vec<_> = order.iter().map(|&z| Slice::new(axes, z).samples).collect();
        let path = dir.path().join("native.dcm");
        let mut object = enhanced(axes, &order);
        put_samples(&mut object, &frames.concat());
        write(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, &path);
        let native = read_one(&path);
        assert_places(&native, &axes, scaled);
        assert!(native.warnings.is_empty(), "{:?}", native.warnings);
        let path = dir.path().join("rle.dcm");
        let mut object = enhanced(axes, &order);
        put_fragments(&mut object, frames.iter().map(|f| rle(f)).collect());
        write(object, uids::RLE_LOSSLESS, &path);
        assert_eq!(read_one(&path).voxels, native.voxels);
        assert_eq!(native.acquisition.sop_uids, ["1.2.3.1"; 4]);
        assert_eq!(native.acquisition.slice_thickness_mm, Some(2.0));
    }
}

#[test]
fn every_uncompressed_syntax_and_rle_give_the_same_values() {
    for transfer_syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        // Explicit big-endian, which is retired.
        "1.2.840.10008.1.2.2",
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        uids::RLE_LOSSLESS,
    ] {
        let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
            transfer_syntax,
            ..s
        });
        let v = read_one(written(&slices.collect::<Vec<_>>()).path());
        assert_places(&v, &AXIAL, stored);
        assert!(v.warnings.is_empty(), "{transfer_syntax}: {:?}", v.warnings);
    }
}

#[test]
fn a_data_set_in_another_encoding_than_declared_is_read() {
    let dir = folder();
    let paths = ["explicit", "implicit"].map(|name| dir.path().join(name));
    let syntaxes = [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
    ];
    let files = [0, 1].map(|n| {
        let transfer_syntax = syntaxes[n];
        Slice {
            transfer_syntax,
            ..Slice::new(AXIAL, 2)
        }
        .write(&paths[n]);
        std::fs::read(&paths[n]).unwrap()
    });
    // The meta information of one before the data set of the other.
    let parts = files.each_ref().map(|file| {
        let n = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        file.split_at(144 + n)
    });
    for (meta, data) in [(0, 1), (1, 0)] {
        std::fs::write(&paths[0], [parts[meta].0, parts[data].1].concat()).unwrap();
        let v = read_one(&paths[0]);
        assert_eq!(v.voxels[..2], [stored(0, 0, 2), stored(1, 0, 2)]);
        assert_eq!(v.acquisition.series_number, Some(4));
    }
}

#[test]
fn streams_of_other_tools_are_decoded() {
    let dir = folder();
    let path = dir.path().join("stream.dcm");
    let of_slice = |v: &Volume| {
        for (at, value) in v.voxels.iter().enumerate() {
            assert_eq!(*value, stored(at % N[0], at / N[0], 2));
        }
    };
    let size = [N[0] as u16, N[1] as u16];
    let lossless = bytes(JPEG_LOSSLESS_SV1);
    write_stream(
        &lossless,
        uids::JPEG_LOSSLESS_SV1,
        [size[0], size[1], 12],
        &path,
    );
    of_slice(&read_one(&path));
    if cfg!(feature = "jpeg-ls") {
        write_stream(
            &bytes(JPEG_LS),
            uids::JPEGLS_LOSSLESS,
            [size[0], size[1], 12],
            &path,
        );
        of_slice(&read_one(&path));
    }
    write_stream(
        &bytes(JPEG_2000),
        uids::JPEG2000_LOSSLESS,
        [33, 32, 12],
        &path,
    );
    for (at, value) in read_one(&path).voxels.iter().enumerate() {
        assert_eq!(*value, (at % 33 + 10 * (at / 33)) as f32);
    }
    let baseline = bytes(JPEG_BASELINE);
    write_stream(
        &baseline,
        uids::JPEG_BASELINE8_BIT,
        [size[0], size[1], 8],
        &path,
    );
    for (at, value) in read_one(&path).voxels.iter().enumerate() {
        let expected = 20 + 10 * (at % N[0]) + 12 * (at / N[0]);
        assert!(
            (value - expected as f32).abs() <= 3.0,
            "{value} for {expected}"
        );
    }
    // A stream of another size than the header says.
    write_stream(
        &baseline,
        uids::JPEG_BASELINE8_BIT,
        [size[1], size[0], 8],
        &path,
    );
    let error = refuse(&path).to_string();
    assert!(
        error.contains("expected a frame of 7 x 5, found 5 x 7"),
        "{error}"
    );
    write_stream(
        &bytes(JPEG_2000),
        uids::JPEG2000_LOSSLESS,
        [33, 33, 12],
        &path,
    );
    refuse(&path);
}

#[cfg(not(feature = "jpeg-ls"))]
#[test]
fn jpeg_ls_without_its_feature_says_how_to_get_it() {
    let slices = Slice::all(AXIAL).into_iter().map(|s| Slice {
        transfer_syntax: uids::JPEGLS_LOSSLESS,
        ..s
    });
    let dir = written(&slices.collect::<Vec<_>>());
    let error = refuse(dir.path());
    assert!(error.is_unsupported());
    let text = error.to_string();
    assert!(
        text.contains("JPEG-LS") && text.contains("--features omnimri-image/jpeg-ls"),
        "{text}"
    );
}
