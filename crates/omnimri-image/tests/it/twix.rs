//! Siemens TWIX: where every sample goes, in both generations of the format.

use std::path::Path;

use num_complex::Complex32;
use omnimri_image::raw::{Frame, FrameData, RampShape, RawScan, looks_like_twix, read_twix};
use omnimri_image::{KSpace, NpyData, OpenOptions, Zyx, read_npy};

use crate::support::*;
use crate::twix_files::*;

/// Opens the bytes of a file, its frames read at once.
pub fn read(bytes: &[u8]) -> omnimri_image::Result<(RawScan, Vec<Frame>)> {
    let dir = folder();
    let path = dir.path().join("a.dat");
    std::fs::write(&path, bytes).unwrap();
    let scan = read_twix(&path, &OpenOptions::default())?;
    let frames = (0..scan.len())
        .map(|i| scan.frame(i))
        .collect::<Result<_, _>>()?;
    Ok((scan, frames))
}

fn slice(frame: &Frame) -> &KSpace {
    match &frame.data {
        FrameData::Cartesian(k) => k,
        other => panic!("a slice was expected: {other:?}"),
    }
}

/// Row `y` of a coil.
fn row(k: &KSpace, coil: usize, y: usize) -> &[Complex32] {
    &k.samples[(coil * k.n_y + y) * k.n_x..][..k.n_x]
}

fn measured_rows(k: &KSpace) -> Vec<usize> {
    let rows = k.mask.chunks(k.n_x).enumerate();
    rows.filter(|(_, m)| m.contains(&true))
        .map(|(y, _)| y)
        .collect()
}

/// The same measurement as both generations write it.
fn both(m: &Measurement) -> Vec<(RawScan, Vec<Frame>)> {
    let files = [vb(m), vd(std::slice::from_ref(m))];
    files
        .iter()
        .map(|bytes| {
            assert!(looks_like_twix(&bytes[..1024], bytes.len() as u64));
            read(bytes).unwrap()
        })
        .collect()
}

#[test]
fn both_generations_give_the_samples_as_written() {
    let m = Measurement::new();
    for (scan, frames) in both(&m) {
        let h = &scan.header;
        assert_eq!((h.n_coils, scan.len()), (N_COILS, 1));
        assert_eq!(h.encoded, Zyx::new(1, N_Y, N_X));
        assert_eq!(h.recon, Zyx::new(1, 7, 5));
        assert_eq!(h.encoded_fov_mm, Some(Zyx::new(4.0, 210.0, 300.0)));
        assert_eq!(h.recon_fov_mm, Some(Zyx::new(4.0, 210.0, 150.0)));
        assert_eq!(h.acquisition.repetition_time_ms, Some(500.0));
        assert_eq!(h.acquisition.echo_time_ms, Some(15.0));
        assert_eq!(h.acquisition.description.as_deref(), Some("made"));
        assert_eq!(h.warnings, Vec::<String>::new());
        let k = slice(&frames[0]);
        assert!(k.mask.iter().all(|m| *m));
        for (y, line) in m.lines.iter().enumerate() {
            for coil in 0..N_COILS {
                assert_eq!(row(k, coil, y), line.samples[coil], "coil {coil}, line {y}");
            }
        }
        assert!(frames[0].epi.is_none() && frames[0].warnings.is_empty());
    }
}

#[test]
fn axes_follow_the_quaternion_against_its_sense() {
    // A quarter turn about z: phase axis to posterior, read axis to the right.
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let m = Measurement::new().with(|l| l.quaternion = [half, 0.0, 0.0, half]);
    for (scan, _) in both(&m) {
        let p = scan.header.frames[0].position.unwrap();
        assert_eq!(p.centre_mm, [1.0, 2.0, 3.0]);
        let near = |a: [f64; 3], b: [f64; 3]| (0..3).all(|i| (a[i] - b[i]).abs() < 1e-6);
        assert!(near(p.read, [1.0, 0.0, 0.0]), "{p:?}");
        assert!(near(p.phase, [0.0, -1.0, 0.0]), "{p:?}");
        assert!(near(p.slice, [0.0, 0.0, -1.0]), "{p:?}");
    }
    let (scan, _) = read(&vb(&Measurement::new().with(|l| l.quaternion = [0.0; 4]))).unwrap();
    assert_eq!(scan.header.frames[0].position, None);
    assert_eq!(scan.header.warnings.len(), 1);
}

