//! How much is let in at once.

/// Bounds on uploads and on work at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub max_file_bytes: u64,
    /// Most voxels or samples that a file may declare, whatever its compressed size.
    pub max_voxels: usize,
    /// Inputs read at the same time.
    pub readers: usize,
    /// Further requests that may wait for a reader; one more is refused.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 256 << 20,
            max_voxels: 1 << 27,
            readers: 2,
            waiting: 8,
        }
    }
}
