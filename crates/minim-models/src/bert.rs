//! BERT. Devlin et al. 2018, arXiv 1810.04805.
//!
//! Upstream: `transformers/models/bert/modeling_bert.py` (`BertModel`, eager attention). Loads bert-base-uncased, BioBERT,
//! Bio_ClinicalBERT, TinyBERT, tiny-biobert, bert-tiny, MiniLM and everything else with `"model_type": "bert"`.
//!
//! Deviations: the query is scaled before the product with the keys rather than the scores after it (the same to rounding, and cheaper);
//! `position_embedding_type` other than `absolute` and decoder options are refused. Parity tests: `tests/it/{logits,gradients,checkpoints}.rs`.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::activation::{gelu, gelu_approximate, relu, softmax, tanh};
use burn::tensor::module::{embedding, layer_norm};
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};
use minim_adapters::{Linear, lazy};
use serde::{Deserialize, Serialize};

use crate::{Backbone, TokenBatch};

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

/// The feed-forward block's non-linearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The exact one, by the error function.
    #[default]
    Gelu,
    /// The tanh approximation.
    GeluNew,
    /// max(0, x)
    Relu,
}

impl BertConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(json: serde_json::Value) -> Result<Self, String> {
        let neutral = [
            ("position_embedding_type", serde_json::json!("absolute")),
            ("is_decoder", serde_json::json!(false)),
            ("add_cross_attention", serde_json::json!(false)),
        ];
        for (key, neutral) in neutral {
            if let Some(value) = json.get(key).filter(|value| !value.is_null() && **value != neutral) {
                return Err(format!("{key} {value} is not supported; expected {neutral}"));
            }
        }
        let config: Self = serde_json::from_value(json).map_err(|e| format!("no BERT configuration: {e}"))?;
        let sizes = [config.vocab_size, config.hidden_size, config.num_attention_heads, config.intermediate_size];
        if sizes.contains(&0) || config.max_position_embeddings == 0 || config.type_vocab_size == 0 {
            return Err("a size of 0; expected positive sizes".into());
        }
        if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(format!(
                "hidden_size {} is no multiple of num_attention_heads {}",
                config.hidden_size, config.num_attention_heads
            ));
        }
        for (key, rate) in [
            ("hidden_dropout_prob", Some(config.hidden_dropout_prob)),
            ("attention_probs_dropout_prob", Some(config.attention_probs_dropout_prob)),
            ("classifier_dropout", config.classifier_dropout),
        ] {
            if rate.is_some_and(|rate| !(0.0..1.0).contains(&rate)) {
                return Err(format!("{key} {} is no probability in [0, 1)", rate.unwrap_or_default()));
            }
        }
        Ok(config)
    }

    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, pooler: bool, device: &Device) -> Bert {
        let hidden = self.hidden_size;
        let linear = |inputs, outputs| Linear::new(inputs, outputs, true, device);
        let norm = || LayerNorm::new(hidden, self.layer_norm_eps, device);
        let dropout = |rate| DropoutConfig::new(rate).init();
        let residual = |inputs| ResidualOutput {
            dense: linear(inputs, hidden),
            layer_norm: norm(),
            dropout: dropout(self.hidden_dropout_prob),
        };
        let layer = || Layer {
            attention: Attention {
                self_attention: SelfAttention {
                    query: linear(hidden, hidden),
                    key: linear(hidden, hidden),
                    value: linear(hidden, hidden),
                    dropout: dropout(self.attention_probs_dropout_prob),
                    heads: self.num_attention_heads,
                },
                output: residual(hidden),
            },
            intermediate: Intermediate { dense: linear(hidden, self.intermediate_size), gelu: self.hidden_act },
            output: residual(self.intermediate_size),
        };
        Bert {
            embeddings: Embeddings {
                word_embeddings: Embedding::new(self.vocab_size, hidden, device),
                position_embeddings: Embedding::new(self.max_position_embeddings, hidden, device),
                token_type_embeddings: Embedding::new(self.type_vocab_size, hidden, device),
                layer_norm: norm(),
                dropout: dropout(self.hidden_dropout_prob),
            },
            encoder: Encoder { layer: (0..self.num_hidden_layers).map(|_| layer()).collect() },
            pooler: pooler.then(|| Pooler { dense: linear(hidden, hidden) }),
            precision: FloatDType::F32,
        }
    }
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
    fn forward(&self, batch: &TokenBatch) -> Tensor<3> {
        let mut hidden = self.embeddings.forward(batch, self.precision);
        // true where attention must not look; the same row of keys for every head and query
        let hide = batch.padded.then(|| batch.mask.clone().bool_not());
        for layer in &self.encoder.layer {
            hidden = layer.forward(hidden, hide.as_ref());
        }
        hidden
    }

    /// The first token through the pooler; the first token itself where there is none.
    fn summary(&self, hidden: Tensor<3>, _: &TokenBatch) -> Tensor<2> {
        let first = hidden.narrow(1, 0, 1).squeeze_dim::<2>(1);
        match &self.pooler {
            Some(pooler) => tanh(pooler.dense.forward(first)),
            None => first,
        }
    }
}

