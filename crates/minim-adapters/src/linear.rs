use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use crate::Draw;
use crate::attached::Attached;
use crate::parameter::{lazy, like, zeros};

/// A linear layer that applies the [`crate::Adapter`] on its weight, if there is one: `y = x·W + b`.
///
/// Named `Linear` on purpose: [`crate::attach`] and the checkpoint loader know a layer whose weight PyTorch holds transposed by "Struct:Linear"
/// in burn's traversal (as burn-store does).
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`, the transpose of PyTorch's.
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A layer of zeros that allocates nothing until it is used or loaded.
    pub fn new(inputs: usize, outputs: usize, bias: bool, device: &Device) -> Self {
        Self { weight: zeros([inputs, outputs], device), bias: bias.then(|| zeros([outputs], device)) }
    }

    /// A layer whose weights and biases are drawn uniformly from ±`bound` when they are first used, each from the stream of its own name.
    pub(crate) fn drawn(inputs: usize, outputs: usize, bound: f64, seed: u64, name: &str, device: &Device) -> Self {
        let [mut weight, mut bias] = ["weight", "bias"].map(|part| Draw::new(seed, &format!("{name}.{part}")));
        Self {
            weight: lazy([inputs, outputs], device, move || weight.uniform(inputs * outputs, bound)),
            bias: Some(lazy([outputs], device, move || bias.uniform(outputs, bound))),
        }
    }

    /// Applies the layer and its adapter, in the precision of `x`: a parameter held in more or fewer bits is cast.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(|b| like(b.val(), &x));
        match self.weight.reparameterization::<Attached>() {
            None => linear(x.clone(), like(self.weight.val(), &x), bias),
            Some(attached) => attached.forward(x.clone(), || like(self.weight.base(), &x), bias),
        }
    }
}
