//! Line headers: one before each readout (VD) or each coil of it (VB), and the index of a measurement.

use std::fs::File;
use std::path::Path;

use super::container::{Extent, Layout, bad_header, read_at};
use crate::{Error, Result};

/// Bytes of a line header: VB, before every coil.
const VB_HEADER: usize = 128;
/// Bytes of a line header: VD, before all coils.
const VD_HEADER: usize = 192;
/// Bytes of the header before one coil's samples in VD.
const VD_COIL_HEADER: usize = 32;
/// Bytes of a complex sample.
pub(super) const SAMPLE_BYTES: usize = 8;
/// Most readouts of one measurement.
const MAX_READOUTS: usize = 1 << 24;
/// Bits of the first word that hold the length; the others are flags.
const LENGTH_BITS: u32 = 0x01ff_ffff;
/// Several readouts were sent in one piece, so that its length says nothing of one.
const PACKED: u32 = 1 << 25;

/// Bits of the evaluation mask.
pub(super) mod flag {
    pub const END: u32 = 0;
    pub const FEEDBACK: u32 = 1;
    pub const HP_FEEDBACK: u32 = 2;
    pub const SYNC_DATA: u32 = 5;
    pub const REFERENCE_PHASE_STABILISATION: u32 = 14;
    pub const PHASE_STABILISATION: u32 = 15;
    pub const PHASE_CORRECTION: u32 = 21;
    pub const REFERENCE: u32 = 22;
    pub const REFERENCE_AND_IMAGE: u32 = 23;
    pub const REVERSED: u32 = 24;
    pub const NOISE: u32 = 25;
    pub const SLICE_ACCELERATION_REFERENCE: u32 = 38;
    pub const SLICE_ACCELERATION_PHASE_CORRECTION: u32 = 39;
    pub const DUMMY: u32 = 51;
    pub const FID_NAVIGATOR: u32 = 60;
}

/// What a readout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Image,
    /// Calibration of parallel imaging only.
    Reference,
    /// Phase correction of image lines.
    Navigator,
    /// Phase correction of reference lines.
    ReferenceNavigator,
    Noise,
    /// Single-slice lines that unfold simultaneously excited slices.
    SliceAcceleration,
    /// Feedback, stabilisation and dummy lines.
    Other,
}

/// Header of one readout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readout {
    /// Offset of the first coil's samples, and bytes from one coil's to the next's.
    pub samples_at: u64,
    pub coil_stride: u32,
    pub flags: u64,
    pub n_samples: u16,
    pub n_coils: u16,
    pub line: u16,
    pub average: u16,
    pub slice: u16,
    pub partition: u16,
    pub contrast: u16,
    pub phase: u16,
    pub repetition: u16,
    pub set: u16,
    /// Samples at the start and the end that were not measured under a steady gradient.
    pub cut_start: u16,
    pub cut_end: u16,
    pub centre_column: u16,
    pub centre_line: u16,
    pub centre_partition: u16,
    /// Distance of the field of view's centre from the magnet's along the readout axis.
    pub off_centre_mm: f32,
    /// Centre of the slice, LPS millimetres.
    pub position: [f32; 3],
    /// Rotation with the columns phase, read, slice; scalar first.
    pub quaternion: [f32; 4],
}

impl Readout {
    pub(super) fn has(&self, bit: u32) -> bool {
        self.flags >> bit & 1 == 1
    }

    pub(super) fn reversed(&self) -> bool {
        self.has(flag::REVERSED)
    }

    pub(super) fn purpose(&self) -> Purpose {
        let any = |bits: &[u32]| bits.iter().any(|bit| self.has(*bit));
        let reference_only = self.has(flag::REFERENCE) && !self.has(flag::REFERENCE_AND_IMAGE);
        if self.has(flag::NOISE) {
            Purpose::Noise
        } else if any(&[
            flag::SLICE_ACCELERATION_REFERENCE,
            flag::SLICE_ACCELERATION_PHASE_CORRECTION,
        ]) {
            Purpose::SliceAcceleration
        } else if self.has(flag::PHASE_CORRECTION) {
            // These carry the feedback flag as well.
            if reference_only {
                Purpose::ReferenceNavigator
            } else {
                Purpose::Navigator
            }
        } else if any(&[
            flag::FEEDBACK,
            flag::HP_FEEDBACK,
            flag::REFERENCE_PHASE_STABILISATION,
            flag::PHASE_STABILISATION,
            flag::DUMMY,
            flag::FID_NAVIGATOR,
        ]) {
            Purpose::Other
        } else if reference_only {
            Purpose::Reference
        } else {
            Purpose::Image
        }
    }
}