impl Bert {
    /// The precision of activations; parameters keep theirs and are cast where they differ.
    pub fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }

    /// The token embedding matrix, `[vocab, hidden]`, that a masked-language-modelling head shares.
    pub(crate) fn token_embeddings(&self) -> Tensor<2> {
        self.embeddings.word_embeddings.weight.val()
    }
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    layer_norm: LayerNorm,
    dropout: Dropout,
}

impl Embeddings {
    fn forward(&self, batch: &TokenBatch, precision: FloatDType) -> Tensor<3> {
        let [_, seq] = batch.dims();
        let device = batch.ids.device();
        let positions = Tensor::<1, Int>::arange(0..seq as i64, &device).unsqueeze::<2>();
        let words = self.word_embeddings.forward(batch.ids.clone());
        let types = self.token_type_embeddings.forward(batch.types.clone());
        let positions = self.position_embeddings.forward(positions); // [1, seq, hidden]
        let sum = words + types + positions;
        let sum = if FloatDType::from(sum.dtype()) == precision { sum } else { sum.cast(precision) };
        self.dropout.forward(self.layer_norm.forward(sum))
    }
}

/// A table of vectors by id.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    /// `[rows, width]`
    pub(crate) weight: Param<Tensor<2>>,
}

impl Embedding {
    fn new(rows: usize, width: usize, device: &Device) -> Self {
        Self { weight: zeros([rows, width], device) }
    }

    fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        embedding(self.weight.val(), ids)
    }
}

/// Layer normalisation over the last axis, with burn's names for PyTorch's weight and bias.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self { gamma: zeros([width], device), beta: zeros([width], device), epsilon }
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let (dtype, gamma, beta) = (x.dtype(), self.gamma.val(), self.beta.val());
        if dtype == gamma.dtype() {
            return layer_norm(x, gamma, Some(beta), self.epsilon);
        }
        // The statistics of a row need more bits than its values.
        layer_norm(x.cast(gamma.dtype()), gamma, Some(beta), self.epsilon).cast(dtype)
    }
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    attention: Attention,
    intermediate: Intermediate,
    output: ResidualOutput,
}

impl Layer {
    fn forward(&self, hidden: Tensor<3>, hide: Option<&Tensor<2, Bool>>) -> Tensor<3> {
        let context = self.attention.self_attention.forward(hidden.clone(), hide);
        let hidden = self.attention.output.forward(context, hidden);
        let inner = self.intermediate.forward(hidden.clone());
        self.output.forward(inner, hidden)
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
    fn forward(&self, hidden: Tensor<3>, hide: Option<&Tensor<2, Bool>>) -> Tensor<3> {
        let [batch, seq, width] = hidden.dims();
        let size = width / self.heads;
        let split = |x: Tensor<3>| x.reshape([batch, seq, self.heads, size]).swap_dims(1, 2); // [batch, heads, seq, size]
        let query = split(self.query.forward(hidden.clone()) * (size as f64).powf(-0.5));
        let key = split(self.key.forward(hidden.clone()));
        let value = split(self.value.forward(hidden));
        let mut scores = query.matmul(key.swap_dims(2, 3)); // [batch, heads, seq, seq]
        if let Some(hide) = hide {
            let hide = hide.clone().reshape([batch, 1, 1, seq]).expand([batch, self.heads, seq, seq]);
            // Far below any score, yet finite in bf16 too: softmax makes it exactly 0.
            scores = scores.mask_fill(hide, -1e30);
        }
        let weights = self.dropout.forward(softmax(scores, 3));
        weights.matmul(value).swap_dims(1, 2).reshape([batch, seq, width])
    }
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    #[module(skip)]
    gelu: Activation,
}

impl Intermediate {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.gelu.apply(self.dense.forward(hidden))
    }
}

impl Activation {
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::Gelu => gelu(x),
            Activation::GeluNew => gelu_approximate(x),
            Activation::Relu => relu(x),
        }
    }
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
        self.layer_norm.forward(self.dropout.forward(self.dense.forward(x)) + residual)
    }
}

#[derive(Module, Debug)]
struct Pooler {
    dense: Linear,
}

/// A parameter of zeros that allocates nothing until it is used.
pub(crate) fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    lazy(shape, device, move || vec![0.0; shape.iter().product()])
}
