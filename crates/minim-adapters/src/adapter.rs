use burn::module::Module;
use burn::tensor::Tensor;

use crate::{Ia3, Lora, Vera, Weight};

/// What sits on a [`crate::Linear`]'s weight: one variant per method.
#[derive(Module, Debug)]
pub enum Adapter {
    /// A low-rank update.
    Lora(Lora),
    /// A learnt rescaling of the layer's input or output.
    Ia3(Ia3),
    /// A learnt rescaling of a random low-rank update.
    Vera(Vera),
}

impl Adapter {
    /// Applies the layer with its adapter.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - `weight`: `[in, out]`, maybe in few bits
    /// - `bias`: `[out]`
    /// - output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        match self {
            Adapter::Lora(lora) => lora.forward(x, weight, bias),
            Adapter::Ia3(ia3) => ia3.forward(x, weight, bias),
            Adapter::Vera(vera) => vera.forward(x, weight, bias),
        }
    }

    /// The same in weight space, `[in, out]`.
    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        match self {
            Adapter::Lora(lora) => lora.merged(base),
            Adapter::Ia3(ia3) => ia3.merged(base),
            Adapter::Vera(vera) => vera.merged(base),
        }
    }
}
