//! Small HDF5 files: groups, contiguous datasets, compounds, a heap, of the newer object headers.
//!
//! HDF5 File Format Specification 3.0; that other libraries read such files was checked with h5py. Meant for files of made-up
//! data: the whole file is built in memory.

use hdf5_pure_rust::format::checksum::checksum_metadata;

use super::ismrmrd::index::COUNTERS;

const UNDEFINED: u64 = u64::MAX;

/// A datatype message and its size in bytes.
#[derive(Debug, Clone)]
pub struct Kind {
    message: Vec<u8>,
    /// Bytes of a value.
    pub size: usize,
}

impl Kind {
    fn new(class: u8, bits: [u8; 3], size: usize, properties: &[u8]) -> Self {
        let mut message = vec![class, bits[0], bits[1], bits[2]];
        message.extend((size as u32).to_le_bytes());
        message.extend(properties);
        Self { message, size }
    }

    /// Unsigned whole numbers.
    pub fn whole(size: usize) -> Self {
        Self::new(0x10, [0; 3], size, &[0, 0, 8 * size as u8, 0])
    }

    /// Floats of 4 or 8 bytes.
    pub fn float(size: usize) -> Self {
        let (exponent, mantissa, bias) = if size == 4 {
            (8, 23, 127_u32)
        } else {
            (11, 52, 1023)
        };
        let bits = 8 * size as u8;
        let mut properties = vec![0, 0, bits, 0, mantissa, exponent, 0, mantissa];
        properties.extend(bias.to_le_bytes());
        Self::new(0x11, [0x20, bits - 1, 0], size, &properties)
    }

    /// Texts of a fixed number of bytes.
    pub fn text(size: usize) -> Self {
        Self::new(0x13, [0; 3], size, &[])
    }

    /// Arrays of `n` values.
    pub fn array(base: &Self, n: usize) -> Self {
        let mut properties = vec![1];
        properties.extend((n as u32).to_le_bytes());
        properties.extend(&base.message);
        Self::new(0x3a, [0; 3], n * base.size, &properties)
    }

    /// Sequences of any length: length, heap address, object.
    pub fn sequence(base: &Self) -> Self {
        Self::new(0x19, [0; 3], 16, &base.message)
    }

    /// Members one after another.
    pub fn compound(members: &[(&str, Self)]) -> Self {
        let size: usize = members.iter().map(|m| m.1.size).sum();
        let width = if size < 256 { 1 } else { 2 };
        let (mut properties, mut at) = (Vec::new(), 0_usize);
        for (name, kind) in members {
            properties.extend(name.as_bytes());
            properties.push(0);
            properties.extend(&at.to_le_bytes()[..width]);
            properties.extend(&kind.message);
            at += kind.size;
        }
        Self::new(0x36, [members.len() as u8, 0, 0], size, &properties)
    }

    /// Compounds of two floats of these names.
    pub fn complex(names: [&str; 2], size: usize) -> Self {
        Self::compound(&[(names[0], Self::float(size)), (names[1], Self::float(size))])
    }
}

/// A file that grows; addresses are counted from after the user block.
#[derive(Debug)]
pub struct Hdf5Writer {
    bytes: Vec<u8>,
}

impl Default for Hdf5Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Hdf5Writer {
    /// An empty file.
    pub fn new() -> Self {
        // The superblock comes last, when the root is known.
        Self { bytes: vec![0; 48] }
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        at
    }

    fn object(&mut self, messages: &[(u8, Vec<u8>)]) -> u64 {
        let mut body = Vec::new();
        for (kind, data) in messages {
            body.push(*kind);
            body.extend((data.len() as u16).to_le_bytes());
            body.push(0);
            body.extend(data);
        }
        let mut header = b"OHDR\x02\x02".to_vec();
        header.extend((body.len() as u32).to_le_bytes());
        header.extend(body);
        let sum = checksum_metadata(&header);
        header.extend(sum.to_le_bytes());
        self.put(&header)
    }

