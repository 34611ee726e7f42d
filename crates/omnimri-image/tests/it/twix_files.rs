//! Siemens TWIX files of both generations, made for tests.

use num_complex::Complex32;

pub const END: u64 = 1;
pub const FEEDBACK: u64 = 1 << 1;
pub const SYNC: u64 = 1 << 5;
pub const NAVIGATOR: u64 = 1 << 21;
pub const REFERENCE: u64 = 1 << 22;
pub const REFERENCE_AND_IMAGE: u64 = 1 << 23;
pub const REVERSED: u64 = 1 << 24;
pub const NOISE: u64 = 1 << 25;
pub const MULTIBAND_REFERENCE: u64 = 1 << 38;

pub const N_COILS: usize = 3;
pub const N_Y: usize = 7;
pub const N_X: usize = 10;

/// One readout of all coils.
#[derive(Clone)]
pub struct Line {
    pub flags: u64,
    pub line: u16,
    pub average: u16,
    pub slice: u16,
    pub partition: u16,
    pub contrast: u16,
    pub phase: u16,
    pub repetition: u16,
    pub set: u16,
    pub cut: [u16; 2],
    pub centre_column: u16,
    pub centre_line: u16,
    pub centre_partition: u16,
    pub off_centre_mm: f32,
    pub position: [f32; 3],
    pub quaternion: [f32; 4],
    pub first_coil: u16,
    /// `[coil][sample]`
    pub samples: Vec<Vec<Complex32>>,
}

impl Line {
    /// A line of known samples about the centre of the matrix.
    pub fn new(line: u16) -> Self {
        Self {
            flags: 1 << 3,
            line,
            average: 0,
            slice: 0,
            partition: 0,
            contrast: 0,
            phase: 0,
            repetition: 0,
            set: 0,
            cut: [0; 2],
            centre_column: (N_X / 2) as u16,
            centre_line: (N_Y / 2) as u16,
            centre_partition: 0,
            off_centre_mm: 0.0,
            position: [1.0, 2.0, 3.0],
            quaternion: [1.0, 0.0, 0.0, 0.0],
            first_coil: 0,
            samples: samples(line.into(), N_X),
        }
    }
}

/// Samples that tell line, coil and place.
pub fn samples(line: usize, n: usize) -> Vec<Vec<Complex32>> {
    let sample =
        |coil: usize, x: usize| Complex32::new((100 * line + x) as f32, 0.25 + coil as f32);
    (0..N_COILS)
        .map(|coil| (0..n).map(|x| sample(coil, x)).collect())
        .collect()
}

/// One measurement.
#[derive(Clone)]
pub struct Measurement {
    pub uid: u32,
    /// Lines of `MeasYaps`.
    pub yaps: String,
    /// Text of `Meas`.
    pub meas: String,
    pub lines: Vec<Line>,
    /// A packet of synchronisation data after the first line.
    pub sync: bool,
    pub end_mark: bool,
}

impl Measurement {
    /// All lines of one slice of `N_Y` by `N_X` samples.
    pub fn new() -> Self {
        let yaps = format!(
            "ulVersion = 51130001\n\
             tProtocolName = \"made\"\n\
             alTR[0] = 500000\n\
             alTE[0] = 15000\n\
             adFlipAngleDegree[0] = 70.0\n\
             sKSpace.lBaseResolution = {}\n\
             sKSpace.lPhaseEncodingLines = {N_Y}\n\
             sKSpace.ucDimension = 2\n\
             sKSpace.ucTrajectory = 0x1\n\
             sRXSPEC.alDwellTime[0] = 2000\n\
             sSliceArray.lSize = 1\n\
             sSliceArray.asSlice[0].dThickness = 4.0\n\
             sSliceArray.asSlice[0].dPhaseFOV = 210.0\n\
             sSliceArray.asSlice[0].dReadoutFOV = 150.0\n\
             sSliceArray.asSlice[0].sPosition.dSag = 1.0\n\
             sSliceArray.asSlice[0].sPosition.dCor = 2.0\n\
             sSliceArray.asSlice[0].sPosition.dTra = 3.0\n",
            N_X / 2
        );
        Self {
            uid: 42,
            yaps,
            meas: "<ParamDouble.\"flReadoutOSFactor\"> { <Precision> 6 2.0 }\n".into(),
            lines: (0..N_Y as u16).map(Line::new).collect(),
            sync: true,
            end_mark: true,
        }
    }

    /// Changes every line.
    pub fn with(mut self, change: impl Fn(&mut Line)) -> Self {
        self.lines.iter_mut().for_each(change);
        self
    }

