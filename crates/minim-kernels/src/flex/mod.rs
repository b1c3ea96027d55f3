//! Passes over the memory of tensors of burn's CPU backend.

mod attention;
mod dropout;
mod layer_norm;
mod linear;
mod low_rank;
mod memory;
mod pointwise;
mod product;
mod scale;
#[cfg(test)]
mod tests;
mod vector;
mod wide;

use burn::backend::Flex;
use burn::tensor::{DType, Device, Tensor};

pub(crate) use self::attention::attention;
pub(crate) use self::dropout::{dropout, dropout_add};
pub(crate) use self::layer_norm::layer_norm;
pub(crate) use self::linear::linear;
pub(crate) use self::low_rank::{low_rank, low_rank_linear};
pub(crate) use self::pointwise::activation;
pub(crate) use self::scale::{activation_scale, scale};
use crate::autodiff::{Home, Input, Operation};

/// Whether these passes can work on a tensor: it lies here, it is not empty, and its backward pass, if there is one, is not burn's with gradient
/// checkpointing, which is another backend.
pub(crate) fn holds<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && x.shape().num_elements() > 0 && x.device().inner() == Device::flex() && Flex::holds(x)
}

fn run<O: Operation<Flex, N>, const N: usize, const D: usize>(operation: O, inputs: [Input<Flex>; N]) -> Tensor<D> {
    crate::autodiff::run(operation, inputs)
}
