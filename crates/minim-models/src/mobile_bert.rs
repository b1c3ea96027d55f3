//! MobileBERT. Sun et al. 2020, arXiv 2004.02984.
//!
//! Upstream: `transformers/models/mobilebert/modeling_mobilebert.py` (`MobileBertModel`, eager attention). Loads mobilebert-uncased,
//! bio-mobilebert, clinical-mobilebert and everything else with `"model_type": "mobilebert"`. A layer narrows the residual stream
//! (`hidden_size`) to `intra_bottleneck_size`, attends and runs several feed-forward blocks there, and widens again.
//!
//! Deviations: where there is padding, a token's neighbour in the trigram is 0, as it is at the end of a text without padding. Upstream
//! takes the padding's own embedding: the same while that is 0, as it is when transformers makes a model; else upstream's logits depend
//! on how far a text was padded, and these don't. Padding's embedding has no gradient in either. A prefix stands before
//! a text as BERT's does, as wide as a layer inside; upstream takes none. `position_embedding_type` other than `absolute` and decoder options
//! are refused. Parity tests: `tests/it/{logits,gradients}.rs`.

mod config;

use burn::module::{Module, Param};
use burn::tensor::activation::tanh;
use burn::tensor::{Device, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, Linear, PrefixTuningConfig, TokenEmbedding, zeros};

use crate::attention::{Past, View, attend, hide_padding, split_heads};
use crate::embedding::Embedding;
use crate::family::{Family, Shape};
use crate::head::{Head, PlainHead};
use crate::layer_norm::LayerNorm;
use crate::{Activation, Backbone, HeadKind, Model, Stages, TokenBatch};

pub use config::{MobileBertConfig, Normalization};

/// PyTorch's default, which upstream leaves in two normalisations: after the embeddings, and at the end of the last feed-forward block.
const TORCH_LAYER_NORM_EPS: f64 = 1e-5;

impl MobileBertConfig {
    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, pooler: bool, device: &Device) -> MobileBert {
        MobileBert {
            embeddings: self.embeddings(device),
            encoder: Encoder { layer: (0..self.num_hidden_layers).map(|_| self.layer(device)).collect() },
            pooler: pooler.then(|| Pooler { dense: Linear::new(self.hidden_size, self.hidden_size, true, device) }),
            precision: FloatDType::F32,
        }
    }

    fn embeddings(&self, device: &Device) -> Embeddings {
        let hidden = self.hidden_size;
        let pieces = if self.trigram_input { 3 } else { 1 };
        Embeddings {
            word_embeddings: TokenEmbedding::new(self.vocab_size, self.embedding_size, device),
            position_embeddings: Embedding::new(self.max_position_embeddings, hidden, device),
            token_type_embeddings: Embedding::new(self.type_vocab_size, hidden, device),
            embedding_transformation: Linear::new(pieces * self.embedding_size, hidden, true, device),
            layer_norm: self.norm(hidden, TORCH_LAYER_NORM_EPS, device),
            dropout: Dropout::new(self.hidden_dropout_prob),
            trigram: self.trigram_input,
            transform: self.trigram_input || self.embedding_size != hidden,
        }
    }

    fn layer(&self, device: &Device) -> Layer {
        let (hidden, inner) = (self.hidden_size, self.true_hidden_size());
        let linear = |inputs, outputs| Linear::new(inputs, outputs, true, device);
        let norm = |width| self.norm(width, self.layer_norm_eps, device);
        let dropout = |rate| Dropout::new(rate);
        // Without bottlenecks a layer's own width is the residual stream's.
        let inner_dropout = if self.use_bottleneck { 0.0 } else { self.hidden_dropout_prob };
        let intermediate =
            || Intermediate { dense: linear(inner, self.intermediate_size), activation: self.hidden_act };
        let narrowed = || BottleneckLayer {
            dense: linear(hidden, self.intra_bottleneck_size),
            layer_norm: norm(self.intra_bottleneck_size),
        };
        let feed_forward = |_| FeedForward {
            intermediate: intermediate(),
            output: ResidualOutput {
                dense: linear(self.intermediate_size, inner),
                layer_norm: norm(inner),
                dropout: dropout(0.0),
            },
        };
        Layer {
            bottleneck: self.use_bottleneck.then(|| Bottleneck {
                input: narrowed(),
                attention: self.key_query_shared_bottleneck.then(narrowed),
                input_for_attention: self.use_bottleneck_attention,
            }),
            attention: Attention {
                self_attention: SelfAttention {
                    query: linear(inner, inner),
                    key: linear(inner, inner),
                    value: linear(if self.use_bottleneck_attention { inner } else { hidden }, inner),
                    dropout: dropout(self.attention_probs_dropout_prob),
                    heads: self.num_attention_heads,
                },
                output: ResidualOutput {
                    dense: linear(inner, inner),
                    layer_norm: norm(inner),
                    dropout: dropout(inner_dropout),
                },
            },
            ffn: (1..self.num_feedforward_networks).map(feed_forward).collect(),
            intermediate: intermediate(),
            output: Output {
                dense: linear(self.intermediate_size, inner),
                layer_norm: self.norm(inner, TORCH_LAYER_NORM_EPS, device),
                dropout: dropout(inner_dropout),
                bottleneck: self.use_bottleneck.then(|| ResidualOutput {
                    dense: linear(inner, hidden),
                    layer_norm: norm(hidden),
                    dropout: dropout(self.hidden_dropout_prob),
                }),
            },
        }
    }

    fn norm(&self, width: usize, epsilon: f64, device: &Device) -> NormLayer {
        match self.normalization_type {
            Normalization::NoNorm => {
                NormLayer::NoNorm(NoNorm { gamma: zeros([width], device), beta: zeros([width], device) })
            }
            Normalization::LayerNorm => NormLayer::LayerNorm(LayerNorm::new(width, epsilon, device)),
        }
    }
}

