use burn::module::{Module, Reparameterization};
use burn::tensor::Tensor;

use crate::{AdaLora, Bottleneck, Ia3, Lora, Vera};

/// What sits on a [`crate::Linear`]'s weight: one variant per method.
#[derive(Module, Debug)]
pub enum Adapter {
    /// A low-rank update.
    Lora(Lora),
    /// A low-rank update whose ranks compete.
    AdaLora(AdaLora),
    /// A learnt rescaling of the layer's input or output.
    Ia3(Ia3),
    /// A small network behind the layer.
    Bottleneck(Bottleneck),
    /// A learnt rescaling of a random low-rank update.
    Vera(Vera),
}

impl Adapter {
    /// Applies the layer with its adapter.
    ///
    /// # Shapes
    /// - `x`: `[.., in]`
    /// - `weight`: `[in, out]`
    /// - `bias`: `[out]`
    /// - output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
        match self {
            Adapter::Lora(lora) => lora.forward(x, weight, bias),
            Adapter::AdaLora(adalora) => adalora.forward(x, weight, bias),
            Adapter::Ia3(ia3) => ia3.forward(x, weight, bias),
            Adapter::Bottleneck(bottleneck) => bottleneck.forward(x, weight, bias),
            Adapter::Vera(vera) => vera.forward(x, weight, bias),
        }
    }
}

impl Reparameterization for Adapter {
    const NAME: &'static str = "adapter";

    /// The merged weight. An IA3 output vector scales the bias as well, which a weight can't express: [`crate::merge`] does.
    /// A bottleneck leaves the weight as it is, and [`crate::merge`] refuses it.
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let shape = base.shape();
        let [inputs, outputs] = [shape[0], shape[D - 1]];
        let base = base.reshape([inputs, outputs]);
        let merged = match self {
            Adapter::Lora(lora) => lora.merged(base),
            Adapter::AdaLora(adalora) => adalora.merged(base),
            Adapter::Ia3(ia3) => ia3.merged(base),
            Adapter::Bottleneck(_) => base,
            Adapter::Vera(vera) => vera.merged(base),
        };
        merged.reshape(shape)
    }
}
