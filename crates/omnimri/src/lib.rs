//! OmniMRI: k-space to report, one program and one model.