impl Shape for MobileBertConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, head: HeadKind, device: &Device) -> Model {
        // transformers gives token classifiers no pooler, and sequence classifiers one that may only take the first token.
        Model::MobileBert(self.init(head == HeadKind::Sequence && self.classifier_activation, device))
    }

    fn head(&self, _: HeadKind, labels: usize, device: &Device) -> Head {
        let dropout = self.classifier_dropout.unwrap_or(self.hidden_dropout_prob);
        Head::Plain(PlainHead::new(self.hidden_size, labels, dropout, device))
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
        2 * (self.num_hidden_layers * seq * seq * self.true_hidden_size()) as u64
    }

    fn prefix(&self) -> PrefixTuningConfig {
        PrefixTuningConfig::new(self.num_hidden_layers, self.num_attention_heads, self.true_hidden_size())
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) static FAMILY: Family = Family {
    model_type: "mobilebert",
    prefix: "mobilebert.",
    bare: &["embeddings.", "encoder.", "pooler."],
    sequence_class: "MobileBertForSequenceClassification",
    token_class: "MobileBertForTokenClassification",
    head_modules: &[],
    unneeded: &[("cls.", "pre-training head"), ("mobilebert.pooler.", "pooler")],
    buffers: &["embeddings.position_ids"],
    rename,
    // peft's tables have no row for MobileBERT. These are BERT's, whose names it shares: `output.dense` is the second layer of each of a
    // layer's feed-forward blocks (`output.dense`, `ffn.N.output.dense`) and, as in BERT, attention's output projection; it is not
    // `output.bottleneck.dense`.
    lora_targets: &["query", "value"],
    adalora_targets: &["query", "value"],
    // Behind each of a layer's feed-forward blocks, which are as narrow as attention.
    block_ends: (&["attention.output.dense"], &["output.dense"]),
    ia3_targets: &["key", "value", "output.dense"],
    ia3_feedforward: &["output.dense"],
    peft_defaults: false,
    ln_targets: &["LayerNorm"],
    ln_absent: &[],
    ln_from_peft: false,
};

/// Rust's names for what is a keyword or in another case there; the variant of a [`NormLayer`] is no part of a published name.
fn rename(path: &str) -> String {
    let names = path.split('.').filter_map(|part| match part {
        "NoNorm" | "LayerNorm" => None,
        "layer_norm" => Some("LayerNorm"),
        "self_attention" => Some("self"),
        other => Some(other),
    });
    names.collect::<Vec<_>>().join(".")
}

