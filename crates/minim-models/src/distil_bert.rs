//! DistilBERT. Sanh et al. 2019, arXiv 1910.01108.
//!
//! Upstream: `transformers/models/distilbert/modeling_distilbert.py` (`DistilBertModel`, eager attention). Loads distilbert-base-uncased,
//! bio-distilbert-uncased, clinical-distilbert and everything else with `"model_type": "distilbert"`. Against BERT it has no token types
//! and no pooler, no dropout after attention's output projection, 1e-12 in every normalisation, names of its own, and for sequences a
//! head of two layers.
//!
//! Deviations: `sinusoidal_pos_embds`, by which upstream fills fresh position embeddings, is refused; so are `position_embedding_type`
//! other than `absolute` and decoder options. A prefix stands before a text as BERT's does; upstream takes none. Parity
//! tests: `tests/it/{logits,gradients}.rs`.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, Linear, PrefixTuningConfig, TokenEmbedding};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::attention::{Past, View, attend, hide_padding, split_heads};
use crate::embedding::Embedding;
use crate::family::{Family, Shape};
use crate::head::{Head, PlainHead, PreClassifierHead};
use crate::layer_norm::LayerNorm;
use crate::{Activation, Backbone, HeadKind, Model, Stages, TokenBatch, options};

/// In every normalisation, whatever the configuration.
const LAYER_NORM_EPS: f64 = 1e-12;

/// Shape and rates of a DistilBERT, by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DistilBertConfig {
    /// Pieces in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub dim: usize,
    /// Number of layers.
    pub n_layers: usize,
    /// Heads per layer; divides `dim`.
    pub n_heads: usize,
    /// Width inside the feed-forward block.
    pub hidden_dim: usize,
    /// The feed-forward block's non-linearity.
    pub activation: Activation,
    /// Dropout after the embeddings and the feed-forward block, and before the head of a token classifier.
    pub dropout: f64,
    /// Dropout on attention probabilities.
    pub attention_dropout: f64,
    /// Dropout inside the head of a sequence classifier.
    pub seq_classif_dropout: f64,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// Id of the padding piece.
    pub pad_token_id: u32,
}

impl Default for DistilBertConfig {
    /// transformers' own, which are distilbert-base-uncased's.
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            dim: 768,
            n_layers: 6,
            n_heads: 12,
            hidden_dim: 3072,
            activation: Activation::Gelu,
            dropout: 0.1,
            attention_dropout: 0.1,
            seq_classif_dropout: 0.2,
            max_position_embeddings: 512,
            initializer_range: 0.02,
            pad_token_id: 0,
        }
    }
}

impl DistilBertConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(json: serde_json::Value) -> Result<Self, String> {
        options::neutral(
            &json,
            &[
                ("sinusoidal_pos_embds", json!(false)),
                ("position_embedding_type", json!("absolute")),
                ("is_decoder", json!(false)),
                ("add_cross_attention", json!(false)),
            ],
        )?;
        options::known::<Activation>(&json, "activation")?;
        let config: Self = serde_json::from_value(json).map_err(|e| format!("no DistilBERT configuration: {e}"))?;
        options::positive(&[
            ("vocab_size", config.vocab_size),
            ("dim", config.dim),
            ("n_heads", config.n_heads),
            ("hidden_dim", config.hidden_dim),
            ("max_position_embeddings", config.max_position_embeddings),
        ])?;
        options::divisible(("dim", config.dim), ("n_heads", config.n_heads))?;
        options::rates(&[
            ("dropout", Some(config.dropout)),
            ("attention_dropout", Some(config.attention_dropout)),
            ("seq_classif_dropout", Some(config.seq_classif_dropout)),
        ])?;
        Ok(config)
    }

    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, device: &Device) -> DistilBert {
        let linear = |inputs, outputs| Linear::new(inputs, outputs, true, device);
        let norm = || LayerNorm::new(self.dim, LAYER_NORM_EPS, device);
        let dropout = |rate| Dropout::new(rate);
        let layer = |_| Layer {
            attention: Attention {
                q_lin: linear(self.dim, self.dim),
                k_lin: linear(self.dim, self.dim),
                v_lin: linear(self.dim, self.dim),
                out_lin: linear(self.dim, self.dim),
                dropout: dropout(self.attention_dropout),
                heads: self.n_heads,
            },
            sa_layer_norm: norm(),
            ffn: FeedForward {
                lin1: linear(self.dim, self.hidden_dim),
                lin2: linear(self.hidden_dim, self.dim),
                dropout: dropout(self.dropout),
                activation: self.activation,
            },
            output_layer_norm: norm(),
        };
        DistilBert {
            embeddings: Embeddings {
                word_embeddings: TokenEmbedding::new(self.vocab_size, self.dim, device),
                position_embeddings: Embedding::new(self.max_position_embeddings, self.dim, device),
                layer_norm: norm(),
                dropout: dropout(self.dropout),
            },
            transformer: Transformer { layer: (0..self.n_layers).map(layer).collect() },
            precision: FloatDType::F32,
        }
    }
}