    fn header(&self) -> Vec<u8> {
        let yaps = format!(
            "### ASCCONV BEGIN ###\n{}### ASCCONV END ###\n\0",
            self.yaps
        );
        let mut parts = Vec::new();
        for (name, text) in [("Meas", &self.meas), ("MeasYaps", &yaps)] {
            parts.extend_from_slice(name.as_bytes());
            parts.push(0);
            parts.extend_from_slice(&(text.len() as u32).to_le_bytes());
            parts.extend_from_slice(text.as_bytes());
        }
        let length = (8 + parts.len()).next_multiple_of(32);
        let mut header = Vec::new();
        header.extend_from_slice(&(length as u32).to_le_bytes());
        header.extend_from_slice(&2_u32.to_le_bytes());
        header.extend(parts);
        header.resize(length, 0);
        header
    }

    /// The header and all readouts, as one generation writes them.
    fn body(&self, vb: bool) -> Vec<u8> {
        let mut out = self.header();
        let mut counter = 0;
        for (i, line) in self.lines.iter().enumerate() {
            counter += 1;
            write_line(&mut out, line, vb, self.uid, counter);
            if i == 0 && self.sync {
                counter += 1;
                let length = if vb { 128 + 96 } else { 192 + 96 };
                // Neither number holds for such packets.
                let mut header = line_header(&empty(SYNC), vb, length, 0, 0, 0);
                header.resize(length as usize, 0x5a);
                out.extend(header);
            }
        }
        if self.end_mark {
            let length = if vb { 128 } else { 352 };
            let mut header = line_header(&empty(END), vb, length, self.uid, counter + 1, 0);
            header.resize(length as usize, 0);
            out.extend(header);
        }
        out
    }
}

fn empty(flags: u64) -> Line {
    Line {
        flags,
        samples: Vec::new(),
        ..Line::new(0)
    }
}

fn line_header(line: &Line, vb: bool, length: u32, uid: u32, counter: u32, coil: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let words = |out: &mut Vec<u8>, values: &[u32]| {
        values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    };
    let shorts = |out: &mut Vec<u8>, values: &[u16]| {
        values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    };
    let floats = |out: &mut Vec<u8>, values: &[f32]| {
        values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    };
    words(&mut out, &[length, uid, counter, 1000 + counter, 0]);
    if !vb {
        words(&mut out, &[0; 5]);
    }
    words(&mut out, &[line.flags as u32, (line.flags >> 32) as u32]);
    let n_samples = line.samples.first().map_or(0, Vec::len);
    shorts(&mut out, &[n_samples as u16, line.samples.len() as u16]);
    shorts(
        &mut out,
        &[
            line.line,
            line.average,
            line.slice,
            line.partition,
            line.contrast,
            line.phase,
            line.repetition,
            line.set,
        ],
    );
    shorts(&mut out, &[0; 6]);
    shorts(&mut out, &[line.cut[0], line.cut[1], line.centre_column, 0]);
    floats(&mut out, &[line.off_centre_mm]);
    words(&mut out, &[0]);
    shorts(&mut out, &[line.centre_line, line.centre_partition]);
    if vb {
        shorts(&mut out, &[0; 8]);
    }
    floats(&mut out, &line.position);
    floats(&mut out, &line.quaternion);
    if vb {
        shorts(&mut out, &[coil, 0]);
        assert_eq!(out.len(), 128);
    } else {
        shorts(&mut out, &[0; 32]);
        assert_eq!(out.len(), 192);
    }
    out
}

fn write_line(out: &mut Vec<u8>, line: &Line, vb: bool, uid: u32, counter: u32) {
    let n = line.samples[0].len() as u32;
    let n_coils = line.samples.len() as u32;
    if !vb {
        let length = 192 + n_coils * (32 + 8 * n);
        out.extend(line_header(line, false, length, uid, counter, 0));
    }
    for (coil, samples) in line.samples.iter().enumerate() {
        let number = line.first_coil + coil as u16;
        if vb {
            out.extend(line_header(line, true, 128 + 8 * n, uid, counter, number));
        } else {
            let start = out.len();
            for word in [32 + 8 * n, uid, counter, 0, 0, 0, u32::from(number), 0] {
                out.extend(word.to_le_bytes());
            }
            assert_eq!(out.len() - start, 32);
        }
        for s in samples {
            out.extend(s.re.to_le_bytes());
            out.extend(s.im.to_le_bytes());
        }
    }
}

/// A file of one measurement in the older generation.
pub fn vb(measurement: &Measurement) -> Vec<u8> {
    measurement.body(true)
}

/// A file of several measurements in the newer generation.
pub fn vd(measurements: &[Measurement]) -> Vec<u8> {
    let mut out = vec![0; 10_240];
    let mut directory = Vec::new();
    for m in measurements {
        let body = m.body(false);
        directory.extend(m.uid.to_le_bytes());
        directory.extend((m.uid + 1).to_le_bytes());
        directory.extend((out.len() as u64).to_le_bytes());
        directory.extend((body.len() as u64).to_le_bytes());
        let mut names = b"somebody".to_vec();
        names.resize(64, 0);
        names.extend(b"made");
        names.resize(128, 0);
        directory.extend(names);
        out.extend(body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out[4..8].copy_from_slice(&(measurements.len() as u32).to_le_bytes());
    out[8..8 + directory.len()].copy_from_slice(&directory);
    out
}
