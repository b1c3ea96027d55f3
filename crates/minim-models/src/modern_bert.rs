//! ModernBERT. Warner et al. 2024, arXiv 2412.13663.
//!
//! Upstream: `transformers/models/modernbert/modeling_modernbert.py` (`ModernBertModel`, eager attention). Loads ModernBERT-base and -large,
//! their clinical descendants and everything else with `"model_type": "modernbert"`. Most layers look at their neighbours only, every
//! third at all tokens; positions are rotary, with a base for either kind; feed-forward blocks are gated; no biases.
//!
//! Deviations: fresh weights are drawn as for BERT; upstream cuts their tails off and draws the projections back into the residual stream,
//! and the head, with deviations of their own. A padding piece that is spelled out inside a text trains its embedding; upstream's
//! `padding_idx` keeps it. A prefix is seen from everywhere, also in layers that look at neighbours only; upstream takes none. Rotary
//! types other than `default` and quantised weights are refused. Parity tests: `tests/it/{logits,gradients,checkpoints}.rs`.

mod config;

use burn::module::Module;
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, Linear, PrefixTuningConfig, TokenEmbedding};

use crate::attention::{Past, View, attend, hide_padding, split_heads};
use crate::family::{Family, Shape};
use crate::head::Head;
use crate::layer_norm::LayerNorm;
use crate::rotary::{Rope, Rotation};
use crate::{Activation, Backbone, HeadKind, Model, Stages, TokenBatch};

pub use config::{LayerType, ModernBertConfig, Pooling};

impl ModernBertConfig {
    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, device: &Device) -> ModernBert {
        ModernBert {
            embeddings: Embeddings {
                tok_embeddings: TokenEmbedding::new(self.vocab_size, self.hidden_size, device),
                norm: self.norm(device),
                drop: Dropout::new(self.embedding_dropout),
            },
            layers: (0..self.num_hidden_layers).map(|layer| self.layer(layer, device)).collect(),
            final_norm: self.norm(device),
            head_size: self.head_size(),
            reach: self.reach(),
            global: Rope { theta: self.global_rope_theta, scaling: None },
            local: Rope { theta: self.local_rope_theta, scaling: None },
            pooling: self.classifier_pooling,
            precision: FloatDType::F32,
        }
    }

    fn layer(&self, layer: usize, device: &Device) -> Layer {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        Layer {
            // The embeddings are normalised already.
            attn_norm: (layer > 0).then(|| self.norm(device)),
            attn: Attention {
                wqkv: Linear::new(hidden, 3 * hidden, self.attention_bias, device),
                wo: Linear::new(hidden, hidden, self.attention_bias, device),
                dropout: Dropout::new(self.attention_dropout),
                heads: self.num_attention_heads,
            },
            mlp_norm: self.norm(device),
            mlp: FeedForward {
                wi: Linear::new(hidden, 2 * inner, self.mlp_bias, device),
                wo: Linear::new(inner, hidden, self.mlp_bias, device),
                drop: Dropout::new(self.mlp_dropout),
                activation: self.hidden_activation,
            },
            layer_type: self.layer_type(layer),
        }
    }

    fn norm(&self, device: &Device) -> LayerNorm {
        match self.norm_bias {
            true => LayerNorm::new(self.hidden_size, self.norm_eps, device),
            false => LayerNorm::without_bias(self.hidden_size, self.norm_eps, device),
        }
    }
}

