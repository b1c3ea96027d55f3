//! `config.json` of a MobileBERT.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Activation, options};

/// Shape and rates of a MobileBERT, by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MobileBertConfig {
    /// Pieces in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream between layers.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads per layer; divides the width inside a layer.
    pub num_attention_heads: usize,
    /// Width inside a feed-forward block.
    pub intermediate_size: usize,
    /// The feed-forward blocks' non-linearity.
    pub hidden_act: Activation,
    /// Dropout after the embeddings and where a layer returns to the residual stream.
    pub hidden_dropout_prob: f64,
    /// Dropout on attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Dropout before the head; `hidden_dropout_prob` where it is not given.
    pub classifier_dropout: Option<f64>,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Number of segment types.
    pub type_vocab_size: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// In layer normalisation, where `normalization_type` asks for it.
    pub layer_norm_eps: f64,
    /// Id of the padding piece.
    pub pad_token_id: u32,
    /// Width of the token embeddings.
    pub embedding_size: usize,
    /// Whether a token's input is made of its own embedding and its two neighbours'.
    pub trigram_input: bool,
    /// Whether a layer works on a narrower copy of the residual stream.
    pub use_bottleneck: bool,
    /// The width of that copy.
    pub intra_bottleneck_size: usize,
    /// Whether query, key and value are all made from the layer's one narrow input.
    pub use_bottleneck_attention: bool,
    /// Whether query and key have a narrow input of their own, and the value the wide one.
    pub key_query_shared_bottleneck: bool,
    /// Feed-forward blocks per layer.
    pub num_feedforward_networks: usize,
    /// What stands where BERT has layer normalisation.
    pub normalization_type: Normalization,
    /// Whether a text's summary goes through the pooler's layer.
    pub classifier_activation: bool,
}

/// What stands where BERT has layer normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// A factor and a summand for each feature.
    NoNorm,
    /// Layer normalisation.
    LayerNorm,
}

impl Default for MobileBertConfig {
    /// transformers' own, which are mobilebert-uncased's but for `classifier_activation`.
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            hidden_size: 512,
            num_hidden_layers: 24,
            num_attention_heads: 4,
            intermediate_size: 512,
            hidden_act: Activation::Relu,
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            initializer_range: 0.02,
            layer_norm_eps: 1e-12,
            pad_token_id: 0,
            embedding_size: 128,
            trigram_input: true,
            use_bottleneck: true,
            intra_bottleneck_size: 128,
            use_bottleneck_attention: false,
            key_query_shared_bottleneck: true,
            num_feedforward_networks: 4,
            normalization_type: Normalization::NoNorm,
            classifier_activation: true,
        }
    }
}

impl MobileBertConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(json: serde_json::Value) -> Result<Self, String> {
        options::neutral(
            &json,
            &[
                ("position_embedding_type", json!("absolute")),
                ("is_decoder", json!(false)),
                ("add_cross_attention", json!(false)),
            ],
        )?;
        options::known::<Activation>(&json, "hidden_act")?;
        options::known::<Normalization>(&json, "normalization_type")?;
        let inner_width = json.get("true_hidden_size").cloned().unwrap_or_default();
        let config: Self = serde_json::from_value(json).map_err(|e| format!("no MobileBERT configuration: {e}"))?;
        options::positive(&[
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size),
            ("max_position_embeddings", config.max_position_embeddings),
            ("type_vocab_size", config.type_vocab_size),
            ("embedding_size", config.embedding_size),
            ("intra_bottleneck_size", config.intra_bottleneck_size),
            ("num_feedforward_networks", config.num_feedforward_networks),
        ])?;
        let width = config.true_hidden_size();
        // Follows from the others; published files have it all the same.
        options::neutral(&json!({ "true_hidden_size": inner_width }), &[("true_hidden_size", json!(width))])?;
        let width = match config.use_bottleneck {
            true => ("intra_bottleneck_size", width),
            false => ("hidden_size", width),
        };
        options::divisible(width, ("num_attention_heads", config.num_attention_heads))?;
        options::rates(&[
            ("hidden_dropout_prob", Some(config.hidden_dropout_prob)),
            ("attention_probs_dropout_prob", Some(config.attention_probs_dropout_prob)),
            ("classifier_dropout", config.classifier_dropout),
        ])?;
        // Upstream builds such a model and fails when it runs: query and key are as narrow as the bottleneck, their input is not.
        let narrow_input = config.use_bottleneck_attention || config.key_query_shared_bottleneck;
        if config.use_bottleneck && !narrow_input && config.hidden_size != config.intra_bottleneck_size {
            return Err("use_bottleneck without use_bottleneck_attention and key_query_shared_bottleneck is not \
                        supported; expected one of the two"
                .into());
        }
        Ok(config)
    }

    /// Width inside a layer.
    pub(super) fn true_hidden_size(&self) -> usize {
        if self.use_bottleneck { self.intra_bottleneck_size } else { self.hidden_size }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// mobilebert-uncased's `config.json`.
    fn base() -> Value {
        json!({
            "attention_probs_dropout_prob": 0.1, "classifier_activation": false, "embedding_size": 128, "hidden_act": "relu",
            "hidden_dropout_prob": 0.0, "hidden_size": 512, "initializer_range": 0.02, "intermediate_size": 512,
            "intra_bottleneck_size": 128, "key_query_shared_bottleneck": true, "layer_norm_eps": 1e-12,
            "max_position_embeddings": 512, "model_type": "mobilebert", "normalization_type": "no_norm",
            "num_attention_heads": 4, "num_feedforward_networks": 4, "num_hidden_layers": 24, "pad_token_id": 0,
            "trigram_input": true, "true_hidden_size": 128, "type_vocab_size": 2, "use_bottleneck": true,
            "use_bottleneck_attention": false, "vocab_size": 30522
        })
    }

    fn with(changes: Value) -> Value {
        let mut json = base();
        json.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json
    }

    #[test]
    fn a_published_configuration_is_read_and_written() {
        let config = MobileBertConfig::from_json(base()).unwrap();
        assert_eq!(config, MobileBertConfig { classifier_activation: false, ..MobileBertConfig::default() });
        assert_eq!(config.true_hidden_size(), 128);
        assert_eq!(MobileBertConfig::from_json(serde_json::to_value(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn without_bottlenecks_a_layer_is_as_wide_as_the_residual_stream() {
        let config =
            MobileBertConfig::from_json(with(json!({"use_bottleneck": false, "true_hidden_size": 512}))).unwrap();
        assert_eq!(config.true_hidden_size(), 512);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (named, changes) in [
            ("position_embedding_type", json!({"position_embedding_type": "relative_key"})),
            ("is_decoder", json!({"is_decoder": true})),
            ("add_cross_attention", json!({"add_cross_attention": true})),
            ("hidden_act", json!({"hidden_act": "relu6"})),
            ("normalization_type", json!({"normalization_type": "rms_norm"})),
            ("true_hidden_size", json!({"true_hidden_size": 512})),
            ("true_hidden_size", json!({"use_bottleneck": false})),
            ("vocab_size", json!({"vocab_size": 0})),
            ("num_feedforward_networks", json!({"num_feedforward_networks": 0})),
            ("intra_bottleneck_size 128", json!({"num_attention_heads": 3})),
            ("key_query_shared_bottleneck", json!({"key_query_shared_bottleneck": false})),
            ("hidden_dropout_prob", json!({"hidden_dropout_prob": 1.0})),
            ("classifier_dropout", json!({"classifier_dropout": 2})),
        ] {
            let error = MobileBertConfig::from_json(with(changes)).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
