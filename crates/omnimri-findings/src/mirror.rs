//! Facts of an image that is flipped: sides, places and paired structures change, all else stays.

use crate::detail::{Detail, Matter, Place};
use crate::facts::Fact;
use crate::term::Term;
use crate::vocabulary::{Region, Side};

/// How the pixels of an image are flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flip {
    /// Left and right change places.
    Horizontal,
    /// Above and below change places.
    Vertical,
}

impl Side {
    /// The side on which a thing lies after a horizontal flip. The patient's sides change as well: what is seen afterwards is a
    /// mirrored patient in an unchanged frame.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::ImageLeft => Self::ImageRight,
            Self::ImageRight => Self::ImageLeft,
            Self::Midline => Self::Midline,
            Self::PatientLeft => Self::PatientRight,
            Self::PatientRight => Self::PatientLeft,
        }
    }
}

impl Term {
    /// What a structure is called in a mirrored patient: `left hippocampus` becomes `right hippocampus`.
    ///
    /// Parts of the heart keep their names, which tell what they are and not where they lie.
    pub fn mirrored(self) -> Self {
        if self.region() == Region::Heart {
            return self;
        }
        let name = self.name();
        let other = match (name.strip_prefix("left "), name.strip_prefix("right ")) {
            (Some(rest), _) => format!("right {rest}"),
            (_, Some(rest)) => format!("left {rest}"),
            _ => return self,
        };
        Self::from_name(&other).unwrap_or(self)
    }
}

impl Fact {
    /// The same fact of the flipped image.
    #[must_use]
    pub fn flipped(self, flip: Flip) -> Self {
        match (self, flip) {
            (Self::Location(side), Flip::Horizontal) => Self::Location(side.mirrored()),
            (Self::Structure(term), Flip::Horizontal) => Self::Structure(term.mirrored()),
            (Self::Detail(detail), _) => Self::Detail(detail.flipped(flip)),
            (fact, _) => fact,
        }
    }
}

impl Detail {
    fn flipped(mut self, flip: Flip) -> Self {
        if flip == Flip::Vertical {
            if let Self::Place { place } = &mut self {
                *place = match place {
                    Place::Upper => Place::Lower,
                    Place::Middle => Place::Middle,
                    Place::Lower => Place::Upper,
                };
            }
            return self;
        }
        match &mut self {
            Self::Absent { of }
            | Self::Relative { of, .. }
            | Self::Diameter { of, .. }
            | Self::Area { of, .. }
            | Self::Volume { of, .. }
            | Self::Parts { of, .. }
            | Self::Share { of, .. }
            | Self::Unknown {
                of: Matter::Term(of),
            } => *of = of.mirrored(),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_flips_are_none_and_pairs_change_places() {
        for term in Term::all() {
            assert_eq!(term.mirrored().mirrored(), term, "{term}");
            assert_eq!(term.mirrored().is_finding(), term.is_finding());
        }
        let of = |name| Term::from_name(name).unwrap();
        assert_eq!(of("left hippocampus").mirrored(), of("right hippocampus"));
        for name in ["left ventricle cavity", "left atrium", "glioma", "liver"] {
            assert_eq!(of(name).mirrored(), of(name));
        }
        for side in Side::ALL {
            assert_eq!(side.mirrored().mirrored(), side);
            assert_eq!(side.mirrored() == side, side == Side::Midline);
        }
    }

    #[test]
    fn places_follow_a_vertical_flip_only() {
        let upper = Fact::Detail(Detail::Place {
            place: Place::Upper,
        });
        assert_eq!(upper.flipped(Flip::Horizontal), upper);
        assert_ne!(upper.flipped(Flip::Vertical), upper);
        let left = Fact::Location(Side::ImageLeft);
        assert_eq!(left.flipped(Flip::Vertical), left);
        assert_eq!(
            left.flipped(Flip::Horizontal),
            Fact::Location(Side::ImageRight)
        );
    }
}