impl Shape for ModernBertConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, _: HeadKind, device: &Device) -> Model {
        Model::ModernBert(self.init(device))
    }

    fn head(&self, _: HeadKind, labels: usize, device: &Device) -> Head {
        let hidden = self.hidden_size;
        Head::ModernBert(ModernBertHead {
            head: PredictionHead {
                dense: Linear::new(hidden, hidden, self.classifier_bias, device),
                norm: self.norm(device),
                activation: self.classifier_activation,
            },
            dropout: Dropout::new(self.classifier_dropout),
            classifier: Linear::new(hidden, labels, true, device),
        })
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

    /// As they are computed: also layers that look at neighbours only multiply everything, and hide the rest.
    fn attention_macs(&self, seq: usize) -> u64 {
        2 * (self.num_hidden_layers * seq * seq * self.hidden_size) as u64
    }

    fn prefix(&self) -> PrefixTuningConfig {
        PrefixTuningConfig::new(self.num_hidden_layers, self.num_attention_heads, self.hidden_size)
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) static FAMILY: Family = Family {
    model_type: "modernbert",
    prefix: "model.",
    bare: &["embeddings.", "layers.", "final_norm."],
    sequence_class: "ModernBertForSequenceClassification",
    token_class: "ModernBertForTokenClassification",
    // A masked language model's has the same names and shapes, and transformers takes it over too.
    head_modules: &["head"],
    unneeded: &[("decoder.", "masked-language-modelling decoder")],
    buffers: &[],
    rename,
    // peft's tables have no row for ModernBERT. These follow its rows for models that project queries, keys and values at once: that
    // projection for LoRA (MPT's is called `Wqkv` too), and for IA3 beside it the feed-forward block's second layer, by its input.
    // `Wo` alone would mean attention's output projection as well.
    lora_targets: &["Wqkv"],
    adalora_targets: &["Wqkv"],
    block_ends: (&["attn.Wo"], &["mlp.Wo"]),
    ia3_targets: &["Wqkv", "mlp.Wo"],
    ia3_feedforward: &["mlp.Wo"],
    peft_defaults: false,
    ln_targets: &["norm", "attn_norm", "mlp_norm", "final_norm"],
    // transformers has an identity there.
    ln_absent: &["layers.0.attn_norm"],
    ln_from_peft: false,
};

/// Rust's fields are written small.
fn rename(path: &str) -> String {
    let component = |part| match part {
        "wqkv" => "Wqkv",
        "wi" => "Wi",
        "wo" => "Wo",
        other => other,
    };
    path.split('.').map(component).collect::<Vec<_>>().join(".")
}

/// The encoder.
#[derive(Module, Debug)]
pub struct ModernBert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    head_size: usize,
    reach: usize,
    #[module(skip)]
    global: Rope,
    #[module(skip)]
    local: Rope,
    #[module(skip)]
    pooling: Pooling,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for ModernBert {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let past = Past(self.tokens().prefix());
        let seen = batch.behind(self.tokens().virtual_tokens());
        let (first, [_, seq]) = (past.len(), seen.dims());
        let device = batch.ids.device();
        // Upstream rounds the tables to the activations' precision, and then multiplies in fp32.
        let rotation = |rope: Rope| rope.rotation(self.head_size, first..first + seq, self.precision, &device).in_f32();
        let (global, local) = (rotation(self.global), rotation(self.local));
        // A prefix is nobody's neighbour and seen from everywhere, also in layers that look at neighbours.
        let (padding, far) = (past.unhidden(hide_padding(&seen)), past.unhidden(hide_far(&seen, self.reach)));

        let hidden = self.embeddings.forward(batch.ids.clone(), self.precision);
        let layers = Stages::new(hidden, &self.layers, past, move |layer, hidden, view| match layer.layer_type {
            LayerType::Full => layer.forward(hidden, view.hiding(padding.as_ref()), &global),
            LayerType::Sliding => layer.forward(hidden, view.hiding(far.as_ref()), &local),
        });
        Stages { last: Some(Box::new(|hidden| self.final_norm.forward(hidden))), ..layers }
    }

    fn tokens(&self) -> &TokenEmbedding {
        &self.embeddings.tok_embeddings
    }

    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
        match self.pooling {
            Pooling::Cls => hidden.narrow(1, 0, 1).squeeze_dim::<2>(1),
            Pooling::Mean => mean(hidden, &batch.behind(self.tokens().virtual_tokens())),
        }
    }

    fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }
}

/// The mean over a text's tokens.
///
/// # Shapes
/// - `hidden`: `[batch, seq, hidden]`
/// - output: `[batch, hidden]`
fn mean(hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
    let [rows, seq, width] = hidden.dims();
    let dtype = hidden.dtype();
    let padding = batch.mask.clone().bool_not().reshape([rows, seq, 1]).expand([rows, seq, width]);
    let sum = hidden.cast(FloatDType::F32).mask_fill(padding, 0.0).sum_dim(1).squeeze_dim::<2>(1);
    let tokens = batch.mask.clone().int().sum_dim(1).cast(FloatDType::F32); // [batch, 1]
    (sum / tokens).cast(dtype)
}

/// Where a token must not look: at tokens further away than `reach`, and at padding; none where that hides nothing.
///
/// # Shapes
/// - output: `[batch or 1, 1, seq or 1, seq]`
fn hide_far(batch: &TokenBatch, reach: usize) -> Option<Tensor<4, Bool>> {
    let [rows, seq] = batch.dims();
    let padding = hide_padding(batch);
    if seq <= reach.saturating_add(1) {
        return padding;
    }
    let (device, reach) = (batch.ids.device(), reach as i64);
    let after = Tensor::<2, Bool>::tril_mask([seq, seq], reach, &device);
    let before = Tensor::<2, Bool>::triu_mask([seq, seq], -reach, &device);
    let far = after.bool_or(before).reshape([1, 1, seq, seq]);
    Some(match padding {
        Some(padding) => padding.expand([rows, 1, seq, seq]).bool_or(far.expand([rows, 1, seq, seq])),
        None => far,
    })
}

