//! Blocks of arrays: the runs that a block is made of, and copies between arrays.

use crate::Result;

/// Calls `run(offset in the array, offset in the block, length)` for every contiguous run of a block, in C order.
pub(super) fn runs(
    shape: &[usize],
    start: &[usize],
    count: &[usize],
    mut run: impl FnMut(usize, usize, usize) -> Result<()>,
) -> Result<()> {
    let rank = shape.len();
    let mut strides = vec![1; rank];
    for axis in (1..rank).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    // Axes after `split` are whole and so form one run with the part of `split`.
    let mut split = rank.saturating_sub(1);
    while split > 0 && count[split] == shape[split] {
        split -= 1;
    }
    let length: usize = count[split.min(rank)..].iter().product();
    let mut index = vec![0; split];
    let mut to = 0;
    loop {
        let mut from: usize = (split..rank).map(|a| start[a] * strides[a]).sum();
        from += (0..split)
            .map(|a| (start[a] + index[a]) * strides[a])
            .sum::<usize>();
        run(from, to, length)?;
        to += length;
        let Some(axis) = (0..split).rev().find(|&a| index[a] + 1 < count[a]) else {
            return Ok(());
        };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

/// Copies the block of `size` values at `inside` of an array of `shape` to `into` of an array of `out_shape`.
#[expect(
    clippy::too_many_arguments,
    reason = "two arrays, each with a shape and an offset"
)]
pub(super) fn copy_block(
    values: &[u8],
    shape: &[usize],
    inside: &[usize],
    out: &mut [u8],
    out_shape: &[usize],
    into: &[usize],
    size: &[usize],
    element: usize,
) {
    let rank = shape.len();
    if rank == 0 {
        out[..element].copy_from_slice(&values[..element]);
        return;
    }
    let row = size[rank - 1] * element;
    let mut index = vec![0; rank - 1];
    loop {
        let offset = |shape: &[usize], first: &[usize]| {
            let outer = (0..rank - 1).fold(0, |n, a| n * shape[a] + first[a] + index[a]);
            (outer * shape[rank - 1] + first[rank - 1]) * element
        };
        let (from, to) = (offset(shape, inside), offset(out_shape, into));
        out[to..to + row].copy_from_slice(&values[from..from + row]);
        let Some(axis) = (0..rank - 1).rev().find(|&a| index[a] + 1 < size[a]) else {
            return;
        };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_block() {
        let found = |shape: &[usize], start: &[usize], count: &[usize]| {
            let mut all = Vec::new();
            runs(shape, start, count, |from, to, len| {
                all.push((from, to, len));
                Ok(())
            })
            .unwrap();
            all
        };
        assert_eq!(found(&[], &[], &[]), [(0, 0, 1)]);
        assert_eq!(found(&[7], &[2], &[3]), [(2, 0, 3)]);
        // Whole rows join; parts of rows do not.
        assert_eq!(found(&[3, 5, 7], &[1, 2, 0], &[1, 3, 7]), [(49, 0, 21)]);
        assert_eq!(found(&[3, 5, 7], &[1, 0, 0], &[2, 5, 7]), [(35, 0, 70)]);
        assert_eq!(
            found(&[2, 3, 5], &[0, 1, 2], &[2, 2, 3]),
            [(7, 0, 3), (12, 3, 3), (22, 6, 3), (27, 9, 3)]
        );
    }

    #[test]
    fn blocks_between_arrays() {
        let values: Vec<u8> = (0..15).collect();
        let mut out = vec![0; 4 * 4];
        copy_block(
            &values,
            &[3, 5],
            &[1, 2],
            &mut out,
            &[4, 4],
            &[2, 1],
            &[2, 3],
            1,
        );
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 9, 0, 12, 13, 14]);
    }
}