/// The encoder and, for sequence tasks that have one, its pooler.
#[derive(Module, Debug)]
pub struct MobileBert {
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for MobileBert {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let past = Past(self.tokens().prefix());
        let seen = batch.behind(self.tokens().virtual_tokens());
        let hide = past.unhidden(hide_padding(&seen));
        let hidden = self.embeddings.forward(batch.ids.clone(), &seen, past, self.precision);
        let layers = &self.encoder.layer;
        Stages::new(hidden, layers, past, move |layer, hidden, view| layer.forward(hidden, view.hiding(hide.as_ref())))
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

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: TokenEmbedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    embedding_transformation: Linear,
    layer_norm: NormLayer,
    dropout: Dropout,
    trigram: bool,
    /// Upstream has the transformation in any case and leaves it unused where nothing calls for it.
    transform: bool,
}

impl Embeddings {
    /// `seen` is the batch behind its virtual tokens, which have neighbours as other tokens do.
    fn forward(&self, ids: Tensor<2, Int>, seen: &TokenBatch, past: Past<'_>, precision: FloatDType) -> Tensor<3> {
        let mut words = self.word_embeddings.forward(ids, precision);
        if self.trigram {
            words = trigrams(words, seen);
        }
        if self.transform {
            words = self.embedding_transformation.forward(words);
        }
        let positions = self.position_embeddings.forward(past.positions(seen)).cast(precision); // [1, seq, hidden]
        let types = self.token_type_embeddings.forward(seen.types.clone()).cast(precision);
        self.dropout.forward(self.layer_norm.forward(words + positions + types))
    }
}

/// The next token, the token and the one before it, side by side; 0 beyond a text's ends. Section 3.4 of the paper.
///
/// # Shapes
/// - `words`: `[batch, seq, width]`
/// - output: `[batch, seq, 3 * width]`
fn trigrams(words: Tensor<3>, batch: &TokenBatch) -> Tensor<3> {
    let [rows, seq, width] = words.dims();
    let words = match batch.padded {
        true => {
            let padding = batch.mask.clone().bool_not().unsqueeze_dim::<3>(2);
            words.mask_fill(padding.expand([rows, seq, width]), 0.0)
        }
        false => words,
    };
    let end = Tensor::<3>::zeros([rows, 1, width], (&words.device(), words.dtype()));
    let wider = Tensor::cat(vec![end.clone(), words.clone(), end], 1); // [batch, seq + 2, width]
    Tensor::cat(vec![wider.clone().narrow(1, 2, seq), words, wider.narrow(1, 0, seq)], 2)
}

/// What stands where BERT has layer normalisation.
#[derive(Module, Debug)]
enum NormLayer {
    NoNorm(NoNorm),
    LayerNorm(LayerNorm),
}

impl NormLayer {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            NormLayer::NoNorm(norm) => norm.forward(x),
            NormLayer::LayerNorm(norm) => norm.forward(x),
        }
    }
}

/// `x · gamma + beta` for each feature: layer normalisation without its statistics, which are slow on a phone. Section 3.3 of the paper.
#[derive(Module, Debug)]
struct NoNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl NoNorm {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let feature = |parameter: &Param<Tensor<1>>| parameter.val().cast(x.dtype()).unsqueeze::<3>();
        let (gamma, beta) = (feature(&self.gamma), feature(&self.beta));
        x * gamma + beta
    }
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    bottleneck: Option<Bottleneck>,
    attention: Attention,
    /// All feed-forward blocks but the last.
    ffn: Vec<FeedForward>,
    /// The last one's first half.
    intermediate: Intermediate,
    /// And its second, with the way back to the residual stream.
    output: Output,
}

impl Layer {
    fn forward(&self, hidden: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let (query_key, value, residual) = match &self.bottleneck {
            Some(bottleneck) => bottleneck.forward(hidden.clone()),
            None => (hidden.clone(), hidden.clone(), hidden.clone()),
        };
        let context = self.attention.self_attention.forward(query_key, value, view);
        let attended = self.attention.output.forward(context, residual);
        let inner = self.ffn.iter().fold(attended, |inner, block| block.forward(inner));
        self.output.forward(self.intermediate.forward(inner.clone()), inner, hidden)
    }
}

#[derive(Module, Debug)]
struct Bottleneck {
    input: BottleneckLayer,
    /// For query and key. Unused beside `input_for_attention`, yet upstream has and stores it there too.
    attention: Option<BottleneckLayer>,
    input_for_attention: bool,
}

