//! The small closed lists of a catalogue entry: each item has one name, used in files, filters and tables.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// An enum whose items are read, written, listed and printed by one name each.
macro_rules! named {
    (
        $(#[$outer:meta])*
        $type:ident, $what:literal { $($(#[$inner:meta])* $item:ident = $name:literal,)* }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$inner])* $item,)*
        }

        impl $type {
            /// The names of all items.
            pub const NAMES: &[&str] = &[$($name),*];

            /// All items, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$item),*];

            /// The name, as entries and filters write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$item => $name,)*
                }
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|item| item.name() == name)
                    .ok_or_else(|| Error::UnknownName {
                        what: $what,
                        expected: Self::NAMES,
                        found: name.into(),
                    })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

named! {
    /// What a dataset pairs its images with.
    Kind, "kind of dataset" {
        /// Images, with masks, boxes or classes or without.
        ImageOnly = "image-only",
        /// Images with reports or captions.
        Paired = "paired",
        /// Images with questions and answers.
        Instruction = "instruction",
    }
}

named! {
    /// How far the facts of an entry were read at their source.
    Verified, "state of verification" {
        /// Every figure and the licence.
        Yes = "yes",
        /// Some of them; `notes` say which.
        Partly = "partly",
        /// None.
        No = "no",
    }
}

named! {
    /// The widest use that a licence admits.
    Use, "use of a licence" {
        /// Not settled: treated as no use at all until a person has read the terms.
        Unclear = "unclear",
        /// Named persons who signed an agreement.
        Agreement = "agreement",
        /// Research that earns nothing.
        Research = "research",
        /// Anything.
        Commercial = "commercial",
    }
}

named! {
    /// How one gets the data.
    AccessKind, "kind of access" {
        /// A download.
        Open = "open",
        /// An account, and ticking terms.
        Registration = "registration",
        /// A person decides.
        Application = "application",
        /// Nobody outside gets it.
        Closed = "closed",
    }
}

named! {
    /// How a checksum is computed.
    Digest, "digest" {
        /// MD5, 32 hexadecimal digits; it finds accidents, not malice.
        Md5 = "md5",
        /// SHA-256, 64 hexadecimal digits.
        Sha256 = "sha256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), *kind);
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(serde_json::from_value::<Kind>(json).unwrap(), *kind);
        }
        assert_eq!(format!("{:12}|", Use::Research), "research    |");
        assert!(Use::Commercial > Use::Research && Use::Agreement > Use::Unclear);
        let error = "images".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("image-only, paired, instruction"), "{error}");
    }
}
