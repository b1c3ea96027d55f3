//! BERT. Devlin et al. 2018, arXiv 1810.04805.
//!
//! Upstream: `transformers/models/bert/modeling_bert.py` (`BertModel`, eager attention). Loads bert-base-uncased, BioBERT,
//! Bio_ClinicalBERT, TinyBERT, tiny-biobert, bert-tiny, MiniLM and everything else with `"model_type": "bert"`.
//!
//! Deviations: `position_embedding_type` other than `absolute` and decoder options are refused. Parity tests: `tests/it/{logits,gradients,checkpoints}.rs`.

use burn::module::Module;
use burn::tensor::activation::tanh;
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, Linear, PrefixTuningConfig, TokenEmbedding};
use serde::{Deserialize, Serialize};

use crate::attention::{Past, View, attend, hide_padding, split_heads};
use crate::embedding::Embedding;
use crate::family::{Family, Shape};
use crate::head::{Head, PlainHead};
use crate::layer_norm::LayerNorm;
use crate::{Activation, Backbone, HeadKind, Model, Stages, TokenBatch, options};

/// Shape and rates of a BERT, by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// Pieces in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads per layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// `gelu`, `gelu_new` or `relu`.
    #[serde(default)]
    pub hidden_act: Activation,
    /// Dropout after embeddings and projections.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f64,
    /// Dropout on attention probabilities.
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f64,
    /// Dropout before the head; `hidden_dropout_prob` where it is not given.
    #[serde(default)]
    pub classifier_dropout: Option<f64>,
    /// Longest input.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Number of segment types.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Standard deviation of fresh weights.
    #[serde(default = "fiftieth")]
    pub initializer_range: f64,
    /// In layer normalisation.
    #[serde(default = "tiny")]
    pub layer_norm_eps: f64,
    /// Id of the padding piece.
    #[serde(default)]
    pub pad_token_id: u32,
}

fn tenth() -> f64 {
    0.1
}
fn fiftieth() -> f64 {
    0.02
}
fn tiny() -> f64 {
    1e-12
}
fn positions() -> usize {
    512
}
fn two() -> usize {
    2
}

impl BertConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(json: serde_json::Value) -> Result<Self, String> {
        options::neutral(
            &json,
            &[
                ("position_embedding_type", serde_json::json!("absolute")),
                ("is_decoder", serde_json::json!(false)),
                ("add_cross_attention", serde_json::json!(false)),
            ],
        )?;
        options::known::<Activation>(&json, "hidden_act")?;
        let config: Self = serde_json::from_value(json).map_err(|e| e.to_string())?;
        options::positive(&[
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size),
            ("max_position_embeddings", config.max_position_embeddings),
            ("type_vocab_size", config.type_vocab_size),
        ])?;
        let heads = ("num_attention_heads", config.num_attention_heads);
        options::divisible(("hidden_size", config.hidden_size), heads)?;
        options::rates(&[
            ("hidden_dropout_prob", Some(config.hidden_dropout_prob)),
            ("attention_probs_dropout_prob", Some(config.attention_probs_dropout_prob)),
            ("classifier_dropout", config.classifier_dropout),
        ])?;
        Ok(config)
    }

    /// The rate before the head.
    pub(crate) fn head_dropout(&self) -> f64 {
        self.classifier_dropout.unwrap_or(self.hidden_dropout_prob)
    }

    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, pooler: bool, device: &Device) -> Bert {
        Bert {
            embeddings: Embeddings::new(self, device),
            encoder: Encoder::new(self, device),
            pooler: pooler.then(|| Pooler { dense: Linear::new(self.hidden_size, self.hidden_size, true, device) }),
            precision: FloatDType::F32,
        }
    }
}

