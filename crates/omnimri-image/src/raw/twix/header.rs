//! The protocol of a measurement: the values that a reconstruction needs, from its text.
//!
//! Two notations hold them: ASCCONV (`sKSpace.lBaseResolution = 320`, one a line) and XProtocol
//! (`<ParamLong."iNoOfFourierLines"> { 160 }`). A value that is missing or out of all reason is taken as not given.

use std::collections::HashMap;

use super::container::Part;
use crate::Acquisition;
use crate::raw::{RampSampling, RampShape};

/// Largest matrix axis that a protocol is believed to ask for.
const MAX_AXIS: usize = 1 << 14;
/// Largest field of view in millimetres that a protocol is believed to ask for.
const MAX_FOV_MM: f64 = 5000.0;
/// Most slices looked up.
const MAX_SLICES: usize = 4096;

/// Mode of a reference scan whose lines belong to the image (`sPat.ucRefScanMode`).
const REFERENCE_IN_PLACE: f64 = 2.0;
/// Cartesian sampling (`sKSpace.ucTrajectory`).
const CARTESIAN: f64 = 1.0;
/// Volume excitation (`sKSpace.ucDimension`).
const DIMENSION_3D: f64 = 4.0;

/// What the protocol says, as far as it says it.
#[derive(Debug, Default)]
pub(super) struct Protocol {
    /// Samples a line after removal of oversampling.
    pub base_resolution: Option<usize>,
    /// Lines of full k-space, phase oversampling included.
    pub phase_lines: Option<usize>,
    /// The same, counted by the reconstruction's own parameters.
    pub fourier_lines: Option<usize>,
    pub partitions: Option<usize>,
    pub images_per_slab: Option<usize>,
    pub image_columns: Option<usize>,
    pub image_lines: Option<usize>,
    pub read_oversampling: Option<f64>,
    /// Additional part of the field of view, for example 0.5.
    pub phase_oversampling: f64,
    pub slice_oversampling: f64,
    pub read_fov_mm: Option<f64>,
    pub phase_fov_mm: Option<f64>,
    /// Thickness of a slice or slab.
    pub thickness_mm: Option<f64>,
    pub is_3d: bool,
    pub is_cartesian: bool,
    /// True if reference lines are part of the image.
    pub reference_in_place: bool,
    /// Slices excited at a time.
    pub multiband: usize,
    pub dwell_us: Option<f64>,
    /// Ramp sampling; the off-centre distance is set by the readouts.
    pub regrid: Option<RampSampling>,
    /// Centres of the slices, LPS millimetres.
    pub slices: Vec<[f64; 3]>,
    pub acquisition: Acquisition,
}

impl Protocol {
    /// Reads the parts of a protocol header.
    pub(super) fn parse(parts: &[Part]) -> Self {
        let values = Values::new(parts);
        let count = |key: &str| values.count(key);
        let x_count = |key: &str| values.x_number(key).and_then(as_count);
        let fov = |key: &str| {
            let value = values.number(&format!("sSliceArray.asSlice[0].{key}"));
            value.filter(|v| *v > 0.0 && *v <= MAX_FOV_MM)
        };
        let part = |key: &str| values.number(key).filter(|v| (0.0..=4.0).contains(v));
        let flag = |key: &str, what: f64| values.number(key) == Some(what);
        let dwell_ns = values.number("sRXSPEC.alDwellTime[0]");
        Self {
            base_resolution: count("sKSpace.lBaseResolution"),
            phase_lines: count("sKSpace.lPhaseEncodingLines"),
            fourier_lines: x_count("iNoOfFourierLines"),
            partitions: count("sKSpace.lPartitions"),
            images_per_slab: count("sKSpace.lImagesPerSlab"),
            image_columns: x_count("NImageCols"),
            image_lines: x_count("NImageLins"),
            read_oversampling: values
                .x_number("flReadoutOSFactor")
                .filter(|v| (1.0..=16.0).contains(v)),
            phase_oversampling: part("sKSpace.dPhaseOversamplingForDialog").unwrap_or(0.0),
            slice_oversampling: part("sKSpace.dSliceOversamplingForDialog").unwrap_or(0.0),
            read_fov_mm: fov("dReadoutFOV"),
            phase_fov_mm: fov("dPhaseFOV"),
            thickness_mm: fov("dThickness"),
            is_3d: flag("sKSpace.ucDimension", DIMENSION_3D),
            is_cartesian: values
                .number("sKSpace.ucTrajectory")
                .is_none_or(|v| v == CARTESIAN),
            reference_in_place: flag("sPat.ucRefScanMode", REFERENCE_IN_PLACE),
            multiband: count("sSliceAcceleration.lMultiBandFactor").unwrap_or(1),
            dwell_us: dwell_ns
                .map(|ns| ns / 1000.0)
                .filter(|us| (0.01..=1e4).contains(us)),
            regrid: values.regrid(),
            slices: values.slices(),
            acquisition: values.acquisition(),
        }
    }
}

