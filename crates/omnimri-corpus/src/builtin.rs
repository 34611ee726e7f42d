//! The catalogue files that are built in: name of the file and its text.

macro_rules! entries {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../catalogue/", $name, ".toml")))),*]
    };
}

/// Every file of `catalogue/`; a test compares this list with the folder.
pub(crate) const BUILTIN: &[(&str, &str)] = entries![
    "brain_tumor_t1ce",
    "cardiac_lv",
    "glioma_progression",
    "hippocampus",
    "ms_brain",
    "spine_lumbar",
    "vqa_rad",
];
