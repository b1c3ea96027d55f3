//! Tensors as slices, and slices as tensors.

use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};
use pulp::Arch;
use rayon::prelude::*;

/// Elements that one task takes of a pass over all of them: small enough for a core's nearest memory, large enough to be worth a task.
pub(super) const PART: usize = 1 << 12;

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

/// A tensor's values to write over: its own memory if nothing else sees it, else a copy.
pub(super) fn owned(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(values) if values.len() == tensor.storage::<f32>().len() => tensor,
        Some(values) => self::tensor(values.to_vec(), tensor.shape()),
        None => tensor.to_contiguous(),
    }
}

/// A vector that `fill` writes, part by part on all cores; it is told where a part begins.
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
    room.par_chunks_mut(part).enumerate().for_each(|(number, values)| fill(number * part, values));
    // SAFETY: the length is within the capacity, and the elements are written.
    unsafe { values.set_len(length) };
    values
}

/// `f` of each element, and of the element of `y` in the same place.
pub(super) fn zipped(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let arch = Arch::new();
    // SAFETY: each part is as long as its parts of x and y, so that the loop reaches its end.
    unsafe {
        filled(x.len(), PART, |start, values| {
            let parts = x[start..start + values.len()].iter().zip(&y[start..start + values.len()]);
            arch.dispatch(|| {
                values.iter_mut().zip(parts).for_each(|(value, (&x, &y))| {
                    value.write(f(x, y));
                })
            });
        })
    }
}

/// `f` of each element.
pub(super) fn mapped(x: &[f32], f: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
    let arch = Arch::new();
    // SAFETY: each part is as long as its part of x.
    unsafe {
        filled(x.len(), PART, |start, values| {
            let x = &x[start..start + values.len()];
            arch.dispatch(|| {
                values.iter_mut().zip(x).for_each(|(value, &x)| {
                    value.write(f(x));
                })
            });
        })
    }
}

/// Rows that one task adds up.
const SUMMED: usize = 64;

/// A sum over rows of `width` numbers each, a task for so many rows at a time, in an order that does not depend on how many cores there are.
pub(super) fn partial_sums(rows: usize, width: usize, add: impl Fn(Range<usize>, &mut [f32]) + Sync) -> Vec<f32> {
    let arch = Arch::new();
    let tasks = rows.div_ceil(SUMMED);
    let mut partial = vec![0.0; tasks * width];
    partial.par_chunks_mut(width.max(1)).enumerate().for_each(|(task, sums)| {
        let rows = task * SUMMED..rows.min((task + 1) * SUMMED);
        arch.dispatch(|| add(rows, sums));
    });
    let mut sums = vec![0.0; width];
    for partial in partial.chunks_exact(width.max(1)) {
        sums.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
    }
    sums
}
