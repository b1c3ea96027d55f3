use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use minim_adapters::{Linear, zeros};

use crate::bert::{Bert, BertConfig};
use crate::layer_norm::LayerNorm;
use crate::{Activation, Backbone, TokenBatch};

/// A backbone with a masked-language-modelling head whose decoder is the token embeddings (transformers' `BertForMaskedLM`).
#[derive(Module, Debug)]
pub struct MaskedLm {
    bert: Bert,
    dense: Linear,
    layer_norm: LayerNorm,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl MaskedLm {
    pub(crate) fn new(config: &BertConfig, device: &Device) -> Self {
        Self {
            bert: config.init(false, device),
            dense: Linear::new(config.hidden_size, config.hidden_size, true, device),
            layer_norm: LayerNorm::new(config.hidden_size, config.layer_norm_eps, device),
            bias: zeros([config.vocab_size], device),
            activation: config.hidden_act,
        }
    }

    /// Logits over the vocabulary at chosen positions only: the product with the embeddings costs more than the rest of a small model.
    ///
    /// # Shapes
    /// - `positions`: `[masked]`, indices into the flattened `[batch * seq]`
    /// - output: `[masked, vocab]`
    pub fn logits(&self, batch: &TokenBatch, positions: Tensor<1, Int>) -> Tensor<2> {
        let hidden = self.bert.forward(batch);
        let [rows, seq, width] = hidden.dims();
        let masked = hidden.reshape([rows * seq, width]).select(0, positions);
        let x = self.layer_norm.forward(self.activation.apply(self.dense.forward(masked)));
        x.matmul(self.bert.token_embeddings().transpose()) + self.bias.val().unsqueeze::<2>()
    }
}
