//! The XML header of ISMRMRD, which fastMRI carries too.
//!
//! Inati, Naegele, Zwart et al., "ISMRM Raw data format: a proposed standard for MRI raw datasets", Magn Reson Med 77 (2017).

use std::path::Path;
use std::str::FromStr;

use roxmltree::{Document, Node};

use super::hdf5::printable;
use crate::{Acquisition, Error, Result, Zyx};

/// Largest matrix side.
const MAX_SIDE: usize = 1 << 15;

/// What the header says.
#[derive(Debug, Clone)]
pub(super) struct MrdHeader {
    /// At least one.
    pub encodings: Vec<Encoding>,
    pub acquisition: Acquisition,
    /// Part of the receiver's bandwidth that noise passes (0 to 1).
    pub noise_bandwidth: Option<f64>,
}

/// One encoding.
#[derive(Debug, Clone)]
pub(super) struct Encoding {
    pub encoded: Space,
    pub recon: Space,
    /// First phase direction.
    pub step_1: Option<Limit>,
    /// Second phase direction.
    pub step_2: Option<Limit>,
    /// As written: `cartesian`, `epi`, `radial`, `goldenangle`, `spiral`, `other`.
    pub trajectory: String,
}

/// A matrix and its field of view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub matrix: Zyx<usize>,
    pub fov_mm: Option<Zyx<f64>>,
}

/// Range of a counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub minimum: usize,
    pub centre: usize,
}

impl MrdHeader {
    /// Parses the header of `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        // Some writers leave a byte order mark or fill up with zeros.
        let text = text
            .trim_start_matches('\u{feff}')
            .trim_matches(['\0', ' ', '\n', '\r', '\t']);
        let document = Document::parse(text)
            .map_err(|error| bad(path, "", "well-formed XML", error.to_string()))?;
        let root = document.root_element();
        let encodings = root
            .children()
            .filter(|n| n.tag_name().name() == "encoding")
            .enumerate()
            .map(|(i, node)| encoding(path, i, node))
            .collect::<Result<Vec<_>>>()?;
        if encodings.is_empty() {
            let found = format!("<{}> without one", root.tag_name().name());
            return Err(bad(path, "encoding", "at least one encoding", found));
        }
        let noise_bandwidth = number(
            root,
            &[
                "acquisitionSystemInformation",
                "relativeReceiverNoiseBandwidth",
            ],
        )
        .filter(|b| *b > 0.0 && *b <= 1.0);
        Ok(Self {
            encodings,
            acquisition: acquisition(root),
            noise_bandwidth,
        })
    }
}

fn bad(path: &Path, field: &str, expected: &str, found: String) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: format!("ISMRMRD header {field}").trim_end().into(),
        expected: expected.into(),
        found: printable(&found),
        hint: "convert the raw data again".into(),
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, path: &[&str]) -> Option<Node<'a, 'i>> {
    path.iter().try_fold(node, |node, name| {
        node.children().find(|n| n.tag_name().name() == *name)
    })
}

fn text<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    child(node, path)?
        .text()
        .map(str::trim)
        .filter(|t| !t.is_empty())
}

fn parsed<T: FromStr>(node: Node<'_, '_>, path: &[&str]) -> Option<T> {
    text(node, path)?.parse().ok()
}

fn number(node: Node<'_, '_>, path: &[&str]) -> Option<f64> {
    parsed::<f64>(node, path).filter(|v| v.is_finite())
}

fn encoding(path: &Path, index: usize, node: Node<'_, '_>) -> Result<Encoding> {
    let space = |name: &str| -> Result<Space> {
        let side = |axis: &str| -> Result<usize> {
            let found = text(node, &[name, "matrixSize", axis]);
            let size = found
                .and_then(|t| t.parse().ok())
                .filter(|n| (1..=MAX_SIDE).contains(n));
            size.ok_or_else(|| {
                let field = format!("encoding[{index}]/{name}/matrixSize/{axis}");
                bad(
                    path,
                    &field,
                    &format!("1 to {MAX_SIDE}"),
                    found.unwrap_or("nothing").into(),
                )
            })
        };
        let mm = |axis: &str| number(node, &[name, "fieldOfView_mm", axis]).filter(|v| *v > 0.0);
        let fov_mm = match (mm("z"), mm("y"), mm("x")) {
            (Some(z), Some(y), Some(x)) => Some(Zyx::new(z, y, x)),
            _ => None,
        };
        Ok(Space {
            matrix: Zyx::new(side("z")?, side("y")?, side("x")?),
            fov_mm,
        })
    };
    let limit = |name: &str| {
        let part = |part: &str| parsed(node, &["encodingLimits", name, part]);
        let (minimum, centre) = (part("minimum")?, part("center")?);
        Some(Limit { minimum, centre })
    };
    let trajectory = text(node, &["trajectory"])
        .unwrap_or("cartesian")
        .to_ascii_lowercase();
    Ok(Encoding {
        encoded: space("encodedSpace")?,
        recon: space("reconSpace")?,
        step_1: limit("kspace_encoding_step_1"),
        step_2: limit("kspace_encoding_step_2"),
        trajectory,
    })
}