impl Shape for DistilBertConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, _: HeadKind, device: &Device) -> Model {
        Model::DistilBert(self.init(device))
    }

    fn head(&self, head: HeadKind, labels: usize, device: &Device) -> Head {
        match head {
            HeadKind::Sequence => {
                Head::PreClassifier(PreClassifierHead::new(self.dim, labels, self.seq_classif_dropout, device))
            }
            HeadKind::Token => Head::Plain(PlainHead::new(self.dim, labels, self.dropout, device)),
        }
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

    fn attention_macs(&self, seq: usize) -> u64 {
        2 * (self.n_layers * seq * seq * self.dim) as u64
    }

    fn prefix(&self) -> PrefixTuningConfig {
        PrefixTuningConfig::new(self.n_layers, self.n_heads, self.dim)
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) static FAMILY: Family = Family {
    model_type: "distilbert",
    prefix: "distilbert.",
    bare: &["embeddings.", "transformer."],
    sequence_class: "DistilBertForSequenceClassification",
    token_class: "DistilBertForTokenClassification",
    // peft's `classifier` means it too, as it ends so.
    head_modules: &["pre_classifier"],
    unneeded: &[
        ("vocab_transform.", "masked-language-modelling head"),
        ("vocab_layer_norm.", "masked-language-modelling head"),
        ("vocab_projector.", "masked-language-modelling head"),
    ],
    buffers: &["embeddings.position_ids"],
    rename,
    // peft's tables have no row for DistilBERT. These are BERT's in its names: query and value; key, value and what the second layer of the
    // feed-forward block takes in. Attention's output projection, which BERT's `output.dense` catches too, stays as it is: the paper of IA3
    // does not rescale it.
    lora_targets: &["q_lin", "v_lin"],
    adalora_targets: &["q_lin", "v_lin"],
    block_ends: (&["attention.out_lin"], &["ffn.lin2"]),
    ia3_targets: &["k_lin", "v_lin", "lin2"],
    ia3_feedforward: &["lin2"],
    peft_defaults: false,
    ln_targets: &["LayerNorm", "sa_layer_norm", "output_layer_norm"],
    ln_absent: &[],
    ln_from_peft: false,
};

/// All names but one are the published ones.
fn rename(path: &str) -> String {
    let names = path.split('.').map(|part| if part == "layer_norm" { "LayerNorm" } else { part });
    names.collect::<Vec<_>>().join(".")
}

/// The encoder.
#[derive(Module, Debug)]
pub struct DistilBert {
    embeddings: Embeddings,
    transformer: Transformer,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for DistilBert {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let past = Past(self.tokens().prefix());
        let seen = batch.behind(self.tokens().virtual_tokens());
        let hide = past.unhidden(hide_padding(&seen));
        let hidden = self.embeddings.forward(batch.ids.clone(), past.positions(&seen), self.precision);
        let layers = &self.transformer.layer;
        Stages::asking(hidden, layers, past, move |layer, asking, hidden, view| {
            layer.forward(asking, hidden, view.hiding(hide.as_ref()))
        })
    }

    fn tokens(&self) -> &TokenEmbedding {
        &self.embeddings.word_embeddings
    }

    /// The first token.
    fn summary(&self, hidden: Tensor<3>, _: &TokenBatch) -> Tensor<2> {
        hidden.narrow(1, 0, 1).squeeze_dim::<2>(1)
    }

    fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: TokenEmbedding,
    position_embeddings: Embedding,
    layer_norm: LayerNorm,
    dropout: Dropout,
}

impl Embeddings {
    fn forward(&self, ids: Tensor<2, Int>, positions: Tensor<2, Int>, precision: FloatDType) -> Tensor<3> {
        let words = self.word_embeddings.forward(ids, precision);
        let positions = self.position_embeddings.forward(positions).cast(precision); // [1, seq, dim]
        self.dropout.forward(self.layer_norm.forward(words + positions))
    }
}

#[derive(Module, Debug)]
struct Transformer {
    layer: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    attention: Attention,
    sa_layer_norm: LayerNorm,
    ffn: FeedForward,
    output_layer_norm: LayerNorm,
}

impl Layer {
    /// # Shapes
    /// - `asking`: `[batch, asking, dim]`, some of the hidden states
    /// - `hidden`: `[batch, seq, dim]`, all that they look at
    /// - output: `[batch, asking, dim]`
    fn forward(&self, asking: Tensor<3>, hidden: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let context = self.attention.forward(asking.clone(), hidden, view);
        let hidden = self.sa_layer_norm.forward(context + asking);
        let inner = self.ffn.forward(hidden.clone());
        self.output_layer_norm.forward(inner + hidden)
    }
}

#[derive(Module, Debug)]
struct Attention {
    q_lin: Linear,
    k_lin: Linear,
    v_lin: Linear,
    out_lin: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    fn forward(&self, asking: Tensor<3>, hidden: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let query = split_heads(self.q_lin.forward(asking), self.heads);
        let key = split_heads(self.k_lin.forward(hidden.clone()), self.heads);
        let value = split_heads(self.v_lin.forward(hidden), self.heads);
        let (key, value) = view.precede(key, value);
        self.out_lin.forward(attend(query, key, value, view.hide, &self.dropout))
    }
}

#[derive(Module, Debug)]
struct FeedForward {
    lin1: Linear,
    lin2: Linear,
    dropout: Dropout,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let inner = self.lin1.forward(hidden);
        self.dropout.forward(self.lin2.forward_activated(inner, self.activation.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// distilbert-base-uncased's `config.json`.
    fn base() -> Value {
        json!({
            "activation": "gelu", "architectures": ["DistilBertForMaskedLM"], "attention_dropout": 0.1, "dim": 768, "dropout": 0.1,
            "hidden_dim": 3072, "initializer_range": 0.02, "max_position_embeddings": 512, "model_type": "distilbert",
            "n_heads": 12, "n_layers": 6, "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2,
            "sinusoidal_pos_embds": false, "tie_weights_": true, "vocab_size": 30522
        })
    }

    #[test]
    fn a_published_configuration_is_read_and_written() {
        let config = DistilBertConfig::from_json(base()).unwrap();
        assert_eq!((config.max_positions(), config.vocab_size()), (512, 30522));
        assert_eq!(config.attention_macs(8), 2 * 6 * 8 * 8 * 768);
        assert_eq!(DistilBertConfig::from_json(config.to_json()).unwrap(), config);
        assert_eq!(config, DistilBertConfig::default());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (key, value) in [
            ("sinusoidal_pos_embds", json!(true)),
            ("position_embedding_type", json!("relative_key_query")),
            ("is_decoder", json!(true)),
            ("add_cross_attention", json!(true)),
            ("activation", json!("relu6")),
            ("vocab_size", json!(0)),
            ("hidden_dim", json!(0)),
            ("max_position_embeddings", json!(0)),
            ("n_heads", json!(0)),
            ("n_heads", json!(7)),
            ("dropout", json!(1)),
            ("attention_dropout", json!(-0.5)),
            ("seq_classif_dropout", json!(1.5)),
        ] {
            let mut json = base();
            json[key] = value;
            let error = DistilBertConfig::from_json(json).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn paths_become_the_names_of_transformers() {
        for (path, name) in [
            ("embeddings.position_embeddings.weight", "embeddings.position_embeddings.weight"),
            ("embeddings.layer_norm.beta", "embeddings.LayerNorm.beta"),
            ("transformer.layer.5.attention.q_lin", "transformer.layer.5.attention.q_lin"),
            ("transformer.layer.0.sa_layer_norm.gamma", "transformer.layer.0.sa_layer_norm.gamma"),
            ("transformer.layer.0.ffn.lin2.weight", "transformer.layer.0.ffn.lin2.weight"),
            ("transformer.layer.0.output_layer_norm", "transformer.layer.0.output_layer_norm"),
        ] {
            assert_eq!(rename(path), name);
        }
    }
}
