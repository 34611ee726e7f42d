//! Siemens TWIX files that are cut, lie or are of a kind that is not read: a clear error or a stated repair.

use omnimri_image::raw::{Frame, FrameData, RawScan, read_twix};
use omnimri_image::{Error, OpenOptions, Result};

use crate::support::folder;
use crate::twix::read;
use crate::twix_files::*;

/// Where the lines of a file of one measurement begin, and bytes from one to the next.
fn layout(bytes: &[u8], is_vb: bool) -> (usize, usize) {
    let start = if is_vb { 0 } else { 10_240 };
    let header = u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize;
    let line = match is_vb {
        true => N_COILS * (128 + 8 * N_X),
        false => 192 + N_COILS * (32 + 8 * N_X),
    };
    (start + header, line)
}

/// One measurement in both generations, without synchronisation data so that lines are evenly spaced.
fn files() -> [(Vec<u8>, bool); 2] {
    let m = Measurement {
        sync: false,
        ..Measurement::new()
    };
    [(vb(&m), true), (vd(&[m]), false)]
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn message(result: Result<(RawScan, Vec<Frame>)>) -> String {
    match result {
        Ok((scan, _)) => panic!("an error was expected: {:?}", scan.header),
        Err(error) => {
            assert!(
                error.is_invalid_input() || error.is_unsupported(),
                "{error:?}"
            );
            error.to_string()
        }
    }
}

#[test]
fn a_missing_tail_is_told_and_the_whole_lines_are_read() {
    for (bytes, is_vb) in files() {
        let (first, line) = layout(&bytes, is_vb);
        // In the middle of the fifth line.
        let (scan, frames) = read(&bytes[..first + 4 * line + line / 2]).unwrap();
        let told = &scan.header.warnings[0];
        assert!(
            told.contains(&format!("breaks off at byte {}", first + 4 * line)),
            "{told}"
        );
        assert!(
            told.contains("4 image lines in 1 frames were read, the protocol asks for 7"),
            "{told}"
        );
        let FrameData::Cartesian(k) = &frames[0].data else {
            panic!("a slice was expected");
        };
        assert_eq!(k.mask.iter().filter(|m| **m).count(), 4 * N_X);
        assert_eq!((k.n_y, k.n_x), (N_Y, N_X));
    }
    // A scan that was never closed: no end mark, and a length of zero in the directory.
    let m = Measurement {
        end_mark: false,
        ..Measurement::new()
    };
    let mut bytes = vd(&[m]);
    put(&mut bytes, 24, &[0; 8]);
    let (scan, frames) = read(&bytes).unwrap();
    assert!(scan.header.warnings[0].contains("7 image lines"));
    assert!(frames[0].warnings.is_empty());
}

#[test]
fn a_frame_that_is_cut_says_so() {
    let mut m = Measurement::new();
    let mut again = m.lines.clone();
    again.iter_mut().for_each(|l| l.repetition = 1);
    again.truncate(3);
    m.lines.extend(again);
    m.end_mark = false;
    let (_, frames) = read(&vb(&m)).unwrap();
    assert!(frames[0].warnings.is_empty());
    assert!(frames[1].warnings[0].contains("3 of 7 lines"));
}

#[test]
fn cuts_before_the_first_line_is_whole_are_errors() {
    for (bytes, is_vb) in files() {
        let (first, line) = layout(&bytes, is_vb);
        for end in [first + line - 1, first + 1, first, first - 1, first / 2] {
            if !is_vb && end < 10_240 {
                continue;
            }
            let error = read(&bytes[..end]).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
        }
    }
    let [_, (bytes, _)] = files();
    let text = message(read(&bytes[..10_000]));
    assert!(
        text.contains("offset of measurement 1 of 1 (byte 16)"),
        "{text}"
    );
    assert!(text.contains("found 10240"), "{text}");
}

#[test]
fn line_headers_that_lie_are_errors_with_their_place() {
    for (bytes, is_vb) in files() {
        let (first, line) = layout(&bytes, is_vb);
        let at = first + 2 * line;
        let n_samples = at + if is_vb { 28 } else { 48 };
        let broken = |at: usize, value: &[u8]| {
            let mut bytes = bytes.clone();
            put(&mut bytes, at, value);
            message(read(&bytes))
        };
        for (text, found) in [
            (broken(n_samples, &u16::MAX.to_le_bytes()), "65535 samples"),
            (
                broken(n_samples + 2, &u16::MAX.to_le_bytes()),
                "65535 coils",
            ),
            (broken(n_samples, &[0, 0]), "0 samples of 3 coils"),
            (broken(n_samples + 2, &[0, 0]), "10 samples of 0 coils"),
            (
                broken(at + 4, &[9; 8]),
                "number 151587081, counter 151587081",
            ),
        ] {
            assert!(
                text.contains(&format!("line header 3 (byte {at})")),
                "{text}"
            );
            assert!(text.contains(found), "{text}");
        }
        // A few samples or a coil less put the next header where none is.
        for (at, value) in [(n_samples, 4), (n_samples + 2, 2)] {
            let text = broken(at, &[value, 0]);
            let place = if is_vb { "last coil" } else { "line header 4" };
            assert!(text.contains(place), "{text}");
        }
    }
}

#[test]
fn lengths_of_the_header_are_checked() {
    for (bytes, is_vb) in files() {
        let start = if is_vb { 0 } else { 10_240 };
        let broken = |at: usize, value: u32| {
            let mut bytes = bytes.clone();
            put(&mut bytes, at, &value.to_le_bytes());
            message(read(&bytes))
        };
        if !is_vb {
            let text = broken(start, u32::MAX);
            assert!(
                text.contains("length of the protocol header (byte 10240)"),
                "{text}"
            );
            let text = broken(start + 4, 1000);
            assert!(
                text.contains("number of parts") && text.contains("found 1000"),
                "{text}"
            );
            // Offset and length of the first measurement.
            assert!(
                broken(20, 1).contains("UnknownFormat") || broken(16, 400_000).contains("byte 16")
            );
            let mut bytes = bytes.clone();
            put(&mut bytes, 24, &u64::MAX.to_le_bytes());
            let text = message(read(&bytes));
            assert!(
                text.contains("length of measurement 1 of 1 (byte 24)"),
                "{text}"
            );
        }
        // Length of the first part, after `Meas` and a zero.
        let text = broken(start + 13, u32::MAX);
        assert!(text.contains(&format!("(byte {})", start + 13)), "{text}");
        assert!(text.contains("found 4294967295"), "{text}");
        assert!(broken(start, 1 << 25).contains("truncated"));
    }
}

#[test]
fn kinds_that_would_come_out_wrong_are_refused() {
    let refused = |m: Measurement| message(read(&vb(&m)));
    let mut m = Measurement::new();
    m.yaps = m.yaps.replace("ucTrajectory = 0x1", "ucTrajectory = 0x2");
    assert!(refused(m).contains("trajectory is not supported"));
    let mut m = Measurement::new();
    m.lines[0].flags |= MULTIBAND_REFERENCE;
    assert!(refused(m).contains("simultaneous multi-slice is not supported"));
    let mut m = Measurement::new();
    m.yaps += "sSliceAcceleration.lMultiBandFactor = 3\n";
    assert!(refused(m).contains("found 3 slices at a time"));
    let text = refused(Measurement::new().with(|l| l.flags |= NOISE));
    assert!(
        text.contains("expected image lines, found 7 readouts"),
        "{text}"
    );
    let mut m = Measurement::new();
    m.lines[4].samples.pop();
    let text = refused(m);
    assert!(
        text.contains("expected 3 coils in every line, found 2"),
        "{text}"
    );
}

#[test]
fn lines_of_nan_count_as_not_measured() {
    let mut m = Measurement::new();
    m.lines[3].samples[1][2].im = f32::NAN;
    m.lines[4].samples[0][0].re = f32::INFINITY;
    let (_, frames) = read(&vb(&m)).unwrap();
    assert!(frames[0].warnings[0].contains("2 lines hold NaN"));
    let FrameData::Cartesian(k) = &frames[0].data else {
        panic!("a slice was expected");
    };
    assert!(!k.mask[3 * N_X] && k.mask[2 * N_X]);
    assert!(
        k.samples
            .iter()
            .all(|s| s.re.is_finite() && s.im.is_finite())
    );
    let text = message(read(&vb(&m.with(|l| l.samples[0][0].re = f32::NAN))));
    assert!(text.contains("each of 7 lines"), "{text}");
}

#[test]
fn frames_above_the_cap_are_refused() {
    let dir = folder();
    let path = dir.path().join("a.dat");
    std::fs::write(&path, vb(&Measurement::new())).unwrap();
    let with_cap = |max_voxels: usize| {
        let options = OpenOptions {
            max_voxels,
            ..OpenOptions::default()
        };
        read_twix(&path, &options)
    };
    assert!(with_cap(N_COILS * N_Y * N_X).is_ok());
    let error = with_cap(N_COILS * N_Y * N_X - 1).unwrap_err().to_string();
    assert!(
        error.contains("expected at most 209, found 3 coils of 1 x 7 x 10"),
        "{error}"
    );
    // A few lines of a grid that no machine holds.
    let m = Measurement::new().with(|l| {
        l.partition = 60_000;
        l.line = 60_000;
    });
    std::fs::write(&path, vb(&m)).unwrap();
    assert!(matches!(with_cap(1 << 30), Err(Error::TooLarge { .. })));
}

/// A small generator with a fixed seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Every kind of line in one measurement.
fn rich() -> Measurement {
    let mut m = Measurement::new();
    m.yaps += "sPat.ucRefScanMode = 0x4\n";
    m.meas += "<ParamLong.\"alRegridMode\"> { 2 }\n<ParamLong.\"alRegridRampupTime\"> { 160 }\n\
               <ParamLong.\"alRegridRampdownTime\"> { 160 }\n<ParamLong.\"alRegridFlattopTime\"> { 240 }\n\
               <ParamLong.\"alRegridDelaySamplesTime\"> { 32 }\n<ParamLong.\"alRegridDestSamples\"> { 10 }\n\
               <ParamDouble.\"aflRegridADCDuration\"> { 496.0 }\n";
    for flags in [
        NOISE,
        NAVIGATOR,
        NAVIGATOR | REVERSED,
        REFERENCE,
        REFERENCE | NAVIGATOR,
    ] {
        let mut line = Line::new(3);
        line.flags |= flags;
        m.lines.push(line);
    }
    let mut again = m.lines[..N_Y].to_vec();
    for line in &mut again {
        line.repetition = 1;
        line.flags |= u64::from(line.line % 2) * REVERSED;
    }
    m.lines.extend(again);
    m
}

#[test]
fn random_damage_never_panics_nor_exceeds_the_cap() {
    let seeds = [vb(&rich()), vd(&[noise(), rich()])];
    let dir = folder();
    let options = OpenOptions {
        max_voxels: 1 << 16,
        ..OpenOptions::default()
    };
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut n_read, mut n_refused) = (0, 0);
    for (i, seed) in seeds.iter().enumerate() {
        let path = dir.path().join(format!("{i}.dat"));
        // Nothing but names before the first measurement of a newer file.
        let first = i * 10_240;
        for round in 0..800 {
            let mut bytes = seed.clone();
            for _ in 0..random.below(4) {
                let at = match round % 3 {
                    0 => random.below(bytes.len()),
                    1 => first + random.below(bytes.len() - first),
                    _ => random.below(200),
                };
                bytes[at] ^= 1 << random.below(8);
            }
            if round % 4 == 0 {
                bytes.truncate(random.below(bytes.len() + 1));
            }
            std::fs::write(&path, &bytes).unwrap();
            match read_twix(&path, &options) {
                Err(error) => {
                    n_refused += 1;
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
                Ok(scan) => {
                    n_read += 1;
                    for frame in 0..scan.len().min(4) {
                        if let Ok(frame) = scan.frame(frame) {
                            check(&frame, options.max_voxels);
                        }
                    }
                }
            }
        }
    }
    assert!(
        n_read > 200 && n_refused > 200,
        "{n_read} read, {n_refused} refused"
    );
}

fn noise() -> Measurement {
    Measurement::new().with(|l| l.flags |= NOISE)
}

/// A frame is within the cap and true to its own sizes.
fn check(frame: &Frame, cap: usize) {
    let (n_coils, n, samples, mask) = match &frame.data {
        FrameData::Cartesian(k) => (k.n_coils, k.n_y * k.n_x, &k.samples, &k.mask),
        FrameData::Cartesian3(k) => (k.n_coils, k.size.count(), &k.samples, &k.mask),
        other => panic!("Cartesian samples were expected: {other:?}"),
    };
    assert_eq!((samples.len(), mask.len()), (n_coils * n, n));
    assert!(samples.len() <= cap);
    assert!(samples.iter().all(|s| s.re.is_finite() && s.im.is_finite()));
}
