use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use minim_kernels::{Activation, activation, linear};

use crate::Draw;
use crate::attached::Attached;
use crate::parameter::{in_precision, lazy, like, zeros};

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
    acts: Acts,
}

/// Tells a traversal that the layer applies adapters to activations: burn's own, which goes by the same name, has only its weight read.
#[derive(Module, Debug, Default)]
struct Acts {}

/// The field of [`Acts`].
pub(crate) const ACTS: &str = "acts";

impl Linear {
    /// A layer of zeros that allocates nothing until it is used or loaded.
    pub fn new(inputs: usize, outputs: usize, bias: bool, device: &Device) -> Self {
        let bias = bias.then(|| zeros([outputs], device));
        Self { weight: zeros([inputs, outputs], device), bias, acts: Acts::default() }
    }

    /// A layer whose weights and biases are drawn uniformly from ±`bound` when they are first used, each from the stream of its own name.
    pub(crate) fn drawn(inputs: usize, outputs: usize, bound: f64, seed: u64, name: &str, device: &Device) -> Self {
        let [mut weight, mut bias] = ["weight", "bias"].map(|part| Draw::new(seed, &format!("{name}.{part}")));
        Self {
            weight: lazy([inputs, outputs], device, move || weight.uniform(inputs * outputs, bound)),
            bias: Some(lazy([outputs], device, move || bias.uniform(outputs, bound))),
            acts: Acts::default(),
        }
    }

    /// Applies the layer and its adapter, in the precision of `x`: a parameter held in more or fewer bits is cast.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(|b| like(b.val(), &x));
        // Who gets the input may write over it if nobody else has it.
        let dtype = x.dtype();
        match self.weight.reparameterization::<Attached>() {
            None => linear(x, in_precision(self.weight.val(), dtype), bias),
            Some(attached) => attached.forward(x, || in_precision(self.weight.base(), dtype), bias),
        }
    }

    /// The layer behind a non-linearity of its input, `f(x)·W + b`. What an adapter needs of f(x) is made again from x where it can be, not
    /// kept beside it.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - output: `[.., out]`
    pub fn forward_activated<const D: usize>(&self, x: Tensor<D>, kind: Activation) -> Tensor<D> {
        match self.weight.reparameterization::<Attached>() {
            None => self.forward(activation(x, kind)),
            Some(attached) => {
                let bias = self.bias.as_ref().map(|b| like(b.val(), &x));
                let dtype = x.dtype();
                attached.forward_activated(x, kind, || in_precision(self.weight.base(), dtype), bias)
            }
        }
    }
}
