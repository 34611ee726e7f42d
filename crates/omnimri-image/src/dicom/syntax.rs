//! Byte order and value representation of a data set.

use dicom_dictionary_std::uids;

/// Retired from the standard; files written in it remain.
pub(super) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// How the elements of a data set are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Value representations are written with each element.
    pub explicit: bool,
    pub big_endian: bool,
}

impl Encoding {
    pub const EXPLICIT_LE: Self = Self {
        explicit: true,
        big_endian: false,
    };
    pub const IMPLICIT_LE: Self = Self {
        explicit: false,
        big_endian: false,
    };

    /// Encoding of a transfer syntax: explicit little-endian but for the two named exceptions
    /// (PS3.5, A).
    pub fn of(transfer_syntax: &str) -> Self {
        match transfer_syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => Self::IMPLICIT_LE,
            EXPLICIT_VR_BIG_ENDIAN => Self {
                explicit: true,
                big_endian: true,
            },
            _ => Self::EXPLICIT_LE,
        }
    }

    /// UID of the uncompressed transfer syntax with this encoding.
    pub fn uid(self) -> &'static str {
        match (self.explicit, self.big_endian) {
            (_, true) => EXPLICIT_VR_BIG_ENDIAN,
            (false, false) => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            (true, false) => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        }
    }

    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}
