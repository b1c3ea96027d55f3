//! Llama. Touvron et al. 2023, arXiv 2302.13971 and 2307.09288.
//!
//! Upstream: `transformers/models/llama/modeling_llama.py` (`LlamaModel`, eager attention) and the heads of `modeling_layers.py`. Loads
//! Llama-2-7b, TinyLlama, SmolLM2, Llama 3 and everything else with `"model_type": "llama"`. Root-mean-square norms ahead of every block,
//! rotary position embedding, gated feed-forward blocks, and queries that share keys and values where there are fewer heads of those.
//! `pretraining_tp` is ignored: it splits products and changes no sum.
//!
//! Deviations: a model without a padding piece is padded with its end-of-text piece, where upstream refuses a batch of texts. A padding
//! piece that is spelled out inside a text trains its embedding; upstream's `padding_idx` keeps it. Behind a prompt the text's last piece
//! is the summary, as without one; upstream, which is given vectors then, takes the last column, be it padding. A norm in bf16 gives bf16
//! also where its weight is fp32. `is_causal: false`, quantised weights and what `rotary.rs` does not know are refused. Parity tests:
//! `tests/it/{logits,gradients,checkpoints}.rs`.

mod config;

use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, Linear, PrefixTuningConfig, TokenEmbedding, zeros};

use crate::attention::{Past, View, attend, hide_padding, split_heads};
use crate::family::{Family, Shape};
use crate::head::{Head, ScoreHead};
use crate::rotary::{Rope, Rotation};
use crate::{Activation, Backbone, HeadKind, Model, Stages, TokenBatch};

pub use config::LlamaConfig;

impl LlamaConfig {
    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, device: &Device) -> Llama {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let queries = self.num_attention_heads * self.head_size();
        let keys = self.key_value_heads() * self.head_size();
        let attention = |inputs, outputs| Linear::new(inputs, outputs, self.attention_bias, device);
        let feed_forward = |inputs, outputs| Linear::new(inputs, outputs, self.mlp_bias, device);
        let norm = || RmsNorm { weight: zeros([hidden], device), epsilon: self.rms_norm_eps };
        let layer = |_| Layer {
            input_layernorm: norm(),
            self_attn: Attention {
                q_proj: attention(hidden, queries),
                k_proj: attention(hidden, keys),
                v_proj: attention(hidden, keys),
                o_proj: attention(queries, hidden),
                dropout: Dropout::new(self.attention_dropout),
                heads: self.num_attention_heads,
                key_value_heads: self.key_value_heads(),
            },
            post_attention_layernorm: norm(),
            mlp: FeedForward {
                gate_proj: feed_forward(hidden, inner),
                up_proj: feed_forward(hidden, inner),
                down_proj: feed_forward(inner, hidden),
                activation: self.hidden_act,
            },
        };
        Llama {
            embed_tokens: TokenEmbedding::new(self.vocab_size, hidden, device),
            layers: (0..self.num_hidden_layers).map(layer).collect(),
            norm: norm(),
            head_size: self.head_size(),
            rope: Rope { theta: self.rope_theta, scaling: self.rope_scaling },
            padding: self.pad_token_id,
            precision: FloatDType::F32,
        }
    }
}

impl Shape for LlamaConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, _: HeadKind, device: &Device) -> Model {
        Model::Llama(self.init(device))
    }

    fn head(&self, head: HeadKind, labels: usize, device: &Device) -> Head {
        let (bias, dropout) = match head {
            HeadKind::Sequence => (false, 0.0),
            HeadKind::Token => (self.token_classification_bias.unwrap_or(true), self.head_dropout()),
        };
        Head::Score(ScoreHead::new(self.hidden_size, labels, bias, dropout, device))
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        self.max_position_embeddings
    }

    fn initializer_range(&self) -> f64 {
        self.initializer_range
    }

    /// As they are computed: what the causal mask hides is multiplied too.
    fn attention_macs(&self, seq: usize) -> u64 {
        2 * (self.num_hidden_layers * seq * seq * self.num_attention_heads * self.head_size()) as u64
    }

    fn prefix(&self) -> PrefixTuningConfig {
        let heads = self.key_value_heads();
        PrefixTuningConfig::new(self.num_hidden_layers, heads, heads * self.head_size())
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) static FAMILY: Family = Family {
    model_type: "llama",
    prefix: "model.",
    bare: &["embed_tokens.", "layers.", "norm."],
    sequence_class: "LlamaForSequenceClassification",
    token_class: "LlamaForTokenClassification",
    head_modules: &[],
    unneeded: &[("lm_head.", "language-modelling head")],
    buffers: &["rotary_emb.inv_freq"],
    rename: str::to_string,
    // peft's tables, `peft/utils/constants.py`.
    lora_targets: &["q_proj", "v_proj"],
    adalora_targets: &["q_proj", "v_proj"],
    block_ends: (&["self_attn.o_proj"], &["mlp.down_proj"]),
    ia3_targets: &["k_proj", "v_proj", "down_proj"],
    ia3_feedforward: &["down_proj"],
    peft_defaults: true,
    ln_targets: &["input_layernorm", "post_attention_layernorm", "norm"],
    ln_absent: &[],
    ln_from_peft: true,
};

