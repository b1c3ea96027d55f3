use burn::tensor::{DType, Tensor};
use minim_kernels::{linear, low_rank, low_rank_linear};

use crate::Quantised;
use crate::dora::constant;

/// The weight of a layer as an adapter sees it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, for one product")]
pub enum Weight<'a> {
    /// `[in, out]`, in the precision of the layer's input.
    Dense(Tensor<2>),
    /// In few bits, and frozen.
    Quantised(&'a Quantised),
}

impl Weight<'_> {
    /// The layer without an adapter: `x·W + b`.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - `bias`: `[out]`
    /// - output: `[.., out]`
    pub fn product<const D: usize>(&self, x: Tensor<D>, bias: Option<Tensor<1>>) -> Tensor<D> {
        match self {
            Weight::Dense(weight) => linear(x, weight.clone(), bias),
            Weight::Quantised(weight) => match bias {
                None => weight.forward(x),
                Some(bias) => weight.forward(x) + bias.unsqueeze::<D>(),
            },
        }
    }

    /// The layer with a low-rank update: `x·W + b + s·(drop(x)·A)·B`, in the precision of `x`.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - `bias`: `[out]`
    /// - `factors`: A, `[in, r]`, and B, `[r, out]`
    /// - output: `[.., out]`
    pub(crate) fn updated<const D: usize>(
        &self,
        x: Tensor<D>,
        bias: Option<Tensor<1>>,
        factors: [Tensor<2>; 2],
        scale: f64,
        dropout: f64,
    ) -> Tensor<D> {
        match self {
            Weight::Dense(weight) if x.dtype() == factors[0].dtype() => {
                low_rank_linear(x, weight.clone(), bias, factors, scale, dropout)
            }
            // A frozen base may be held in fewer bits than the factors.
            _ => {
                let [a, b] = factors;
                low_rank(self.product(x.clone(), bias), x, a, b, scale, dropout)
            }
        }
    }

    /// `[in, out]`
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Weight::Dense(weight) => weight.dims(),
            Weight::Quantised(weight) => weight.dims(),
        }
    }

    /// The weight as numbers, `[in, out]`, without a graph: for norms, since a product with it would be kept.
    pub(crate) fn detached(&self) -> Tensor<2> {
        match self {
            Weight::Dense(weight) => constant(weight.clone()),
            Weight::Quantised(weight) => weight.dense(DType::F32),
        }
    }
}
