//! Tensors as slices, slices as tensors, and passes over them on all cores.
//!
//! What a pass does to a part is compiled for several instruction sets ([`wide`]). A closure that is to be
//! compiled so must be inlined, hence the attributes where such passes are called.

use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};
use rayon::prelude::*;

use super::wide::wide;

/// Elements that one task takes of a pass over all of them: small enough for a core's nearest memory, large enough to be worth a task.
pub(super) const PART: usize = 1 << 12;

/// Rows that one task takes of a pass over rows.
pub(super) const ROWS: usize = 16;

/// The elements of a tensor in the order of its shape.
pub(super) struct Values(FlexTensor);

impl Values {
    pub(super) fn of(tensor: FlexTensor) -> Self {
        Self(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() })
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        self.0.as_slice::<f32>().expect("contiguous, and of 32-bit floats")
    }
}

/// The rows and columns of `[.., columns]`.
pub(super) fn rows_of(shape: &Shape) -> [usize; 2] {
    let columns = shape.last().copied().unwrap_or(1);
    [shape.num_elements() / columns.max(1), columns]
}

pub(super) fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    debug_assert_eq!(values.len(), shape.num_elements());
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// A tensor to write over through `storage_mut`. What others see is copied here, on all cores: `storage_mut` would on one.
pub(super) fn owned(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(values) if values.len() == tensor.storage::<f32>().len() && tensor.is_unique() => tensor,
        Some(values) => self::tensor(copied(values), tensor.shape()),
        None => tensor.to_contiguous(),
    }
}

fn copied(values: &[f32]) -> Vec<f32> {
    // SAFETY: a part is as long as its part of the values.
    unsafe {
        filled(values.len(), 16 * PART, |start, part| {
            part.write_copy_of_slice(&values[start..start + part.len()]);
        })
    }
}

/// A vector that `fill` writes, part by part; it is told where a part begins.
///
/// # Safety
/// `fill` must write every element that it is given.
pub(super) unsafe fn filled(
    length: usize,
    part: usize,
    fill: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    let part = part.max(1);
    let mut values = Vec::with_capacity(length);
    let room = &mut values.spare_capacity_mut()[..length];
    room.par_chunks_mut(part).enumerate().for_each(|(number, values)| {
        wide(
            #[inline(always)]
            || fill(number * part, values),
        );
    });
    // SAFETY: the length is within the capacity, and the elements are written.
    unsafe { values.set_len(length) };
    values
}

/// A tensor whose elements `write` writes over, part by part, where they are if nothing else sees them; it is told where a part begins.
pub(super) fn rewritten(tensor: FlexTensor, part: usize, write: impl Fn(usize, &mut [f32]) + Sync) -> FlexTensor {
    let part = part.max(1);
    let mut tensor = owned(tensor);
    tensor.storage_mut::<f32>().par_chunks_mut(part).enumerate().for_each(|(number, values)| {
        wide(
            #[inline(always)]
            || write(number * part, values),
        );
    });
    tensor
}

/// Rows that one task adds up.
const SUMMED: usize = 64;

/// A sum over rows of `width` numbers each, a task for so many rows at a time, in an order that does not depend on how many cores there are.
pub(super) fn partial_sums(rows: usize, width: usize, add: impl Fn(Range<usize>, &mut [f32]) + Sync) -> Vec<f32> {
    let tasks = rows.div_ceil(SUMMED);
    let mut partial = vec![0.0; tasks * width];
    partial.par_chunks_mut(width.max(1)).enumerate().for_each(|(task, sums)| {
        let rows = task * SUMMED..rows.min((task + 1) * SUMMED);
        wide(
            #[inline(always)]
            || add(rows.clone(), sums),
        );
    });
    total(&partial, width)
}

/// [`rewritten`] in rows of `width` numbers, and [`partial_sums`] of what `write` adds up on the way.
pub(super) fn rewritten_with_sums(
    tensor: FlexTensor,
    width: usize,
    write: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) -> (FlexTensor, Vec<f32>) {
    let part = (SUMMED * width).max(1);
    let mut tensor = owned(tensor);
    let values = tensor.storage_mut::<f32>();
    let mut partial = vec![0.0; values.len().div_ceil(part) * width];
    values.par_chunks_mut(part).zip(partial.par_chunks_mut(width.max(1))).enumerate().for_each(
        |(number, (values, sums))| {
            wide(
                #[inline(always)]
                || write(number * part, values, sums),
            );
        },
    );
    (tensor, total(&partial, width))
}

/// The sum of vectors of this length that lie one behind the other.
pub(super) fn total(partial: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for partial in partial.chunks_exact(width.max(1)) {
        sums.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
    }
    sums
}
