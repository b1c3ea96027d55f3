use burn::module::Module;
use burn::tensor::Tensor;

use crate::{AdaLora, Bottleneck, Ia3, Lora, PTuning, PrefixTuning, PromptTuning, Vera, Weight};

/// What sits on a [`crate::Linear`]'s weight, or on a [`crate::TokenEmbedding`]'s: one variant per method.
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
    /// - `weight`: `[in, out]`, maybe in few bits
    /// - `bias`: `[out]`
    /// - output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>, weight: &Weight, bias: Option<Tensor<1>>) -> Tensor<D> {
        match self {
            Adapter::Lora(lora) => lora.forward(x, weight, bias),
            Adapter::AdaLora(adalora) => adalora.forward(x, weight, bias),
            Adapter::Ia3(ia3) => ia3.forward(x, weight, bias),
            Adapter::Bottleneck(bottleneck) => bottleneck.forward(x, weight, bias),
            Adapter::Vera(vera) => vera.forward(x, weight, bias),
            Adapter::Prompt(_) | Adapter::Prefix(_) | Adapter::PTuning(_) => weight.product(x, bias),
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

    /// The same in weight space, `[in, out]`; virtual tokens leave a table as it is. No weight stands for a bottleneck: NaNs do, so that what reads it
    /// by mistake shows.
    pub(crate) fn merged(&self, base: Tensor<2>) -> Tensor<2> {
        match self {
            Adapter::Lora(lora) => lora.merged(base),
            Adapter::AdaLora(adalora) => adalora.merged(base),
            Adapter::Ia3(ia3) => ia3.merged(base),
            Adapter::Bottleneck(_) => base.full_like(f32::NAN),
            Adapter::Vera(vera) => vera.merged(base),
            Adapter::Prompt(_) | Adapter::Prefix(_) | Adapter::PTuning(_) => base,
        }
    }
}