#[test]
fn averages_are_averaged_and_doubles_told() {
    let mut m = Measurement::new();
    let mut second = m.lines[2].clone();
    second.average = 1;
    for s in second.samples.iter_mut().flatten() {
        *s += 10.0;
    }
    m.lines.push(second.clone());
    for (_, frames) in both(&m) {
        let k = slice(&frames[0]);
        assert_eq!(row(k, 1, 2)[3], m.lines[2].samples[1][3] + 5.0);
        assert_eq!(row(k, 1, 3)[3], m.lines[3].samples[1][3]);
        assert_eq!(frames[0].warnings, Vec::<String>::new());
    }
    m.lines.push(second);
    for (_, frames) in both(&m) {
        assert!(frames[0].warnings[0].contains("1 lines were measured twice"));
    }
}

#[test]
fn every_counter_makes_frames_of_its_own_in_order() {
    let mut m = Measurement::new();
    let first = m.lines.clone();
    let settings: [fn(&mut Line); 4] = [
        |l| l.repetition = 1,
        |l| l.phase = 1,
        |l| l.set = 1,
        |l| l.contrast = 1,
    ];
    for (i, set) in settings.iter().enumerate() {
        for mut line in first.clone() {
            set(&mut line);
            line.samples[0][0].re = 7.0 + i as f32;
            m.lines.push(line);
        }
    }
    for (scan, frames) in both(&m) {
        let labels = scan.header.frames.iter();
        let labels: Vec<_> = labels
            .map(|l| (l.repetition, l.phase, l.set, l.contrast))
            .collect();
        let want = [
            (0, 0, 0, 0),
            (0, 0, 0, 1),
            (0, 0, 1, 0),
            (0, 1, 0, 0),
            (1, 0, 0, 0),
        ];
        assert_eq!(labels, want);
        let marks: Vec<f32> = frames[1..].iter().map(|f| slice(f).samples[0].re).collect();
        assert_eq!(marks, [10.0, 9.0, 8.0, 7.0]);
    }
}

#[test]
fn slices_are_numbered_as_in_the_protocol() {
    let mut m = Measurement::new();
    m.yaps = m.yaps.replace("lSize = 1", "lSize = 3");
    let tra = [3.0, 8.0, 13.0];
    for (i, z) in tra.iter().enumerate().skip(1) {
        for (axis, v) in [("dSag", 1.0), ("dCor", 2.0), ("dTra", *z)] {
            m.yaps += &format!("sSliceArray.asSlice[{i}].sPosition.{axis} = {v}\n");
        }
    }
    let first = m.lines.clone();
    m.lines.clear();
    // Interleaved: the scanner counts the protocol's slices 0, 2, 1.
    for (counter, z) in [(0, tra[0]), (1, tra[2]), (2, tra[1])] {
        for mut line in first.clone() {
            line.slice = counter;
            line.position[2] = z as f32;
            line.samples[0][0].re = z as f32;
            m.lines.push(line);
        }
    }
    for (scan, frames) in both(&m) {
        let labels: Vec<_> = scan.header.frames.iter().map(|l| l.slice).collect();
        assert_eq!(labels, [0, 1, 2]);
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(slice(frame).samples[0].re, tra[i] as f32);
            let position = scan.header.frames[i].position.unwrap();
            assert_eq!(position.centre_mm[2], tra[i]);
        }
    }
}