/// Sequence parameters; names of people and places are not read.
fn acquisition(root: Node<'_, '_>) -> Acquisition {
    let sequence = |name: &str| number(root, &["sequenceParameters", name]);
    let system = |name: &str| text(root, &["acquisitionSystemInformation", name]);
    let measurement =
        |name: &str| text(root, &["measurementInformation", name]).map(str::to_string);
    let scanner: Vec<_> = [system("systemVendor"), system("systemModel")]
        .into_iter()
        .flatten()
        .collect();
    Acquisition {
        modality: Some("MR".into()),
        description: measurement("seriesDescription").or_else(|| measurement("protocolName")),
        sequence_name: text(root, &["sequenceParameters", "sequence_type"])
            .map(str::to_string)
            .or_else(|| measurement("sequenceName")),
        repetition_time_ms: sequence("TR"),
        echo_time_ms: sequence("TE"),
        inversion_time_ms: sequence("TI").filter(|t| *t > 0.0),
        flip_angle_deg: sequence("flipAngle_deg"),
        field_strength_t: number(
            root,
            &["acquisitionSystemInformation", "systemFieldStrength_T"],
        ),
        scanner: (!scanner.is_empty()).then(|| scanner.join(" ")),
        ..Acquisition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(encoding: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\">\
             <acquisitionSystemInformation><systemVendor>A</systemVendor>\
             <relativeReceiverNoiseBandwidth>0.8</relativeReceiverNoiseBandwidth></acquisitionSystemInformation>\
             {encoding}<sequenceParameters><TR>7.5</TR><TE>2</TE></sequenceParameters></ismrmrdHeader>"
        )
    }

    const ENCODING: &str = "<encoding><encodedSpace><matrixSize><x>14</x><y>9</y><z>1</z></matrixSize>\
        <fieldOfView_mm><x>280</x><y>180</y><z>5</z></fieldOfView_mm></encodedSpace>\
        <reconSpace><matrixSize><x>7</x><y>9</y><z>1</z></matrixSize></reconSpace>\
        <encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>8</maximum><center>4</center>\
        </kspace_encoding_step_1></encodingLimits><trajectory>Radial</trajectory></encoding>";

    #[test]
    fn matrices_limits_and_times() {
        let header = MrdHeader::parse(Path::new("a.h5"), &(header(ENCODING) + "\0\0")).unwrap();
        let encoding = &header.encodings[0];
        assert_eq!(encoding.encoded.matrix, Zyx::new(1, 9, 14));
        assert_eq!(encoding.encoded.fov_mm, Some(Zyx::new(5.0, 180.0, 280.0)));
        assert_eq!((encoding.recon.matrix.x, encoding.recon.fov_mm), (7, None));
        assert_eq!(
            (encoding.step_1.unwrap().centre, encoding.step_2.is_none()),
            (4, true)
        );
        assert_eq!(encoding.trajectory, "radial");
        assert_eq!(header.noise_bandwidth, Some(0.8));
        assert_eq!(header.acquisition.repetition_time_ms, Some(7.5));
        assert_eq!(header.acquisition.scanner.as_deref(), Some("A"));
    }

    #[test]
    fn errors_name_the_field() {
        let parse = |text: &str| {
            MrdHeader::parse(Path::new("a.h5"), text)
                .unwrap_err()
                .to_string()
        };
        assert!(parse("<a><b></a>").contains("well-formed XML"));
        assert!(parse(&header("")).contains("at least one encoding"));
        let zero = header(&ENCODING.replace("<y>9</y>", "<y>0</y>"));
        assert!(
            parse(&zero).contains("encoding[0]/encodedSpace/matrixSize/y"),
            "{}",
            parse(&zero)
        );
        // Entities that expand without end need a document type, which is refused.
        let bomb = format!(
            "<!DOCTYPE a [<!ENTITY b \"c\">]>{}",
            header(ENCODING).trim_start_matches("<?xml version=\"1.0\"?>")
        );
        assert!(parse(&bomb).contains("XML"));
    }
}