impl Shape for BertConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, head: HeadKind, device: &Device) -> Model {
        // transformers gives token classifiers no pooler.
        Model::Bert(self.init(head == HeadKind::Sequence, device))
    }

    fn head(&self, _: HeadKind, labels: usize, device: &Device) -> Head {
        Head::Plain(PlainHead::new(self.hidden_size, labels, self.head_dropout(), device))
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
    model_type: "bert",
    prefix: "bert.",
    bare: &["embeddings.", "encoder.", "pooler."],
    sequence_class: "BertForSequenceClassification",
    token_class: "BertForTokenClassification",
    head_modules: &[],
    unneeded: &[("cls.", "pre-training head"), ("bert.pooler.", "pooler")],
    buffers: &["embeddings.position_ids"],
    rename,
    lora_targets: &["query", "value"],
    adalora_targets: &["query", "value"],
    block_ends: (&["attention.output.dense"], &["output.dense"]),
    ia3_targets: &["key", "value", "output.dense"],
    ia3_feedforward: &["output.dense"],
    peft_defaults: true,
    ln_targets: &["LayerNorm"],
    ln_absent: &[],
    ln_from_peft: false,
};

/// Rust's names for what is a keyword or in another case there.
pub(crate) fn rename(path: &str) -> String {
    let component = |part| match part {
        "self_attention" => "self",
        "layer_norm" => "LayerNorm",
        other => other,
    };
    path.split('.').map(component).collect::<Vec<_>>().join(".")
}

/// The encoder and, for sequence tasks, its pooler.
#[derive(Module, Debug)]
pub struct Bert {
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for Bert {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let (words, past) = (&self.embeddings.word_embeddings, self.embeddings.past());
        let seen = batch.behind(words.virtual_tokens());
        let positions = past.positions(&seen);
        let hidden = self.embeddings.forward(batch.ids.clone(), seen.types.clone(), positions, self.precision);
        self.encoder.stages(hidden, hide_padding(&seen), past)
    }

    fn tokens(&self) -> &TokenEmbedding {
        &self.embeddings.word_embeddings
    }

    /// The first token through the pooler; the first token itself where there is none.
    fn summary(&self, hidden: Tensor<3>, _: &TokenBatch) -> Tensor<2> {
        let first = hidden.narrow(1, 0, 1).squeeze_dim::<2>(1);
        match &self.pooler {
            Some(pooler) => tanh(pooler.dense.forward(first)),
            None => first,
        }
    }

    fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }
}

impl Bert {
    /// The token embedding matrix, `[vocab, hidden]`, that a masked-language-modelling head shares.
    pub(crate) fn token_embeddings(&self) -> Tensor<2> {
        self.embeddings.word_embeddings.weight.val()
    }
}

/// Tokens, positions and segments, summed and normalised.
#[derive(Module, Debug)]
pub(crate) struct Embeddings {
    pub(crate) word_embeddings: TokenEmbedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    layer_norm: LayerNorm,
    dropout: Dropout,
}

impl Embeddings {
    pub(crate) fn new(config: &BertConfig, device: &Device) -> Self {
        let table = |rows| Embedding::new(rows, config.hidden_size, device);
        Self {
            word_embeddings: TokenEmbedding::new(config.vocab_size, config.hidden_size, device),
            position_embeddings: table(config.max_position_embeddings),
            token_type_embeddings: table(config.type_vocab_size),
            layer_norm: LayerNorm::new(config.hidden_size, config.layer_norm_eps, device),
            dropout: Dropout::new(config.hidden_dropout_prob),
        }
    }

    /// The prefix that stands before each layer's keys and values.
    pub(crate) fn past(&self) -> Past<'_> {
        Past(self.word_embeddings.prefix())
    }

    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - `types`: `[batch, virtual + seq]`
    /// - `positions`: `[batch or 1, virtual + seq]`
    pub(crate) fn forward(
        &self,
        ids: Tensor<2, Int>,
        types: Tensor<2, Int>,
        positions: Tensor<2, Int>,
        precision: FloatDType,
    ) -> Tensor<3> {
        let words = self.word_embeddings.forward(ids, precision);
        let types = self.token_type_embeddings.forward(types).cast(precision);
        let positions = self.position_embeddings.forward(positions).cast(precision);
        self.dropout.forward(self.layer_norm.forward(words + types + positions))
    }
}

