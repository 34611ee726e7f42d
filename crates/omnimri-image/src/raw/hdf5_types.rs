//! Types of HDF5 values: members of compounds, numbers and complex numbers.

use hdf5_pure_rust::format::messages::datatype::{ByteOrder, DatatypeClass, DatatypeMessage};
use num_complex::Complex32;

use super::hdf5::{Dataset, bad_structure};
use crate::Result;
use crate::guard::guarded;

/// One member of a compound.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub name: String,
    /// Offset in the value, in bytes.
    pub at: usize,
    /// Bytes.
    pub size: usize,
    pub kind: DatatypeMessage,
}

/// Members of a compound; none of another type.
pub(super) fn members(kind: &DatatypeMessage) -> Vec<Member> {
    if kind.class != DatatypeClass::Compound {
        return Vec::new();
    }
    let found = guarded(|| {
        let mut members = Vec::new();
        for field in kind.compound_fields_iter().ok()? {
            let field = field.ok()?;
            members.push(Member {
                name: field.name.into_owned(),
                at: field.byte_offset,
                size: field.size,
                kind: field.datatype,
            });
        }
        // Nothing may reach beyond the value.
        let inside = |m: &Member| {
            m.at.checked_add(m.size)
                .is_some_and(|end| end <= kind.size as usize)
        };
        members.iter().all(inside).then_some(members)
    });
    found.ok().flatten().unwrap_or_default()
}

/// A whole number of 1 to 8 bytes or a float, at a place in a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    at: usize,
    size: usize,
    big: bool,
    float: bool,
    signed: bool,
}

impl Number {
    /// Of a dataset whose values are numbers; `None` for another type.
    pub fn of_values(kind: &DatatypeMessage) -> Option<Self> {
        let size = kind.size as usize;
        Self::of(
            &Member {
                name: String::new(),
                at: 0,
                size,
                kind: kind.clone(),
            },
            0,
        )
    }

    /// From a member (or the first value of an array member), `base` bytes into the value; `None` for another type.
    pub fn of(member: &Member, base: usize) -> Option<Self> {
        let kind = match member.kind.class {
            DatatypeClass::Array => guarded(|| member.kind.array_base().ok()).ok().flatten()?,
            _ => member.kind.clone(),
        };
        let size = kind.size as usize;
        let float = match kind.class {
            DatatypeClass::FixedPoint if (1..=8).contains(&size) => false,
            DatatypeClass::FloatingPoint if size == 4 || size == 8 => true,
            _ => return None,
        };
        (size <= member.size).then_some(Self {
            at: base.checked_add(member.at)?,
            size,
            big: kind.byte_order() == Some(ByteOrder::BigEndian),
            float,
            signed: kind.is_signed() == Some(true),
        })
    }

    /// The `index`-th number from here in a value.
    pub fn nth(mut self, index: usize) -> Self {
        self.at += index * self.size;
        self
    }

    /// One byte after the number.
    pub fn end(&self) -> usize {
        self.at.saturating_add(self.size)
    }

    /// As a whole number; floats are cut.
    pub fn whole(&self, value: &[u8]) -> u64 {
        if self.float {
            return self.real(value) as u64;
        }
        self.bits(value)
    }

    /// As a float.
    pub fn real(&self, value: &[u8]) -> f64 {
        let bits = self.bits(value);
        match (self.float, self.size, self.signed) {
            (true, 4, _) => f64::from(f32::from_bits(bits as u32)),
            (true, ..) => f64::from_bits(bits),
            (false, size, true) => {
                let unused = 64 - 8 * size as u32;
                (((bits << unused) as i64) >> unused) as f64
            }
            _ => bits as f64,
        }
    }

    fn bits(&self, value: &[u8]) -> u64 {
        let bytes = value.get(self.at..self.end()).unwrap_or_default();
        let join = |n: u64, b: &u8| (n << 8) | u64::from(*b);
        if self.big {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        }
    }
}

/// How complex numbers lie in a dataset.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComplexKind {
    re: Number,
    im: Number,
    element: usize,
}

impl ComplexKind {
    /// Of compounds of two floats named `r, i` (h5py) or `real, imag` (MATLAB, ISMRMRD); `None` for another type.
    pub fn of(kind: &DatatypeMessage) -> Option<Self> {
        let members = members(kind);
        let [a, b] = members.as_slice() else {
            return None;
        };
        let named =
            |m: &Member, names: [&str; 2]| names.contains(&m.name.to_ascii_lowercase().as_str());
        let (re, im) = match () {
            () if named(a, ["r", "real"]) && named(b, ["i", "imag"]) => (a, b),
            () if named(b, ["r", "real"]) && named(a, ["i", "imag"]) => (b, a),
            () => return None,
        };
        let (re, im) = (Number::of(re, 0)?, Number::of(im, 0)?);
        (re.float && im.float).then_some(Self {
            re,
            im,
            element: kind.size as usize,
        })
    }

    /// Numbers of raw values; doubles are rounded to single precision.
    pub fn decode(&self, raw: &[u8]) -> Vec<Complex32> {
        let plain = |at: usize, number: &Number| number.at == at && number.size == 4 && !number.big;
        if self.element == 8 && plain(0, &self.re) && plain(4, &self.im) {
            return complex_from_le(raw);
        }
        raw.chunks_exact(self.element)
            .map(|value| Complex32::new(self.re.real(value) as f32, self.im.real(value) as f32))
            .collect()
    }
}

/// Complex numbers of little-endian single precision pairs.
pub(super) fn complex_from_le(raw: &[u8]) -> Vec<Complex32> {
    let (pairs, _) = raw.as_chunks::<8>();
    pairs
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| {
            Complex32::new(
                f32::from_le_bytes([a, b, c, d]),
                f32::from_le_bytes([e, f, g, h]),
            )
        })
        .collect()
}

/// How the complex numbers of a dataset lie, or an error that names what is there.
pub(super) fn complex_kind(dataset: &Dataset) -> Result<ComplexKind> {
    ComplexKind::of(&dataset.kind).ok_or_else(|| {
        let names: Vec<_> = members(&dataset.kind).into_iter().map(|m| m.name).collect();
        let found = match names.is_empty() {
            true => format!(
                "{:?} values of {} bytes",
                dataset.kind.class, dataset.element
            ),
            false => format!("compounds of {}", names.join(", ")),
        };
        bad_structure(
            &dataset.disk.path,
            &dataset.name,
            "complex numbers: compounds of r, i or real, imag",
            found,
        )
    })
}
