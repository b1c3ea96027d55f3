//! Passes over the memory of tensors of burn's CPU backend.

mod attention;
mod autodiff;
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

use burn::tensor::{DType, Device, Tensor};

pub(crate) use self::attention::attention;
pub(crate) use self::dropout::{dropout, dropout_add};
pub(crate) use self::layer_norm::layer_norm;
pub(crate) use self::linear::linear;
pub(crate) use self::low_rank::{low_rank, low_rank_linear};
pub(crate) use self::pointwise::activation;
pub(crate) use self::scale::{activation_scale, scale};

/// Whether these passes can work on a tensor.
pub(crate) fn holds<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && x.device().inner() == Device::flex()
}
