use burn::module::{Module, Reparameterization};
use burn::tensor::Tensor;
use burn::tensor::module::linear;

use crate::{Ia3, Lora, PTuning, PrefixTuning, PromptTuning, Vera};

/// What sits on a [`crate::Linear`]'s weight, or on a [`crate::TokenEmbedding`]'s: one variant per method.
#[derive(Module, Debug)]
pub enum Adapter {
    /// A low-rank update.
    Lora(Lora),
    /// A learnt rescaling of the layer's input or output.
    Ia3(Ia3),
    /// A learnt rescaling of a random low-rank update.
    Vera(Vera),
    /// Vectors before each text, on a table.
    Prompt(PromptTuning),
    /// Keys and values before those of each text, on a table.
    Prefix(PrefixTuning),
    /// Vectors before each text that an encoder makes, on a table.
    PTuning(PTuning),
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
            Adapter::Ia3(ia3) => ia3.forward(x, weight, bias),
            Adapter::Vera(vera) => vera.forward(x, weight, bias),
            Adapter::Prompt(_) | Adapter::Prefix(_) | Adapter::PTuning(_) => linear(x, weight, bias),
        }
    }

    /// The vectors before each text, `[n, width]`.
    pub(crate) fn prompt(&self) -> Option<Tensor<2>> {
        match self {
            Adapter::Prompt(prompt) => Some(prompt.embeddings.val()),
            Adapter::PTuning(prompt) => Some(prompt.prompt()),
            _ => None,
        }
    }

    /// How many vectors stand before each text.
    pub(crate) fn prompt_length(&self) -> usize {
        match self {
            Adapter::Prompt(PromptTuning { embeddings }) | Adapter::PTuning(PTuning { embeddings, .. }) => {
                embeddings.lazy_shape()[0]
            }
            _ => 0,
        }
    }
}

impl Reparameterization for Adapter {
    const NAME: &'static str = "adapter";

    /// The merged weight; virtual tokens leave a table as it is. An IA3 output vector scales the bias as well, which a weight can't express: [`crate::merge`] does.
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let shape = base.shape();
        let [inputs, outputs] = [shape[0], shape[D - 1]];
        let base = base.reshape([inputs, outputs]);
        let merged = match self {
            Adapter::Lora(lora) => lora.merged(base),
            Adapter::Ia3(ia3) => ia3.merged(base),
            Adapter::Vera(vera) => vera.merged(base),
            Adapter::Prompt(_) | Adapter::Prefix(_) | Adapter::PTuning(_) => base,
        };
        merged.reshape(shape)
    }
}
