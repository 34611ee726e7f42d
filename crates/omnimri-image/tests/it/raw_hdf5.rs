//! ISMRMRD, fastMRI and MATLAB v7.3: what is laid where, and what is refused. Files of other writers are compared by
//! `tools/peers`.

use std::path::PathBuf;

use num_complex::Complex32;
use omnimri_image::{
    Error, FrameData, Input, InputKind, KSpaceOptions, OpenOptions, RawScan, Zyx, detect, open,
    open_raw,
};

use crate::support::*;
use omnimri_image::raw::hdf5_write::{MrdAcquisition as Acquisition, *};

const N_COILS: usize = 2;
const N_X: usize = 7;
const N_Y: usize = 5;
const NOISE: u64 = 1 << 18;
const CALIBRATION: u64 = 1 << 19;
const REVERSE: u64 = 1 << 21;
const NAVIGATION: u64 = 1 << 22;
const PHASE_CORRECTION: u64 = 1 << 23;

/// A value that tells its place, never zero.
fn value(coil: usize, y: usize, x: usize) -> [f32; 2] {
    [(1 + coil) as f32, (100 * y + x) as f32]
}

fn line(y: usize) -> Acquisition {
    let samples = (0..N_COILS).flat_map(|c| (0..N_X).map(move |x| value(c, y, x)));
    Acquisition::new(samples.collect(), N_COILS, y as u16)
}

fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn xml() -> String {
    mrd_xml([N_X, N_Y, 1], [4, N_Y, 1], N_Y / 2, "cartesian")
}

fn opened(dir: &tempfile::TempDir, acquisitions: &[Acquisition]) -> Result<RawScan, Error> {
    open_raw(
        &file(dir, "a.h5", &ismrmrd(&xml(), acquisitions)),
        &OpenOptions::default(),
    )
}