    /// A contiguous dataset of raw values in C order; its address.
    pub fn dataset(&mut self, kind: &Kind, shape: &[usize], values: &[u8]) -> u64 {
        let data = self.put(values);
        let mut space = vec![2, shape.len() as u8, 0, u8::from(!shape.is_empty())];
        for n in shape {
            space.extend((*n as u64).to_le_bytes());
        }
        let mut layout = vec![3, 1];
        layout.extend(data.to_le_bytes());
        layout.extend((values.len() as u64).to_le_bytes());
        self.object(&[(0x01, space), (0x03, kind.message.clone()), (0x08, layout)])
    }

    /// A dataset of one text; its address.
    pub fn text(&mut self, text: &str) -> u64 {
        self.dataset(&Kind::text(text.len()), &[1], text.as_bytes())
    }

    /// A group of named members; its address.
    pub fn group(&mut self, members: &[(&str, u64)]) -> u64 {
        let mut info = vec![0, 0];
        info.extend(UNDEFINED.to_le_bytes());
        info.extend(UNDEFINED.to_le_bytes());
        let mut messages = vec![(0x02, info), (0x0a, vec![0, 0])];
        for (name, at) in members {
            let mut link = vec![1, 0, name.len() as u8];
            link.extend(name.as_bytes());
            link.extend(at.to_le_bytes());
            messages.push((0x06, link));
        }
        self.object(&messages)
    }

    /// One collection of objects; the reference of each: `len` elements of `width` bytes.
    pub fn heap(&mut self, objects: &[Vec<u8>], width: usize) -> Vec<[u8; 16]> {
        let mut body = Vec::new();
        for (i, object) in objects.iter().enumerate() {
            body.extend((i as u16 + 1).to_le_bytes());
            body.extend([0; 6]);
            body.extend((object.len() as u64).to_le_bytes());
            body.extend(object);
            body.resize(body.len().next_multiple_of(8), 0);
        }
        // A collection has at least 4096 bytes; object 0 is the free space.
        let free = 4080_usize.saturating_sub(body.len());
        if free >= 16 {
            body.extend([0; 8]);
            body.extend((free as u64).to_le_bytes());
            body.resize(4080, 0);
        }
        let mut collection = b"GCOL\x01\0\0\0".to_vec();
        collection.extend((body.len() as u64 + 16).to_le_bytes());
        collection.extend(body);
        let at = self.put(&collection);
        let reference = |(i, object): (usize, &Vec<u8>)| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&((object.len() / width) as u32).to_le_bytes());
            bytes[4..12].copy_from_slice(&at.to_le_bytes());
            bytes[12..].copy_from_slice(&(i as u32 + 1).to_le_bytes());
            bytes
        };
        objects.iter().enumerate().map(reference).collect()
    }

    /// The whole file, after a user block of 0 or 512 bytes.
    pub fn finish(mut self, root: u64, user_block: usize) -> Vec<u8> {
        let mut start = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00".to_vec();
        start.extend((user_block as u64).to_le_bytes());
        start.extend(UNDEFINED.to_le_bytes());
        start.extend(((self.bytes.len() + user_block) as u64).to_le_bytes());
        start.extend(root.to_le_bytes());
        let sum = checksum_metadata(&start);
        start.extend(sum.to_le_bytes());
        self.bytes[..48].copy_from_slice(&start);
        let mut file = vec![b' '; user_block];
        file.extend(self.bytes);
        file
    }
}

/// Little-endian bytes of floats.
pub fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// One acquisition of an ISMRMRD file.
#[derive(Debug, Clone)]
pub struct MrdAcquisition {
    /// Flags of the standard.
    pub flags: u64,
    /// Real and imaginary parts, `[coil][sample]`.
    pub samples: Vec<[f32; 2]>,
    /// Number of coils.
    pub n_coils: usize,
    /// Coordinates `[sample][axis]`.
    pub trajectory: Vec<f32>,
    /// Axes of the trajectory.
    pub n_dims: usize,
    /// Sample at the centre of k-space.
    pub centre: usize,
    /// Time between samples in microseconds.
    pub dwell_us: f32,
    /// `step_1, step_2, average, slice, contrast, phase, repetition, set`
    pub counters: [u16; 8],
}