/// All readouts of a measurement that carry samples.
#[derive(Debug)]
pub(super) struct Index {
    pub readouts: Vec<Readout>,
    /// Where the measurement breaks off, if it has no end mark.
    pub broken_at: Option<u64>,
}

/// Little-endian fields of a header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at..at + N]);
        bytes
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    fn f32(&self, at: usize) -> f32 {
        f32::from_le_bytes(self.bytes(at))
    }
}

/// Where the two generations keep the same fields.
struct Offsets {
    header: usize,
    coil_header: usize,
    mask: usize,
    n_samples: usize,
    counters: usize,
    slice_data: usize,
}

const VB: Offsets = Offsets {
    header: VB_HEADER,
    coil_header: VB_HEADER,
    mask: 20,
    n_samples: 28,
    counters: 32,
    slice_data: 96,
};

const VD: Offsets = Offsets {
    header: VD_HEADER,
    coil_header: VD_COIL_HEADER,
    mask: 40,
    n_samples: 48,
    counters: 52,
    slice_data: 100,
};

impl Offsets {
    fn of(layout: Layout) -> &'static Self {
        match layout {
            Layout::Vb => &VB,
            Layout::Vd => &VD,
        }
    }

    fn parse(&self, bytes: &[u8], at: u64) -> Readout {
        let f = Fields(bytes);
        let counter = |i: usize| f.u16(self.counters + 2 * i);
        // After the fourteen counters the fields follow each other alike.
        let after = self.counters + 28;
        let first = if self.header == self.coil_header {
            self.header
        } else {
            self.header + self.coil_header
        };
        let n_samples = f.u16(self.n_samples);
        let [x, y, z, a, b, c, d] = [0, 1, 2, 3, 4, 5, 6].map(|i| f.f32(self.slice_data + 4 * i));
        Readout {
            samples_at: at + first as u64,
            coil_stride: (self.coil_header + SAMPLE_BYTES * usize::from(n_samples)) as u32,
            flags: u64::from(f.u32(self.mask)) | u64::from(f.u32(self.mask + 4)) << 32,
            n_samples,
            n_coils: f.u16(self.n_samples + 2),
            line: counter(0),
            average: counter(1),
            slice: counter(2),
            partition: counter(3),
            contrast: counter(4),
            phase: counter(5),
            repetition: counter(6),
            set: counter(7),
            cut_start: f.u16(after),
            cut_end: f.u16(after + 2),
            centre_column: f.u16(after + 4),
            off_centre_mm: f.f32(after + 8),
            centre_line: f.u16(after + 16),
            centre_partition: f.u16(after + 18),
            position: [x, y, z],
            quaternion: [a, b, c, d],
        }
    }
}

/// The header before, by which the next is told from bytes that are none.
#[derive(Clone, Copy)]
struct Last {
    uid: u32,
    counter: u32,
    /// True if its length agreed with what it declared.
    sure: bool,
}

impl Last {
    /// Both numbers hold from line to line. In files put together from others one may not, but that is no excuse where
    /// the place of the next header is in doubt; end marks written by other tools have no number.
    fn precedes(self, uid: u32, counter: u32, is_end: bool) -> bool {
        let (same, next) = (self.uid == uid, self.counter.wrapping_add(1) == counter);
        match self.sure {
            true => same || next,
            false => next && (same || is_end),
        }
    }
}

/// VB repeats the header before every coil: the last must speak of the same line as the first.
fn check_last_coil(
    file: &mut File,
    path: &Path,
    first: &[u8],
    at: u64,
    distance: u64,
) -> Result<()> {
    let mut header = [0; VB_HEADER];
    read_at(file, path, at + distance, &mut header)?;
    // Measurement, counter, samples, coils and loop counters.
    if header[4..12] == first[4..12] && header[28..60] == first[28..60] {
        return Ok(());
    }
    Err(bad_header(
        path,
        "header of a line's last coil",
        at + distance,
        format!("that of the line whose first is at byte {at}"),
        "another line, or none",
    ))
}

