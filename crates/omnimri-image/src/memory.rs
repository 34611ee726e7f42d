//! Large buffers on huge pages, where the system has them: touching fresh 4 KiB pages costs more
//! than decoding into them.

/// Buffers below this gain nothing.
#[cfg(any(target_os = "linux", test))]
const LEAST_BYTES: usize = 4 << 20;

/// `n` zeros.
pub(crate) fn zeros(n: usize) -> Vec<f32> {
    let buffer = vec![0.0; n];
    advise(buffer.as_ptr(), n);
    buffer
}

/// An empty buffer for `n` values.
pub(crate) fn with_capacity(n: usize) -> Vec<f32> {
    let buffer = Vec::with_capacity(n);
    advise(buffer.as_ptr(), buffer.capacity());
    buffer
}

/// Asks for huge pages behind `n` values at `start`; refusal changes nothing but speed.
#[cfg(target_os = "linux")]
fn advise(start: *const f32, n: usize) {
    const PAGE: usize = 4096;
    let bytes = n.saturating_mul(size_of::<f32>());
    if bytes < LEAST_BYTES {
        return;
    }
    let skip = start.addr().next_multiple_of(PAGE) - start.addr();
    #[expect(unsafe_code, reason = "advice on memory has no safe interface in std")]
    // SAFETY: the range lies inside the allocation that starts at `start` and spans `bytes`,
    // because `skip` is less than a page; MADV_HUGEPAGE changes neither content nor validity of
    // memory.
    unsafe {
        libc::madvise(
            start.wrapping_byte_add(skip) as *mut _,
            bytes - skip,
            libc::MADV_HUGEPAGE,
        );
    }
}

/// Elsewhere the system decides by itself.
#[cfg(not(target_os = "linux"))]
fn advise(_start: *const f32, _n: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_behave_as_any_other() {
        for n in [0, 1, 5000, (LEAST_BYTES / 4) + 1234] {
            assert!(zeros(n).len() == n && zeros(n).iter().all(|v| *v == 0.0));
            let mut buffer = with_capacity(n);
            buffer.resize(n + 1, 1.0);
            assert_eq!(buffer.iter().sum::<f32>(), n as f32 + 1.0);
        }
    }
}