#[test]
fn partial_fourier_and_asymmetric_echoes_keep_the_centre() {
    let mut m = Measurement::new();
    // The first two lines and the first three samples of each line were never measured.
    m.lines.drain(..2);
    let m = m.with(|l| {
        l.line -= 2;
        l.centre_line -= 2;
        l.centre_column -= 3;
        l.samples.iter_mut().for_each(|coil| drop(coil.drain(..3)));
    });
    for (scan, frames) in both(&m) {
        assert_eq!(scan.header.encoded, Zyx::new(1, N_Y, N_X));
        let k = slice(&frames[0]);
        assert_eq!(measured_rows(k), [2, 3, 4, 5, 6]);
        for y in 2..N_Y {
            let whole = samples(y, N_X);
            for coil in 0..N_COILS {
                assert_eq!(row(k, coil, y)[..3], [Complex32::ZERO; 3]);
                assert_eq!(row(k, coil, y)[3..], whole[coil][3..]);
            }
            assert_eq!(k.mask[y * N_X..][..4], [false, false, false, true]);
        }
    }
}

#[test]
fn a_centre_left_at_zero_is_told() {
    let m = Measurement::new().with(|l| (l.centre_line, l.centre_column) = (0, 0));
    for (scan, frames) in both(&m) {
        assert!(scan.header.warnings[0].contains("3 of 7 is taken"));
        assert_eq!(row(slice(&frames[0]), 0, 2), samples(2, N_X)[0]);
    }
}

#[test]
fn samples_cut_off_are_not_measured() {
    let mut m = Measurement::new().with(|l| l.cut = [2, 1]);
    m.lines[1].flags |= REVERSED;
    for (_, frames) in both(&m) {
        let k = slice(&frames[0]);
        let measured = |y: usize| {
            let mask = &k.mask[y * N_X..][..N_X];
            (mask.iter().position(|m| *m), mask.iter().rposition(|m| *m))
        };
        assert_eq!(measured(0), (Some(2), Some(8)));
        // Cut off in time, and time ran backwards.
        assert_eq!(measured(1), (Some(1), Some(7)));
        assert_eq!(row(k, 0, 0)[1], Complex32::ZERO);
        assert_eq!(row(k, 0, 0)[2], samples(0, N_X)[0][2]);
        assert_eq!(row(k, 0, 1)[1], samples(1, N_X)[0][8]);
    }
    // More cut off than there is.
    let m = Measurement::new().with(|l| l.cut = [60_000, 60_000]);
    for (_, frames) in both(&m) {
        assert!(slice(&frames[0]).mask.iter().all(|m| !m));
    }
}

#[test]
fn partitions_make_a_volume() {
    const N_Z: usize = 4;
    let mut m = Measurement::new();
    m.yaps = m.yaps.replace("ucDimension = 2", "ucDimension = 4");
    m.yaps += "sKSpace.lPartitions = 4\nsKSpace.lImagesPerSlab = 2\nsKSpace.dSliceOversamplingForDialog = 1.0\n";
    let first = m.lines.clone();
    m.lines.clear();
    // The first partition is missing: partial Fourier along the slab.
    for partition in 0..N_Z as u16 - 1 {
        for mut line in first.clone() {
            line.partition = partition;
            line.centre_partition = 1;
            line.samples[0][0].re = 1000.0 * f32::from(partition + 1);
            m.lines.push(line);
        }
    }
    for (scan, frames) in both(&m) {
        let h = &scan.header;
        assert_eq!(h.encoded, Zyx::new(N_Z, N_Y, N_X));
        assert_eq!(h.recon, Zyx::new(2, 7, 5));
        assert_eq!(h.encoded_fov_mm.unwrap().z, 8.0);
        assert_eq!(h.acquisition.slice_thickness_mm, Some(2.0));
        let FrameData::Cartesian3(k) = &frames[0].data else {
            panic!("a volume was expected");
        };
        let plane = N_Y * N_X;
        let marks: Vec<f32> = (0..N_Z).map(|z| k.samples[z * plane].re).collect();
        assert_eq!(marks, [0.0, 1000.0, 2000.0, 3000.0]);
        let measured: Vec<bool> = (0..N_Z).map(|z| k.mask[z * plane]).collect();
        assert_eq!(measured, [false, true, true, true]);
        assert_eq!(k.samples[(N_Z + 1) * plane + N_X], samples(1, N_X)[1][0]);
    }
}