/// Reads every line header from `data_start` on, and none of the samples.
///
/// A measurement whose end is missing gives the readouts that are whole and where it breaks off. A header that
/// contradicts its neighbours is an error: nothing after it could be trusted.
pub(super) fn index(
    file: &mut File,
    path: &Path,
    layout: Layout,
    extent: &Extent,
    data_start: u64,
) -> Result<Index> {
    let offsets = Offsets::of(layout);
    let mut readouts: Vec<Readout> = Vec::new();
    let mut header = vec![0; offsets.header];
    let mut at = data_start;
    let mut last: Option<Last> = None;
    loop {
        let room = extent.available.saturating_sub(at);
        if room < offsets.header as u64 {
            return whole_or_truncated(path, extent, readouts, at, offsets.header as u64);
        }
        read_at(file, path, at, &mut header)?;
        let fields = Fields(&header);
        let (word, uid, counter) = (fields.u32(0), fields.u32(4), fields.u32(8));
        let readout = offsets.parse(&header, at);
        // Space that was reserved and never written.
        if header.iter().all(|b| *b == 0) {
            return whole_or_truncated(path, extent, readouts, at, offsets.header as u64);
        }
        let is_end = readout.has(flag::END);
        let is_sync = readout.has(flag::SYNC_DATA);
        // Synchronisation data are not counted alike everywhere; where their place is sure they are taken as they come.
        let known = |last: Last| (is_sync && last.sure) || last.precedes(uid, counter, is_end);
        if last.is_some_and(|last| !known(last)) {
            return Err(bad_header(
                path,
                &format!("line header {}", readouts.len() + 1),
                at,
                "the measurement's number, and a counter one above the last",
                format!("number {uid}, counter {counter}"),
            ));
        }
        if is_end {
            return Ok(Index {
                readouts,
                broken_at: None,
            });
        }
        let declared = u64::from(word & LENGTH_BITS);
        if is_sync {
            last = last.map(|last| Last { sure: true, ..last });
            if declared < offsets.header as u64 {
                return Err(bad_header(
                    path,
                    "length of synchronisation data",
                    at,
                    format!("at least {} bytes", offsets.header),
                    declared.to_string(),
                ));
            }
            if declared > room {
                return whole_or_truncated(path, extent, readouts, at, declared);
            }
            at += declared;
            continue;
        }
        let n_coils = u64::from(readout.n_coils);
        if readout.n_samples == 0 || n_coils == 0 {
            return Err(bad_header(
                path,
                &format!("line header {}", readouts.len() + 1),
                at,
                "samples and coils",
                format!("{} samples of {n_coils} coils", readout.n_samples),
            ));
        }
        let stride = u64::from(readout.coil_stride);
        let length = match layout {
            Layout::Vb => n_coils * stride,
            Layout::Vd => offsets.header as u64 + n_coils * stride,
        };
        let as_declared = declared == length || (layout == Layout::Vb && declared == stride);
        if length > room {
            // A line like those before it was cut off; any other says more than there ever was.
            let alike = |r: &Readout| {
                r.n_coils == readout.n_coils && (as_declared || r.n_samples == readout.n_samples)
            };
            let honest = (as_declared && readouts.is_empty())
                || ((as_declared || word & PACKED != 0) && readouts.iter().any(alike));
            if honest {
                return whole_or_truncated(path, extent, readouts, at, length);
            }
            return Err(bad_header(
                path,
                &format!("line header {}", readouts.len() + 1),
                at,
                format!("samples and coils within the {room} bytes that are left"),
                format!("{} samples of {n_coils} coils", readout.n_samples),
            ));
        }
        if readouts.len() == MAX_READOUTS {
            return Err(Error::TooLarge {
                path: path.into(),
                what: "number of readouts",
                expected: MAX_READOUTS as u64,
                found: "more".into(),
                hint: "split the measurement",
            });
        }
        if layout == Layout::Vb {
            check_last_coil(file, path, &header, at, length - stride)?;
        }
        readouts.push(readout);
        last = Some(Last {
            uid,
            counter,
            sure: as_declared,
        });
        at += length;
    }
}

/// A measurement without its end mark: usable if any readout is whole.
fn whole_or_truncated(
    path: &Path,
    extent: &Extent,
    readouts: Vec<Readout>,
    at: u64,
    needed: u64,
) -> Result<Index> {
    if readouts.is_empty() {
        return Err(Error::Truncated {
            path: path.into(),
            expected: extent.end.max(at.saturating_add(needed)),
            found: extent.available,
            source: None,
        });
    }
    Ok(Index {
        readouts,
        broken_at: Some(at),
    })
}

/// Numbers of the coils of a readout, as the scanner counts its receivers.
pub(super) fn coil_numbers(
    file: &mut File,
    path: &Path,
    layout: Layout,
    readout: &Readout,
) -> Result<Vec<u16>> {
    // Bytes from the number to the samples that follow it.
    let before = match layout {
        Layout::Vb => VB_HEADER - 124,
        Layout::Vd => VD_COIL_HEADER - 24,
    };
    (0..u64::from(readout.n_coils))
        .map(|coil| {
            let samples = readout.samples_at + coil * u64::from(readout.coil_stride);
            let mut number = [0; 2];
            read_at(file, path, samples - before as u64, &mut number)?;
            Ok(u16::from_le_bytes(number))
        })
        .collect()
}