/// A number that can be the length of an axis.
fn as_count(value: f64) -> Option<usize> {
    (value.fract() == 0.0 && value >= 1.0 && value <= MAX_AXIS as f64).then_some(value as usize)
}

/// The values of a header by name.
struct Values<'a> {
    ascconv: HashMap<String, String>,
    x_protocol: Vec<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn new(parts: &'a [Part]) -> Self {
        let named = |name: &str| parts.iter().find(|p| p.name == name).map(|p| &*p.text);
        // All three repeat the same protocol; the first is the one as measured.
        let ascconv = ["MeasYaps", "Phoenix", "Meas"]
            .into_iter()
            .filter_map(named)
            .map(parse_ascconv)
            .find(|values| !values.is_empty())
            .unwrap_or_default();
        let x_protocol = ["Meas", "Config", "Dicom"].into_iter().filter_map(named);
        Self {
            ascconv,
            x_protocol: x_protocol.collect(),
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        let text = self.ascconv.get(key)?;
        let value = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?.into(),
            None => text.parse().ok()?,
        };
        Some(value).filter(|v: &f64| v.is_finite())
    }

    fn text(&self, key: &str) -> Option<String> {
        let text = self.ascconv.get(key)?.trim_matches('"').trim();
        (!text.is_empty()).then(|| text.into())
    }

    fn count(&self, key: &str) -> Option<usize> {
        self.number(key).and_then(as_count)
    }

    /// The first value of an XProtocol parameter.
    fn x_first(&self, key: &str) -> Option<String> {
        self.x_protocol
            .iter()
            .find_map(|text| x_parameter(text, key))
    }

    fn x_number(&self, key: &str) -> Option<f64> {
        let value: f64 = self.x_first(key)?.parse().ok()?;
        value.is_finite().then_some(value)
    }

    fn x_text(&self, key: &str) -> Option<String> {
        let text = self.x_first(key)?;
        let text = text.trim_matches('"').trim();
        (!text.is_empty()).then(|| text.into())
    }

    /// Ramp sampling, if the protocol asks for regridding.
    fn regrid(&self) -> Option<RampSampling> {
        let shape = match self.x_number("alRegridMode")? {
            2.0 => RampShape::Trapezoid,
            4.0 => RampShape::Sinusoid,
            _ => return None,
        };
        let time = |key: &str| self.x_number(key).filter(|v| (0.0..=1e6).contains(v));
        let ramp = RampSampling {
            shape,
            ramp_up_us: time("alRegridRampupTime")?,
            flat_us: time("alRegridFlattopTime")?,
            ramp_down_us: time("alRegridRampdownTime")?,
            delay_us: time("alRegridDelaySamplesTime")?,
            adc_us: time("aflRegridADCDuration")?,
            n_samples: self.x_number("alRegridDestSamples").and_then(as_count)?,
            off_centre: 0.0,
        };
        (ramp.adc_us > 0.0).then_some(ramp)
    }

    /// A vector of three; components that are zero are left out of the text.
    fn vector(&self, key: &str) -> [f64; 3] {
        ["dSag", "dCor", "dTra"].map(|axis| self.number(&format!("{key}.{axis}")).unwrap_or(0.0))
    }

    fn slices(&self) -> Vec<[f64; 3]> {
        let n = self.count("sSliceArray.lSize").unwrap_or(0).min(MAX_SLICES);
        (0..n)
            .map(|i| self.vector(&format!("sSliceArray.asSlice[{i}].sPosition")))
            .collect()
    }

    fn acquisition(&self) -> Acquisition {
        let ms = |key: &str| self.number(key).filter(|v| *v > 0.0).map(|us| us / 1000.0);
        let scanner = self.x_text("ManufacturersModelName");
        Acquisition {
            modality: Some("MR".into()),
            description: self.text("tProtocolName"),
            sequence_name: self.text("tSequenceFileName"),
            repetition_time_ms: ms("alTR[0]"),
            echo_time_ms: ms("alTE[0]"),
            // The protocol keeps an inversion time even where no inversion pulse is played.
            inversion_time_ms: self
                .number("sPrepPulses.ucInversion")
                .filter(|mode| *mode != 4.0)
                .and_then(|_| ms("alTI[0]")),
            flip_angle_deg: self.number("adFlipAngleDegree[0]"),
            field_strength_t: self
                .number("sProtConsistencyInfo.flNominalB0")
                .or_else(|| self.x_number("flMagneticFieldStrength"))
                .filter(|t| *t > 0.0),
            scanner: Some(scanner.map_or("Siemens".into(), |model| format!("Siemens {model}"))),
            slice_thickness_mm: self.number("sSliceArray.asSlice[0].dThickness"),
            ..Acquisition::default()
        }
    }
}