#[test]
fn echo_planar_lines_are_turned_and_navigators_kept() {
    let mut m = Measurement::new();
    m.meas += "<ParamLong.\"alRegridMode\"> { 2 1 }\n<ParamLong.\"alRegridRampupTime\"> { 160 0 }\n\
               <ParamLong.\"alRegridRampdownTime\"> { 150 0 }\n<ParamLong.\"alRegridFlattopTime\"> { 240 0 }\n\
               <ParamLong.\"alRegridDelaySamplesTime\"> { 32 0 }\n<ParamLong.\"alRegridDestSamples\"> { 10 0 }\n\
               <ParamDouble.\"aflRegridADCDuration\"> { <Precision> 6 496.0 0.0 }\n";
    for line in m.lines.iter_mut().skip(1).step_by(2) {
        line.flags |= REVERSED;
    }
    for (i, way) in [REVERSED, 0, REVERSED].into_iter().enumerate() {
        let mut line = Line::new(3);
        line.flags |= NAVIGATOR | FEEDBACK | way;
        line.samples[0][0].re = i as f32;
        m.lines.insert(i, line);
    }
    let m = m.with(|l| l.off_centre_mm = 30.0);
    for (_, frames) in both(&m) {
        let k = slice(&frames[0]);
        let turned: Vec<_> = samples(1, N_X)[2].iter().rev().copied().collect();
        assert_eq!(row(k, 2, 1), turned);
        assert_eq!(row(k, 2, 2), samples(2, N_X)[2]);
        let epi = frames[0].epi.as_ref().unwrap();
        let ways: Vec<_> = epi.navigators.iter().map(|n| n.reversed).collect();
        assert_eq!(ways, [true, false, true]);
        assert_eq!(epi.navigators[0].samples[N_X - 1].re, 0.0);
        assert_eq!(epi.navigators[1].samples[0].re, 1.0);
        assert_eq!(epi.reversed, [false, true, false, true, false, true, false]);
        let ramp = epi.regrid.unwrap();
        assert_eq!(ramp.shape, RampShape::Trapezoid);
        assert_eq!(
            (ramp.ramp_up_us, ramp.flat_us, ramp.ramp_down_us),
            (160.0, 240.0, 150.0)
        );
        assert_eq!(
            (ramp.delay_us, ramp.adc_us, ramp.n_samples),
            (32.0, 496.0, 10)
        );
        // 30 mm of 300 mm, against the image axis.
        assert!((ramp.off_centre + 0.1).abs() < 1e-9);
    }
}

#[test]
fn a_line_that_ran_both_ways_is_not_averaged() {
    let mut m = Measurement::new();
    let mut other = m.lines[2].clone();
    other.average = 1;
    other.flags |= REVERSED;
    m.lines.push(other);
    for (_, frames) in both(&m) {
        assert_eq!(row(slice(&frames[0]), 0, 2), samples(2, N_X)[0]);
        assert!(frames[0].warnings[0].contains("1 lines ran against"));
    }
}

#[test]
fn reference_lines_in_place_belong_to_the_image() {
    let mut m = Measurement::new();
    m.lines[2].flags |= REFERENCE;
    m.lines[3].flags |= REFERENCE | REFERENCE_AND_IMAGE;
    let in_place = Measurement {
        yaps: m.yaps.clone() + "sPat.ucRefScanMode = 0x2\n",
        ..m.clone()
    };
    for (_, frames) in both(&in_place) {
        assert_eq!(measured_rows(slice(&frames[0])).len(), N_Y);
        assert!(frames[0].calibration.is_none());
    }
    m.yaps += "sPat.ucRefScanMode = 0x4\n";
    for (_, frames) in both(&m) {
        assert_eq!(measured_rows(slice(&frames[0])), [0, 1, 3, 4, 5, 6]);
        let calibration = frames[0].calibration.as_ref().unwrap();
        let FrameData::Cartesian(k) = &calibration.data else {
            panic!("a slice was expected");
        };
        assert_eq!(measured_rows(k), [2]);
        assert_eq!(row(k, 1, 2), samples(2, N_X)[1]);
    }
}