impl Bottleneck {
    /// What attention makes query and key from, and the value, and what is added to its output.
    ///
    /// # Shapes
    /// - `hidden`: `[batch, seq, hidden_size]`
    /// - outputs: `[batch, seq, intra_bottleneck_size]`; the value's may be `hidden`
    fn forward(&self, hidden: Tensor<3>) -> (Tensor<3>, Tensor<3>, Tensor<3>) {
        let residual = self.input.forward(hidden.clone());
        if self.input_for_attention {
            return (residual.clone(), residual.clone(), residual);
        }
        let query_key = match &self.attention {
            Some(shared) => shared.forward(hidden.clone()),
            None => hidden.clone(),
        };
        (query_key, hidden, residual)
    }
}

/// Into the bottleneck.
#[derive(Module, Debug)]
struct BottleneckLayer {
    dense: Linear,
    layer_norm: NormLayer,
}

impl BottleneckLayer {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.layer_norm.forward(self.dense.forward(hidden))
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
    fn forward(&self, query_key: Tensor<3>, value: Tensor<3>, view: View<'_>) -> Tensor<3> {
        let query = split_heads(self.query.forward(query_key.clone()), self.heads);
        let key = split_heads(self.key.forward(query_key), self.heads);
        let value = split_heads(self.value.forward(value), self.heads);
        let (key, value) = view.precede(key, value);
        attend(query, key, value, view.hide, &self.dropout)
    }
}

#[derive(Module, Debug)]
struct FeedForward {
    intermediate: Intermediate,
    output: ResidualOutput,
}

impl FeedForward {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let inner = self.intermediate.forward(hidden.clone());
        self.output.forward(inner, hidden)
    }
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Intermediate {
    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.activation.apply(self.dense.forward(hidden))
    }
}

/// Projection, dropout, residual, normalisation. Where upstream has no dropout its rate is 0.
#[derive(Module, Debug)]
struct ResidualOutput {
    dense: Linear,
    layer_norm: NormLayer,
    dropout: Dropout,
}

impl ResidualOutput {
    fn forward(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.layer_norm.forward(self.dropout.add(self.dense.forward(x), residual))
    }
}

/// The end of a layer: the last feed-forward block's second half, and back to the residual stream.
#[derive(Module, Debug)]
struct Output {
    dense: Linear,
    layer_norm: NormLayer,
    dropout: Dropout,
    bottleneck: Option<ResidualOutput>,
}

impl Output {
    /// `residual` is the block's input, `stream` the layer's.
    fn forward(&self, x: Tensor<3>, residual: Tensor<3>, stream: Tensor<3>) -> Tensor<3> {
        let inner = self.layer_norm.forward(self.dropout.add(self.dense.forward(x), residual));
        match &self.bottleneck {
            Some(bottleneck) => bottleneck.forward(inner, stream),
            None => inner,
        }
    }
}

#[derive(Module, Debug)]
struct Pooler {
    dense: Linear,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_works_at_the_width_inside_a_layer() {
        let config = MobileBertConfig::default();
        assert_eq!((config.max_positions(), config.attention_macs(8)), (512, 2 * 24 * 8 * 8 * 128));
        let config = MobileBertConfig { use_bottleneck: false, ..config };
        assert_eq!(config.attention_macs(8), 2 * 24 * 8 * 8 * 512);
    }

    #[test]
    fn paths_become_the_names_of_transformers() {
        for (path, name) in [
            ("embeddings.embedding_transformation.weight", "embeddings.embedding_transformation.weight"),
            ("embeddings.layer_norm.NoNorm.gamma", "embeddings.LayerNorm.gamma"),
            ("encoder.layer.3.attention.self_attention.value", "encoder.layer.3.attention.self.value"),
            ("encoder.layer.3.bottleneck.attention.layer_norm", "encoder.layer.3.bottleneck.attention.LayerNorm"),
            ("encoder.layer.3.ffn.2.output.layer_norm.LayerNorm.beta", "encoder.layer.3.ffn.2.output.LayerNorm.beta"),
            ("encoder.layer.3.output.bottleneck.dense.bias", "encoder.layer.3.output.bottleneck.dense.bias"),
            ("pooler.dense", "pooler.dense"),
        ] {
            assert_eq!(rename(path), name);
        }
    }
}