/// `key = value` lines between the marks `### ASCCONV BEGIN` and `### ASCCONV END`.
fn parse_ascconv(text: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(text);
    let mut values = HashMap::new();
    let mut inside = false;
    for line in text.lines() {
        if line.contains("### ASCCONV BEGIN") {
            inside = true;
        } else if line.contains("### ASCCONV END") {
            break;
        } else if inside && let Some((key, value)) = line.split_once('=') {
            values.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    values
}

/// The first value of `<Param..."name"> { ... }`, the first that is not empty.
fn x_parameter(text: &[u8], name: &str) -> Option<String> {
    let mark = format!(".\"{name}\">");
    let mark = mark.as_bytes();
    let mut at = 0;
    while let Some(found) = text[at..].windows(mark.len()).position(|w| w == mark) {
        at += found + mark.len();
        let rest = &text[at..];
        let open = rest.iter().position(|b| !b.is_ascii_whitespace())?;
        if rest[open] != b'{' {
            continue;
        }
        let close = rest.iter().position(|b| *b == b'}')?;
        let inner = String::from_utf8_lossy(&rest[open + 1..close]).into_owned();
        if let Some(value) = first_token(&inner) {
            return Some(value);
        }
    }
    None
}

/// First value among attributes such as `<Precision> 6`.
fn first_token(mut text: &str) -> Option<String> {
    loop {
        text = text.trim_start();
        if let Some(attribute) = text.strip_prefix('<') {
            let (_, rest) = attribute.split_once('>')?;
            let rest = rest.trim_start();
            text = &rest[token_len(rest)..];
        } else {
            let token = &text[..token_len(text)];
            return (!token.is_empty()).then(|| token.to_owned());
        }
    }
}

/// Bytes of the token that a text begins with, a quoted text or a word.
fn token_len(text: &str) -> usize {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.find('"').map_or(text.len(), |end| end + 2),
        None => text.find(char::is_whitespace).unwrap_or(text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, text: &str) -> Part {
        Part {
            name: name.into(),
            text: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn both_notations_are_read() {
        let yaps = "### ASCCONV BEGIN object=a ###\nsKSpace.lBaseResolution\t = \t96\nsPat.ucRefScanMode = 0x2\n\
                    sSliceArray.lSize = 1\nsSliceArray.asSlice[0].sPosition.dCor = -12.5\n\
                    sSliceArray.asSlice[0].dReadoutFOV = 1e99\n### ASCCONV END ###\nsKSpace.lPartitions = 7\n";
        let meas = "<ParamLong.\"iNoOfFourierLines\"> { }\n<ParamLong.\"iNoOfFourierLines\"> { 80 81 }\n\
                    <ParamDouble.\"flReadoutOSFactor\"> { <Visible> \"true\" <Precision> 6 2.000 }\n\
                    <ParamString.\"ManufacturersModelName\"> { \"Big  one\" }";
        let p = Protocol::parse(&[part("Meas", meas), part("MeasYaps", yaps)]);
        assert_eq!(p.base_resolution, Some(96));
        assert!(p.reference_in_place && p.is_cartesian && !p.is_3d);
        assert_eq!(p.slices, [[0.0, -12.5, 0.0]]);
        assert_eq!((p.read_fov_mm, p.partitions), (None, None));
        assert_eq!(
            (p.fourier_lines, p.read_oversampling),
            (Some(80), Some(2.0))
        );
        assert_eq!(p.acquisition.scanner.as_deref(), Some("Siemens Big  one"));
    }

    #[test]
    fn broken_text_gives_nothing() {
        for text in [
            "<ParamLong.\"a\">",
            "<ParamLong.\"a\"> {",
            "<ParamLong.\"a\"> { <Precision> }",
            "<ParamLong.\"a\"> { <Precision",
            "<ParamLong.\"a\"> 4 }",
        ] {
            assert_eq!(x_parameter(text.as_bytes(), "a"), None, "{text}");
        }
        assert_eq!(first_token("\"open").as_deref(), Some("\"open"));
    }
}