impl MrdAcquisition {
    /// A readout at phase step `step_1`, its centre in its middle.
    pub fn new(samples: Vec<[f32; 2]>, n_coils: usize, step_1: u16) -> Self {
        Self {
            flags: 0,
            centre: samples.len() / n_coils / 2,
            samples,
            n_coils,
            trajectory: Vec::new(),
            n_dims: 0,
            dwell_us: 2.0,
            counters: [step_1, 0, 0, 0, 0, 0, 0, 0],
        }
    }
}

/// The header of an ISMRMRD file; matrices are `x, y, z`, the centre is that of `kspace_encoding_step_1`.
pub fn mrd_xml(encoded: [usize; 3], recon: [usize; 3], centre: usize, trajectory: &str) -> String {
    let space = |name: &str, [x, y, z]: [usize; 3]| {
        format!(
            "<{name}><matrixSize><x>{x}</x><y>{y}</y><z>{z}</z></matrixSize><fieldOfView_mm><x>{}</x><y>{y}</y><z>5</z>\
             </fieldOfView_mm></{name}>",
            2 * x
        )
    };
    format!(
        "<ismrmrdHeader><encoding>{}{}<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>9</maximum>\
         <center>{centre}</center></kspace_encoding_step_1></encodingLimits><trajectory>{trajectory}</trajectory></encoding>\
         <sequenceParameters><TR>9</TR></sequenceParameters></ismrmrdHeader>",
        space("encodedSpace", encoded),
        space("reconSpace", recon)
    )
}

/// An ISMRMRD file.
pub fn ismrmrd(xml: &str, acquisitions: &[MrdAcquisition]) -> Vec<u8> {
    let (u2, f4) = (Kind::whole(2), Kind::float(4));
    let counters: Vec<_> = COUNTERS.iter().map(|name| (*name, u2.clone())).collect();
    let head = Kind::compound(&[
        ("flags", Kind::whole(8)),
        ("number_of_samples", u2.clone()),
        ("active_channels", u2.clone()),
        ("discard_pre", u2.clone()),
        ("discard_post", u2.clone()),
        ("center_sample", u2.clone()),
        ("encoding_space_ref", u2.clone()),
        ("trajectory_dimensions", u2.clone()),
        ("sample_time_us", f4.clone()),
        ("position", Kind::array(&f4, 3)),
        ("read_dir", Kind::array(&f4, 3)),
        ("phase_dir", Kind::array(&f4, 3)),
        ("slice_dir", Kind::array(&f4, 3)),
        ("idx", Kind::compound(&counters)),
    ]);
    let sequence = Kind::sequence(&f4);
    let record = Kind::compound(&[
        ("head", head),
        ("traj", sequence.clone()),
        ("data", sequence),
    ]);
    let mut file = Hdf5Writer::new();
    let objects: Vec<Vec<u8>> = acquisitions
        .iter()
        .flat_map(|a| {
            [
                floats(a.trajectory.iter().copied()),
                floats(a.samples.concat()),
            ]
        })
        .collect();
    let references = file.heap(&objects, 4);
    let mut values = Vec::new();
    for (a, reference) in acquisitions.iter().zip(references.chunks(2)) {
        values.extend(a.flags.to_le_bytes());
        for n in [
            a.samples.len() / a.n_coils,
            a.n_coils,
            0,
            0,
            a.centre,
            0,
            a.n_dims,
        ] {
            values.extend((n as u16).to_le_bytes());
        }
        values.extend(a.dwell_us.to_le_bytes());
        values.extend(floats([
            1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
        ]));
        for n in a.counters {
            values.extend(n.to_le_bytes());
        }
        values.extend(reference.concat());
    }
    let data = file.dataset(&record, &[acquisitions.len()], &values);
    let xml = file.text(xml);
    let group = file.group(&[("xml", xml), ("data", data)]);
    let root = file.group(&[("dataset", group)]);
    file.finish(root, 0)
}