#[derive(Module, Debug)]
struct Embeddings {
    tok_embeddings: TokenEmbedding,
    norm: LayerNorm,
    drop: Dropout,
}

impl Embeddings {
    fn forward(&self, ids: Tensor<2, Int>, precision: FloatDType) -> Tensor<3> {
        let pieces = self.tok_embeddings.forward(ids, precision);
        self.drop.forward(self.norm.forward(pieces))
    }
}

#[derive(Module, Debug)]
struct Layer {
    attn_norm: Option<LayerNorm>,
    attn: Attention,
    mlp_norm: LayerNorm,
    mlp: FeedForward,
    #[module(skip)]
    layer_type: LayerType,
}

impl Layer {
    fn forward(&self, hidden: Tensor<3>, view: View<'_>, rotation: &Rotation) -> Tensor<3> {
        let normed = match &self.attn_norm {
            Some(norm) => norm.forward(hidden.clone()),
            None => hidden.clone(),
        };
        let hidden = hidden + self.attn.forward(normed, view, rotation);
        let inner = self.mlp.forward(self.mlp_norm.forward(hidden.clone()));
        hidden + inner
    }
}

#[derive(Module, Debug)]
struct Attention {
    wqkv: Linear,
    wo: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    fn forward(&self, hidden: Tensor<3>, view: View<'_>, rotation: &Rotation) -> Tensor<3> {
        let width = hidden.dims()[2];
        let projected = self.wqkv.forward(hidden); // [batch, seq, 3 * width]
        let third = |place: usize| split_heads(projected.clone().narrow(2, place * width, width), self.heads);
        let (query, key) = (rotation.apply(third(0)), rotation.apply(third(1)));
        let (key, value) = view.precede(key, third(2));
        let context = attend(query, key, value, view.hide, &self.dropout);
        self.dropout.forward(self.wo.forward(context))
    }
}

/// A gated linear unit. Shazeer 2020, arXiv 2002.05202.
#[derive(Module, Debug)]
struct FeedForward {
    wi: Linear,
    wo: Linear,
    drop: Dropout,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let both = self.wi.forward(hidden);
        let width = both.dims()[2] / 2;
        let (input, gate) = (both.clone().narrow(2, 0, width), both.narrow(2, width, width));
        // What upstream calls the gate is the half that stays linear.
        self.wo.forward(self.drop.forward(self.activation.apply(input) * gate))
    }
}

/// From a text's summary, or from every token's hidden state, to logits.
#[derive(Module, Debug)]
pub struct ModernBertHead {
    head: PredictionHead,
    dropout: Dropout,
    classifier: Linear,
}

impl ModernBertHead {
    pub(crate) fn with_block_of(self, other: &Self) -> Self {
        Self { head: other.head.clone(), ..self }
    }

    /// # Shapes
    /// - `x`: `[.., hidden]`
    /// - output: `[.., labels]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = self.head.activation.apply(self.head.dense.forward(x));
        self.classifier.forward(self.dropout.forward(self.head.norm.forward(x)))
    }
}

#[derive(Module, Debug)]
struct PredictionHead {
    dense: Linear,
    norm: LayerNorm,
    #[module(skip)]
    activation: Activation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_the_names_of_transformers() {
        for (path, name) in [
            ("embeddings.tok_embeddings.weight", "embeddings.tok_embeddings.weight"),
            ("embeddings.norm.gamma", "embeddings.norm.gamma"),
            ("layers.21.attn.wqkv.weight", "layers.21.attn.Wqkv.weight"),
            ("layers.0.attn.wo", "layers.0.attn.Wo"),
            ("layers.1.attn_norm.gamma", "layers.1.attn_norm.gamma"),
            ("layers.1.mlp.wi.weight", "layers.1.mlp.Wi.weight"),
            ("layers.1.mlp.wo.bias", "layers.1.mlp.Wo.bias"),
            ("final_norm.beta", "final_norm.beta"),
        ] {
            assert_eq!(rename(path), name);
        }
        assert_eq!(crate::published_name("backbone.ModernBert.final_norm.gamma"), "model.final_norm.weight");
        assert_eq!(crate::published_name("head.ModernBert.head.dense.weight"), "head.dense.weight");
    }
}