/// The decoder without its language-modelling head.
#[derive(Module, Debug)]
pub struct Llama {
    embed_tokens: TokenEmbedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head_size: usize,
    #[module(skip)]
    rope: Rope,
    #[module(skip)]
    padding: Option<u32>,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for Llama {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let past = Past(self.embed_tokens.prefix());
        let seen = batch.behind(self.embed_tokens.virtual_tokens());
        let (first, [_, seq]) = (past.len(), seen.dims());
        let hide = past.unhidden(Some(hide_future(&seen)));
        let rotation = self.rope.rotation(self.head_size, first..first + seq, self.precision, &batch.ids.device());
        let hidden = self.embed_tokens.forward(batch.ids.clone(), self.precision);
        let layers = Stages::new(hidden, &self.layers, past, move |layer, hidden, view| {
            layer.forward(hidden, view.hiding(hide.as_ref()), &rotation)
        });
        Stages { last: Some(Box::new(|hidden| self.norm.forward(hidden))), ..layers }
    }

    fn tokens(&self) -> &TokenEmbedding {
        &self.embed_tokens
    }

    /// The last piece that is no padding: the only one that has seen the whole text.
    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
        let [rows, _, width] = hidden.dims();
        let seen = batch.behind(self.embed_tokens.virtual_tokens());
        let last = last_pieces(&seen, self.padding).unsqueeze_dim::<3>(2);
        hidden.gather(1, last.expand([rows, 1, width])).squeeze_dim::<2>(1)
    }

    fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }
}

/// Where a piece must not look: at those after it, and at padding.
///
/// # Shapes
/// - output: `[batch or 1, 1, seq, seq]`
fn hide_future(batch: &TokenBatch) -> Tensor<4, Bool> {
    let [rows, seq] = batch.dims();
    let future = Tensor::<2, Bool>::tril_mask([seq, seq], 0, &batch.ids.device()).reshape([1, 1, seq, seq]);
    match hide_padding(batch) {
        Some(padding) => padding.expand([rows, 1, seq, seq]).bool_or(future.expand([rows, 1, seq, seq])),
        None => future,
    }
}

/// The place of each text's last piece that is not `padding`, wherever that stands; 0 where there is no other.
///
/// # Shapes
/// - output: `[batch, 1]`
fn last_pieces(batch: &TokenBatch, padding: Option<u32>) -> Tensor<2, Int> {
    let [rows, seq] = batch.dims();
    let pieces = match padding {
        Some(padding) => batch.mask.clone().bool_and(batch.ids.clone().not_equal_elem(i64::from(padding))),
        None => batch.mask.clone(),
    };
    let places = Tensor::<1, Int>::arange(0..seq as i64, &batch.ids.device()).reshape([1, seq]);
    (places.expand([rows, seq]) * pieces.int()).max_dim(1)
}

#[derive(Module, Debug)]
struct Layer {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: FeedForward,
}

impl Layer {
    fn forward(&self, hidden: Tensor<3>, view: View<'_>, rotation: &Rotation) -> Tensor<3> {
        let context = self.self_attn.forward(self.input_layernorm.forward(hidden.clone()), view, rotation);
        let hidden = hidden + context;
        let inner = self.mlp.forward(self.post_attention_layernorm.forward(hidden.clone()));
        hidden + inner
    }
}

#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    dropout: Dropout,
    heads: usize,
    key_value_heads: usize,
}

impl Attention {
    fn forward(&self, hidden: Tensor<3>, view: View<'_>, rotation: &Rotation) -> Tensor<3> {
        let query = rotation.apply(split_heads(self.q_proj.forward(hidden.clone()), self.heads));
        let key = rotation.apply(split_heads(self.k_proj.forward(hidden.clone()), self.key_value_heads));
        let value = split_heads(self.v_proj.forward(hidden), self.key_value_heads);
        // What stands before is turned by no angle, as upstream's cache is.
        let (key, value) = view.precede(key, value);
        let times = self.heads / self.key_value_heads;
        self.o_proj.forward(attend(query, repeat(key, times), repeat(value, times), view.hide, &self.dropout))
    }
}

/// Each head `times` times in a row: as many keys and values as queries.
///
/// # Shapes
/// - `x`: `[batch, heads, seq, size]`
/// - output: `[batch, heads * times, seq, size]`
fn repeat(x: Tensor<4>, times: usize) -> Tensor<4> {
    if times == 1 {
        return x;
    }
    let [batch, heads, seq, size] = x.dims();
    let x = x.unsqueeze_dim::<5>(2).expand([batch, heads, times, seq, size]);
    x.reshape([batch, heads * times, seq, size])
}

#[derive(Module, Debug)]
struct FeedForward {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let gate = self.activation.apply(self.gate_proj.forward(hidden.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(hidden))
    }
}

/// Normalisation by the root mean square. Zhang and Sennrich 2019, arXiv 1910.07467.
#[derive(Module, Debug)]
struct RmsNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let dtype = x.dtype();
        // Squares need more bits than values, whatever the precision.
        let x = x.cast(FloatDType::F32);
        let root = (x.clone().square().mean_dim(2) + self.epsilon).sqrt();
        (x / root).cast(dtype) * self.weight.val().cast(dtype).unsqueeze::<3>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_names_of_transformers() {
        for path in [
            "embed_tokens.weight",
            "layers.31.self_attn.q_proj.weight",
            "layers.0.self_attn.o_proj",
            "layers.0.mlp.down_proj.bias",
            "layers.0.post_attention_layernorm.weight",
            "norm.weight",
        ] {
            assert_eq!((FAMILY.rename)(path), path);
            assert_eq!(crate::published_name(&format!("backbone.Llama.{path}")), format!("model.{path}"));
        }
    }
}