#[test]
fn one_reference_scan_serves_all_repetitions_of_its_slice() {
    let mut m = Measurement::new();
    m.yaps += "sPat.ucRefScanMode = 0x4\n";
    let mut again = m.lines.clone();
    again.iter_mut().for_each(|l| l.repetition = 1);
    let mut reference = Line::new(3);
    reference.flags |= REFERENCE;
    // Shorter lines than the image's, and a line beyond its edge.
    reference.samples = samples(3, 6);
    reference.centre_column = 3;
    let mut beyond = reference.clone();
    beyond.line = 40;
    m.lines.extend(again);
    m.lines.extend([reference, beyond]);
    for (scan, frames) in both(&m) {
        assert_eq!(scan.len(), 2);
        for frame in &frames {
            let calibration = frame.calibration.as_ref().unwrap();
            let FrameData::Cartesian(k) = &calibration.data else {
                panic!("a slice was expected");
            };
            assert_eq!(row(k, 0, 3)[2..8], samples(3, 6)[0]);
            assert!(frame.warnings[0].contains("1 lines lie outside"));
        }
    }
}

fn noise_measurement(first_coil: u16) -> Measurement {
    let mut m = Measurement::new().with(|l| {
        l.flags |= NOISE;
        l.first_coil = first_coil;
    });
    m.uid = 41;
    m.yaps = m
        .yaps
        .replace("alDwellTime[0] = 2000", "alDwellTime[0] = 8000");
    m
}

#[test]
fn an_earlier_measurement_gives_the_noise() {
    let (scan, frames) = read(&vd(&[noise_measurement(0), Measurement::new()])).unwrap();
    assert_eq!(row(slice(&frames[0]), 0, 2), samples(2, N_X)[0]);
    let noise = scan.header.noise.unwrap();
    assert_eq!(noise.n_samples, N_Y * N_X);
    // Samples of four times the length have half the noise.
    let n = noise.n_samples;
    assert_eq!(noise.samples[2 * n + N_X + 4], samples(1, N_X)[2][4] * 2.0);
    let (scan, _) = read(&vd(&[noise_measurement(1), Measurement::new()])).unwrap();
    assert!(scan.header.noise.is_none(), "other coils");
    let mut broken = vd(&[noise_measurement(0), Measurement::new()]);
    broken[10_240..10_244].copy_from_slice(&u32::MAX.to_le_bytes());
    let (scan, _) = read(&broken).unwrap();
    assert!(scan.header.warnings[0].contains("byte 10240 cannot be read"));
}

#[test]
fn noise_lines_of_the_measurement_itself_are_no_image() {
    let mut m = Measurement::new();
    m.yaps = m
        .yaps
        .replace("alDwellTime[0] = 2000", "alDwellTime[0] = 768000");
    let mut line = Line::new(0);
    line.flags |= NOISE;
    m.lines.insert(0, line);
    let mut feedback = Line::new(5);
    feedback.flags |= FEEDBACK;
    feedback.samples = samples(99, N_X);
    m.lines.push(feedback);
    for (scan, frames) in both(&m) {
        assert_eq!(row(slice(&frames[0]), 0, 5), samples(5, N_X)[0]);
        let noise = scan.header.noise.unwrap();
        assert_eq!(noise.n_samples, N_X);
        // Such a line lasts 7680 microseconds: as long a sample as the image's.
        assert_eq!(noise.samples[N_X..2 * N_X], samples(0, N_X)[1]);
    }
}