/// The layers.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    layer: Vec<Layer>,
}

impl Encoder {
    pub(crate) fn new(config: &BertConfig, device: &Device) -> Self {
        let hidden = config.hidden_size;
        let linear = |inputs, outputs| Linear::new(inputs, outputs, true, device);
        let dropout = |rate| Dropout::new(rate);
        let residual = |inputs| ResidualOutput {
            dense: linear(inputs, hidden),
            layer_norm: LayerNorm::new(hidden, config.layer_norm_eps, device),
            dropout: dropout(config.hidden_dropout_prob),
        };
        let layer = |_| Layer {
            attention: Attention {
                self_attention: SelfAttention {
                    query: linear(hidden, hidden),
                    key: linear(hidden, hidden),
                    value: linear(hidden, hidden),
                    dropout: dropout(config.attention_probs_dropout_prob),
                    heads: config.num_attention_heads,
                },
                output: residual(hidden),
            },
            intermediate: Intermediate {
                dense: linear(hidden, config.intermediate_size),
                activation: config.hidden_act,
            },
            output: residual(config.intermediate_size),
        };
        Self { layer: (0..config.num_hidden_layers).map(layer).collect() }
    }

    /// `hide` is [`hide_padding`]'s.
    pub(crate) fn stages<'a>(
        &'a self,
        embedded: Tensor<3>,
        hide: Option<Tensor<4, Bool>>,
        past: Past<'a>,
    ) -> Stages<'a> {
        let hide = past.unhidden(hide);
        Stages::asking(embedded, &self.layer, past, move |layer, asking, hidden, view| {
            layer.forward(asking, hidden, view.hiding(hide.as_ref()))
        })
    }
}

#[derive(Module, Debug)]
struct Layer {
    attention: Attention,
    intermediate: Intermediate,
    output: ResidualOutput,
}

impl Layer {
    /// # Shapes
    /// - `asking`: `[batch, asking, hidden]`, some of the hidden states
    /// - `hidden`: `[batch, seq, hidden]`, all that they look at
    /// - output: `[batch, asking, hidden]`
    fn forward(&self, asking: Tensor<3>, hidden: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let context = self.attention.self_attention.forward(asking.clone(), hidden, view);
        let hidden = self.attention.output.forward(context, asking);
        let inner = self.intermediate.dense.forward(hidden.clone());
        self.output.forward_activated(inner, self.intermediate.activation, hidden)
    }
}

#[derive(Module, Debug)]
struct Attention {
    self_attention: SelfAttention,
    output: ResidualOutput,
}

#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    dropout: Dropout,
    heads: usize,
}

impl SelfAttention {
    fn forward(&self, asking: Tensor<3>, hidden: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let query = split_heads(self.query.forward(asking), self.heads);
        let key = split_heads(self.key.forward(hidden.clone()), self.heads);
        let value = split_heads(self.value.forward(hidden), self.heads);
        let (key, value) = view.precede(key, value);
        attend(query, key, value, view.hide, &self.dropout)
    }
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    #[module(skip)]
    activation: Activation,
}

/// Projection, dropout, residual, normalisation: after attention and after the feed-forward block.
#[derive(Module, Debug)]
struct ResidualOutput {
    dense: Linear,
    layer_norm: LayerNorm,
    dropout: Dropout,
}

impl ResidualOutput {
    fn forward(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.join(self.dense.forward(x), residual)
    }

    /// Behind a non-linearity of x.
    fn forward_activated(&self, x: Tensor<3>, activation: Activation, residual: Tensor<3>) -> Tensor<3> {
        self.join(self.dense.forward_activated(x, activation.into()), residual)
    }

    fn join(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.layer_norm.forward(self.dropout.add(x, residual))
    }
}

#[derive(Module, Debug)]
struct Pooler {
    dense: Linear,
}