fn error_of(result: Result<RawScan, Error>) -> String {
    let text = result
        .and_then(|scan| scan.frame(0))
        .unwrap_err()
        .to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

fn complex([re, im]: [f32; 2]) -> Complex32 {
    Complex32::new(re, im)
}

#[test]
fn lines_lie_where_the_counters_say() {
    let dir = folder();
    let mut noise = Acquisition::new(vec![[1.0, -1.0]; 2 * 9], N_COILS, 0);
    (noise.flags, noise.dwell_us) = (NOISE, 8.0);
    let mut navigator = line(2);
    navigator.flags = NAVIGATION;
    let mut second = line(1);
    second.counters[3] = 1;
    let scan = opened(&dir, &[noise, line(4), navigator, line(0), second]).unwrap();
    let h = &scan.header;
    assert_eq!(detect(&h.path).unwrap(), InputKind::KSpace);
    assert_eq!(
        (h.n_coils, h.encoded, h.recon),
        (2, Zyx::new(1, N_Y, N_X), Zyx::new(1, N_Y, 4))
    );
    assert_eq!(h.encoded_fov_mm, Some(Zyx::new(5.0, 5.0, 14.0)));
    assert_eq!(h.acquisition.repetition_time_ms, Some(9.0));
    assert_eq!(h.frames.iter().map(|f| f.slice).collect::<Vec<_>>(), [0, 1]);
    let position = h.frames[0].position.unwrap();
    assert_eq!(
        (position.centre_mm, position.phase),
        ([1.0, 2.0, 3.0], [0.0, 1.0, 0.0])
    );
    // Four times the dwell time: half the bandwidth's standard deviation.
    let noise = h.noise.as_ref().unwrap();
    assert_eq!(
        (noise.n_samples, noise.samples[3]),
        (9, Complex32::new(2.0, -2.0))
    );
    let text = h.to_string();
    assert!(
        text.contains("2: 2 slices") && text.contains("9 samples a coil"),
        "{text}"
    );
    assert!(
        h.warnings.iter().any(|w| w.contains("1 navigator")),
        "{:?}",
        h.warnings
    );
    let FrameData::Cartesian(k) = scan.frame(0).unwrap().data else {
        panic!("a 2D frame")
    };
    for y in 0..N_Y {
        for x in 0..N_X {
            let measured = y == 0 || y == 4;
            assert_eq!(k.mask[y * N_X + x], measured);
            for c in 0..N_COILS {
                let expected = if measured {
                    complex(value(c, y, x))
                } else {
                    Complex32::ZERO
                };
                assert_eq!(k.samples[(c * N_Y + y) * N_X + x], expected);
            }
        }
    }
    assert!(scan.frame(2).is_err());
}

#[test]
fn repeated_and_calibration_lines() {
    let dir = folder();
    let scaled = |y: usize, factor: f32| {
        let mut a = line(y);
        a.samples.iter_mut().flatten().for_each(|v| *v *= factor);
        a
    };
    let mut calibration = [scaled(1, 7.0), scaled(3, 1.0)];
    calibration.iter_mut().for_each(|a| a.flags = CALIBRATION);
    let mut average = scaled(2, 3.0);
    average.counters[2] = 1;
    let [imaged, open_line] = calibration;
    let scan = opened(
        &dir,
        &[
            imaged,
            scaled(1, 0.5),
            scaled(1, 1.5),
            line(2),
            average,
            open_line,
        ],
    )
    .unwrap();
    let frame = scan.frame(0).unwrap();
    let FrameData::Cartesian(k) = frame.data else {
        panic!("a 2D frame")
    };
    let at = |y: usize| k.samples[y * N_X + 3];
    // Measured twice: the mean; the calibration line beside it is not used.
    assert_eq!(at(1), complex(value(0, 1, 3)));
    assert_eq!(at(2), complex(value(0, 2, 3)) * 2.0);
    assert_eq!(at(3), complex(value(0, 3, 3)));
    let said = frame.warnings.join(" ");
    assert!(
        said.contains("1 lines were measured again") && said.contains("1 calibration lines"),
        "{said}"
    );
}

/// A line read out backwards, as it left the receiver.
fn backwards(y: usize) -> Acquisition {
    let samples = (0..N_COILS).flat_map(|c| (0..N_X).rev().map(move |x| value(c, y, x)));
    let mut line = Acquisition::new(samples.collect(), N_COILS, y as u16);
    line.flags = REVERSE;
    line.centre = N_X - 1 - N_X / 2;
    line
}

#[test]
fn phase_correction_lines_go_with_the_echo_planar_lines_of_their_frame() {
    let dir = folder();
    let correction = |reverse: bool, slice: u16| {
        let mut line = if reverse { backwards(1) } else { line(3) };
        line.flags |= PHASE_CORRECTION;
        line.counters[3] = slice;
        line
    };
    // A repetition without navigators of its own takes those of its slice; another slice's are its own.
    let mut later = [backwards(0), line(1), backwards(2)];
    later.iter_mut().for_each(|l| l.counters[6] = 1);
    let mut other = line(0);
    other.counters[3] = 1;
    let mut lines = vec![
        correction(false, 0),
        correction(true, 0),
        correction(true, 1),
    ];
    lines.extend([backwards(0), line(1), backwards(2), other]);
    lines.extend(later);
    let scan = opened(&dir, &lines).unwrap();
    assert!(
        !scan
            .header
            .warnings
            .iter()
            .any(|w| w.contains("phase-correction")),
        "{:?}",
        scan.header.warnings
    );
    let row = |c: usize, y: usize| (0..N_X).map(move |x| complex(value(c, y, x)));
    for index in 0..scan.len() {
        let frame = scan.frame(index).unwrap();
        if scan.header.frames[index].slice == 1 {
            // Lines of one direction have nothing to agree on.
            assert_eq!(frame.epi, None);
            continue;
        }
        let epi = frame.epi.unwrap();
        assert_eq!(epi.reversed, [true, false, true, false, false]);
        assert_eq!(epi.regrid, None);
        let found: Vec<bool> = epi.navigators.iter().map(|n| n.reversed).collect();
        assert_eq!(found, [false, true]);
        // Turned round like the lines themselves.
        for (navigator, y) in epi.navigators.iter().zip([3, 1]) {
            let expected: Vec<Complex32> = row(0, y).chain(row(1, y)).collect();
            assert_eq!(navigator.samples, expected);
        }
        let FrameData::Cartesian(k) = frame.data else {
            panic!("a 2D frame")
        };
        assert!(k.samples[2 * N_X..3 * N_X].iter().copied().eq(row(0, 2)));
    }
}

#[test]
fn phase_correction_lines_that_cannot_serve_are_said() {
    let dir = folder();
    let mut short = Acquisition::new(vec![[1.0, 2.0]; N_COILS * 3], N_COILS, 0);
    short.flags = PHASE_CORRECTION;
    let mut zero = line(2);
    zero.flags = PHASE_CORRECTION;
    zero.samples.fill([0.0; 2]);
    let both = [backwards(3), line(3)];
    let scan = opened(
        &dir,
        &[vec![short, zero], both.into(), vec![line(0)]].concat(),
    )
    .unwrap();
    let said = |list: &[String], what: &str| list.iter().any(|w| w.contains(what));
    assert!(said(
        &scan.header.warnings,
        "1 phase-correction lines of another size"
    ));
    let frame = scan.frame(0).unwrap();
    assert!(frame.epi.unwrap().navigators.is_empty());
    assert!(said(&frame.warnings, "1 phase-correction lines are zero"));
    assert!(said(
        &frame.warnings,
        "averaged with lines read out the other way"
    ));
}

#[test]
fn headers_that_contradict_the_lines_are_named() {
    let dir = folder();
    let out = error_of(opened(&dir, &[line(0), line(5)]));
    assert!(
        out.contains("acquisition 1") && out.contains("line 5") && out.contains("5 lines"),
        "{out}"
    );
    let short = Acquisition::new(vec![[1.0, 0.0]; 2 * 6], N_COILS, 1);
    let mixed = error_of(opened(&dir, &[line(0), short]));
    assert!(
        mixed.contains("7 samples") && mixed.contains("6 samples"),
        "{mixed}"
    );
    let one_coil = Acquisition::new(vec![[1.0, 0.0]; 7], 1, 1);
    let mixed = error_of(opened(&dir, &[line(0), one_coil]));
    assert!(
        mixed.contains("2 coils") && mixed.contains("1 coils"),
        "{mixed}"
    );
    let long = Acquisition::new(vec![[1.0, 0.0]; 2 * 9], N_COILS, 1);
    let long = error_of(opened(&dir, &[long]));
    assert!(
        long.contains("at most 7 samples") && long.contains("9 samples"),
        "{long}"
    );
    let mut noise = line(0);
    noise.flags = NOISE;
    let empty = error_of(opened(&dir, &[noise]));
    assert!(empty.contains("imaging lines"), "{empty}");
    let dark = error_of(opened(
        &dir,
        &[Acquisition::new(vec![[0.0; 2]; 14], N_COILS, 1)],
    ));
    assert!(dark.contains("at least one measured line"), "{dark}");
    let options = OpenOptions {
        max_voxels: 69,
        ..OpenOptions::default()
    };
    let path = file(&dir, "large.h5", &ismrmrd(&xml(), &[line(0)]));
    assert!(matches!(
        open_raw(&path, &options),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn a_centre_of_zero_is_kept_where_it_can_be_right() {
    let dir = folder();
    let xml = mrd_xml([N_X, N_Y, 1], [N_X, N_Y, 1], 0, "cartesian");
    let rows = |steps: &[usize]| {
        let lines: Vec<_> = steps.iter().map(|&y| line(y)).collect();
        let path = file(&dir, "c.h5", &ismrmrd(&xml, &lines));
        let scan = open_raw(&path, &OpenOptions::default()).unwrap();
        let FrameData::Cartesian(k) = scan.frame(0).unwrap().data else {
            panic!("a 2D frame")
        };
        let rows: Vec<_> = (0..N_Y).filter(|y| k.mask[y * N_X]).collect();
        (rows, scan.header.warnings)
    };
    // The upper half of k-space alone.
    assert_eq!(rows(&[0, 1, 2]), (vec![2, 3, 4], vec![]));
    let (all, warnings) = rows(&[0, 1, 3, 4]);
    assert_eq!(all, [0, 1, 3, 4]);
    assert!(
        warnings[0].contains("line 2 is taken as the centre"),
        "{warnings:?}"
    );
}

fn spoke(scale: f32) -> Acquisition {
    let samples = (0..N_COILS).flat_map(|c| (0..N_X).map(move |x| value(c, 1, x)));
    let mut a = Acquisition::new(samples.collect(), N_COILS, 0);
    a.n_dims = 2;
    a.trajectory = (0..N_X)
        .flat_map(|i| [(i as f32 - 3.0) / 7.0 * scale, 0.25 * scale])
        .collect();
    a
}

#[test]
fn trajectories_in_both_units_and_out_of_range() {
    let dir = folder();
    let xml = mrd_xml([14, 6, 1], [7, 6, 1], 0, "radial");
    let scan = |a: &[Acquisition]| {
        open_raw(
            &file(&dir, "r.h5", &ismrmrd(&xml, a)),
            &OpenOptions::default(),
        )
    };
    for (scale, unit) in [(1.0, [0.0, 6.0, 14.0]), (8.0, [0.0, 1.0, 1.0])] {
        let scan = scan(&[spoke(scale), spoke(scale)]).unwrap();
        let FrameData::NonCartesian(k) = scan.frame(0).unwrap().data else {
            panic!("a trajectory")
        };
        assert_eq!(
            (k.n_coils, k.n_readouts, k.n_samples, k.size),
            (2, 2, N_X, Zyx::new(1, 6, 14))
        );
        let expected = [0.0, 0.25 * scale * unit[1], -3.0 / 7.0 * scale * unit[2]];
        assert_eq!(k.coord[N_X], expected);
        assert_eq!(k.samples[2 * N_X + 1], complex(value(1, 1, 1)));
        assert!(
            scan.header
                .warnings
                .iter()
                .any(|w| w.contains("cycles per")),
            "{:?}",
            scan.header.warnings
        );
    }
    let far = error_of(scan(&[spoke(40.0)]));
    assert!(
        far.contains("ky within -3 to 3") && far.contains("found 10"),
        "{far}"
    );
    let bare = error_of(scan(&[line(0)]));
    assert!(bare.contains("radial without coordinates"), "{bare}");
    let mut cut = spoke(1.0);
    cut.trajectory.pop();
    let cut = error_of(scan(&[cut]));
    assert!(
        cut.contains("acquisition 0 traj") && cut.contains("13 floats"),
        "{cut}"
    );
}

/// fastMRI with three slices, readout along the rows.
fn fastmri(mask: Option<[f32; N_X]>, zero_column: Option<usize>) -> Vec<u8> {
    let mut w = Hdf5Writer::new();
    let mut values = Vec::new();
    for s in 0..3 {
        for c in 0..N_COILS {
            for y in 0..N_Y {
                for x in 0..N_X {
                    let [re, im] = if Some(x) == zero_column {
                        [0.0; 2]
                    } else {
                        value(c, y, x)
                    };
                    values.extend([re + 10.0 * s as f32 * re, im]);
                }
            }
        }
    }
    let kspace = w.dataset(
        &Kind::complex(["r", "i"], 4),
        &[3, N_COILS, N_Y, N_X],
        &floats(values),
    );
    // The header's x is the readout.
    let header = w.text(&mrd_xml([N_Y, N_X, 1], [3, 4, 1], 0, "cartesian"));
    let mut members = vec![("kspace", kspace), ("ismrmrd_header", header)];
    if let Some(mask) = mask {
        members.push(("mask", w.dataset(&Kind::float(4), &[N_X], &floats(mask))));
    }
    let root = w.group(&members);
    w.finish(root, 0)
}

#[test]
fn fastmri_slices_and_masks() {
    let dir = folder();
    let read =
        |bytes: &[u8]| open_raw(&file(&dir, "f.h5", bytes), &OpenOptions::default()).unwrap();
    let scan = read(&fastmri(None, Some(2)));
    assert_eq!(
        (scan.header.format, scan.len(), scan.header.n_coils),
        ("fastMRI", 3, 2)
    );
    assert_eq!(
        (scan.header.encoded, scan.header.recon),
        (Zyx::new(1, N_Y, N_X), Zyx::new(1, 3, 4))
    );
    assert!(
        scan.header.warnings.is_empty(),
        "{:?}",
        scan.header.warnings
    );
    let FrameData::Cartesian(k) = scan.frame(2).unwrap().data else {
        panic!("a 2D frame")
    };
    assert_eq!(k.samples[(N_Y + 4) * N_X + 6], Complex32::new(42.0, 406.0));
    assert_eq!(k.mask.iter().filter(|&&m| m).count(), N_Y * (N_X - 1));
    // A mask that leaves out measured columns contradicts them; one that promises more is cut down.
    let mask = |zero: usize| std::array::from_fn(|x| f32::from(u8::from(x != zero)));
    let contradicts = read(&fastmri(Some(mask(3)), Some(2)))
        .frame(0)
        .unwrap_err()
        .to_string();
    assert!(
        contradicts.contains("sampling mask") && contradicts.contains("samples in 1 of them"),
        "{contradicts}"
    );
    let frame = read(&fastmri(Some([1.0; N_X]), Some(2))).frame(0).unwrap();
    assert!(
        frame.warnings[0].contains("5 samples as measured that are zero"),
        "{:?}",
        frame.warnings
    );
    // The axes are fastMRI's own: names for them would be passed over in silence.
    let named = OpenOptions {
        kspace: KSpaceOptions {
            axes: Some(["slice", "coil", "y", "x"].map(String::from).to_vec()),
            mask: None,
        },
        ..OpenOptions::default()
    };
    let error = open_raw(&file(&dir, "f.h5", &fastmri(None, None)), &named).unwrap_err();
    assert!(
        error.is_unsupported() && error.to_string().contains("names of axes"),
        "{error}"
    );
    // Three frames are no single slice.
    let error = open(
        &file(&dir, "f.h5", &fastmri(None, None)),
        &OpenOptions::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("3 frames"), "{error}");
}

/// MATLAB's `size(raw) == [7 5 2]`, with a user block.
fn matlab() -> Vec<u8> {
    let mut w = Hdf5Writer::new();
    let all = (0..N_COILS)
        .flat_map(|c| (0..N_Y).flat_map(move |y| (0..N_X).map(move |x| value(c, y, x))));
    let values: Vec<u8> = all
        .flatten()
        .flat_map(|v| f64::from(v).to_le_bytes())
        .collect();
    let raw = w.dataset(
        &Kind::complex(["real", "imag"], 8),
        &[N_COILS, N_Y, N_X],
        &values,
    );
    let time = w.dataset(&Kind::float(4), &[1, 1], &floats([2.0]));
    let root = w.group(&[("raw", raw), ("TE", time)]);
    w.finish(root, 512)
}

#[test]
fn matlab_axes_are_those_of_matlab() {
    let dir = folder();
    let path = file(&dir, "m.mat", &matlab());
    assert_eq!(detect(&path).unwrap(), InputKind::KSpace);
    let named = |axes: Option<&str>| OpenOptions {
        kspace: KSpaceOptions {
            axes: axes.map(|a| a.split(',').map(String::from).collect()),
            mask: None,
        },
        ..OpenOptions::default()
    };
    let Input::KSpace(k) = open(&path, &named(Some("kx,ky,coil"))).unwrap() else {
        panic!("k-space")
    };
    // The first named axis is the first of the image.
    assert_eq!((k.n_coils, k.n_y, k.n_x), (2, N_X, N_Y));
    assert_eq!(k.samples[(N_X + 6) * N_Y + 3], complex(value(1, 3, 6)));
    let error = open_raw(&path, &named(None)).unwrap_err().to_string();
    assert!(
        error.contains("(7, 5, 2)") && error.contains("axis 2 (2 long) looks like coils"),
        "{error}"
    );
}