#[test]
fn the_real_scan_equals_the_published_array() {
    let Some(data) = shared_data() else { return };
    let scan = read_twix(
        &data.join("kspace/siemens_gre_2ch.dat"),
        &OpenOptions::default(),
    )
    .unwrap();
    let array = read_npy(
        &data.join("kspace/siemens_gre_2ch.npy"),
        &OpenOptions::default(),
    )
    .unwrap();
    let frame = scan.frame(0).unwrap();
    let k = slice(&frame);
    assert_eq!(array.shape, [k.n_coils, k.n_y, k.n_x]);
    assert_eq!(array.data, NpyData::Complex32(k.samples.clone()));
    assert!(k.mask.iter().all(|m| *m) && frame.epi.is_none());
    let h = &scan.header;
    assert_eq!(
        (h.encoded, h.recon),
        (Zyx::new(1, 160, 320), Zyx::new(1, 160, 160))
    );
    assert_eq!(h.encoded_fov_mm, Some(Zyx::new(4.0, 200.0, 400.0)));
    assert_eq!(h.acquisition.scanner.as_deref(), Some("Siemens Skyra"));
    let p = h.frames[0].position.unwrap();
    // The slice normal of the protocol, up to its sense.
    assert!(
        (p.slice[2].abs() - 0.999_263).abs() < 1e-5 && (p.slice[1].abs() - 0.038_388).abs() < 1e-5
    );
}

#[test]
fn the_real_echo_planar_scan_has_its_navigators() {
    let Some(data) = shared_data() else { return };
    let scan = read_twix(
        &data.join("kspace/siemens_epi_2ch.dat"),
        &OpenOptions::default(),
    )
    .unwrap();
    let frame = scan.frame(0).unwrap();
    let k = slice(&frame);
    assert_eq!((k.n_coils, k.n_y, k.n_x), (2, 80, 160));
    let epi = frame.epi.unwrap();
    let ways: Vec<_> = epi.navigators.iter().map(|n| n.reversed).collect();
    assert_eq!(ways, [true, false, true]);
    assert!(
        epi.reversed
            .iter()
            .enumerate()
            .all(|(y, way)| *way == (y % 2 == 1))
    );
    let ramp = epi.regrid.unwrap();
    assert_eq!(
        (ramp.ramp_up_us, ramp.flat_us, ramp.adc_us),
        (160.0, 240.0, 496.0)
    );
}

#[test]
fn other_files_do_not_look_like_twix() {
    let long = |start: &[u8]| [start, &[0; 1024]].concat();
    for start in [
        &b""[..],
        b"\x93NUMPY\x01\0",
        b"\x89HDF\r\n\x1a\n",
        b"\x5c\x01\0\0\0\0\0\0",
        b"\0\0\0\0\x01\0\0\0",
        b"\0\0\0\0\x02\0\0\0somebody was here",
    ] {
        assert!(!looks_like_twix(start, start.len() as u64));
        assert!(!looks_like_twix(&long(start), 4096), "{start:?}");
    }
    let error = read_twix(Path::new("no such file.dat"), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, omnimri_image::Error::NotFound { .. }));
}

#[test]
fn a_mask_or_axes_for_a_file_that_explains_itself_are_refused_and_not_passed_over() {
    let Some(data) = shared_data() else {
        return;
    };
    let path = data.join("kspace/siemens_gre_2ch.dat");
    let mut options = OpenOptions::default();
    options.kspace.axes = Some(vec!["coil".into(), "y".into(), "x".into()]);
    let error = omnimri_image::open_raw(&path, &options).unwrap_err();
    assert!(
        error.is_unsupported() && error.to_string().contains("names of axes"),
        "{error}"
    );
    options.kspace.mask = Some("mask.npy".into());
    let error = omnimri_image::open_raw(&path, &options).unwrap_err();
    assert!(error.to_string().contains("mask"), "{error}");
}
