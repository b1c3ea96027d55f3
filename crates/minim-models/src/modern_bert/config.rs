//! `config.json` of a ModernBERT.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::rotary::Rope;
use crate::{Activation, options};

/// How far a layer's tokens look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerType {
    /// At every token.
    #[serde(rename = "full_attention")]
    Full,
    /// At their neighbours.
    #[serde(rename = "sliding_attention")]
    Sliding,
}

/// How a text's hidden states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The first one.
    Cls,
    /// Their mean, without padding.
    Mean,
}

/// Shape and rates of a ModernBERT, by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModernBertConfig {
    /// Pieces in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward block, behind the gate.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads per layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Non-linearity of the feed-forward block's gate.
    pub hidden_activation: Activation,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// In normalisation.
    pub norm_eps: f64,
    /// Whether normalisations have biases.
    pub norm_bias: bool,
    /// Whether the projections of attention have biases.
    pub attention_bias: bool,
    /// Whether those of the feed-forward block have.
    pub mlp_bias: bool,
    /// Whether the first layer of the head has one.
    pub classifier_bias: bool,
    /// Tokens that a layer with neighbours only looks at, half of them to either side.
    pub local_attention: usize,
    /// Every how many layers there is one that looks at every token, from the first; not read where `layer_types` is given.
    pub global_attn_every_n_layers: usize,
    /// The same, layer by layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_types: Option<Vec<LayerType>>,
    /// Base of the rotary frequencies where a layer looks at every token.
    pub global_rope_theta: f64,
    /// And where at neighbours only.
    pub local_rope_theta: f64,
    /// Dropout after the embeddings.
    pub embedding_dropout: f64,
    /// Dropout on attention probabilities, and after attention's output projection.
    pub attention_dropout: f64,
    /// Dropout inside the feed-forward block.
    pub mlp_dropout: f64,
    /// Dropout before the last layer of the head.
    pub classifier_dropout: f64,
    /// The head's non-linearity.
    pub classifier_activation: Activation,
    /// What the head of a sequence classifier takes.
    pub classifier_pooling: Pooling,
    /// Id of the padding piece.
    pub pad_token_id: Option<u32>,
}

impl Default for ModernBertConfig {
    /// transformers' own, which are ModernBERT-base's but for the pooling.
    fn default() -> Self {
        Self {
            vocab_size: 50368,
            hidden_size: 768,
            intermediate_size: 1152,
            num_hidden_layers: 22,
            num_attention_heads: 12,
            hidden_activation: Activation::Gelu,
            max_position_embeddings: 8192,
            initializer_range: 0.02,
            norm_eps: 1e-5,
            norm_bias: false,
            attention_bias: false,
            mlp_bias: false,
            classifier_bias: false,
            local_attention: 128,
            global_attn_every_n_layers: 3,
            layer_types: None,
            global_rope_theta: 160_000.0,
            local_rope_theta: 10_000.0,
            embedding_dropout: 0.0,
            attention_dropout: 0.0,
            mlp_dropout: 0.0,
            classifier_dropout: 0.0,
            classifier_activation: Activation::Gelu,
            classifier_pooling: Pooling::Cls,
            pad_token_id: Some(50283),
        }
    }
}

impl ModernBertConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(mut json: Value) -> Result<Self, String> {
        options::neutral(&json, &[("rope_scaling", Value::Object(Map::new())), ("quantization_config", Value::Null)])?;
        for key in ["hidden_activation", "classifier_activation"] {
            options::known::<Activation>(&json, key)?;
        }
        options::known::<Pooling>(&json, "classifier_pooling")?;
        options::known::<Option<Vec<LayerType>>>(&json, "layer_types")?;
        let default = Self::default();
        let global = Rope::of_layers(&json, "full_attention", "global_rope_theta", default.global_rope_theta)?;
        let local = Rope::of_layers(&json, "sliding_attention", "local_rope_theta", default.local_rope_theta)?;
        if let Some(options) = json.as_object_mut() {
            options.insert("global_rope_theta".into(), json!(global.theta));
            options.insert("local_rope_theta".into(), json!(local.theta));
        }
        let config: Self = serde_json::from_value(json).map_err(|e| format!("no ModernBERT configuration: {e}"))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        options::positive(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("max_position_embeddings", self.max_position_embeddings),
            ("global_attn_every_n_layers", self.global_attn_every_n_layers),
        ])?;
        options::divisible(("hidden_size", self.hidden_size), ("num_attention_heads", self.num_attention_heads))?;
        if !self.head_size().is_multiple_of(2) {
            return Err(format!(
                "hidden_size / num_attention_heads {} is odd; rotary position embedding turns pairs",
                self.head_size()
            ));
        }
        if let Some(types) = self.layer_types.as_ref().filter(|types| types.len() != self.num_hidden_layers) {
            return Err(format!(
                "layer_types has {} entries; expected num_hidden_layers, {}",
                types.len(),
                self.num_hidden_layers
            ));
        }
        options::rates(&[
            ("embedding_dropout", Some(self.embedding_dropout)),
            ("attention_dropout", Some(self.attention_dropout)),
            ("mlp_dropout", Some(self.mlp_dropout)),
            ("classifier_dropout", Some(self.classifier_dropout)),
        ])
    }

    /// Width of a head.
    pub(super) fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// How far the layer's tokens look.
    pub(super) fn layer_type(&self, layer: usize) -> LayerType {
        match self.layer_types.as_ref().and_then(|types| types.get(layer)) {
            Some(kind) => *kind,
            None if layer.is_multiple_of(self.global_attn_every_n_layers) => LayerType::Full,
            None => LayerType::Sliding,
        }
    }

    /// How many tokens to either side a token looks at where it looks at its neighbours only.
    pub(super) fn reach(&self) -> usize {
        self.local_attention / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Shape;

    /// ModernBERT-base's `config.json`.
    fn base() -> Value {
        json!({
            "architectures": ["ModernBertForMaskedLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 50281,
            "classifier_activation": "gelu", "classifier_bias": false, "classifier_dropout": 0.0, "classifier_pooling": "mean",
            "cls_token_id": 50281, "decoder_bias": true, "deterministic_flash_attn": false, "embedding_dropout": 0.0,
            "eos_token_id": 50282, "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "gradient_checkpointing": false,
            "hidden_activation": "gelu", "hidden_size": 768, "initializer_cutoff_factor": 2.0, "initializer_range": 0.02,
            "intermediate_size": 1152, "layer_norm_eps": 1e-5, "local_attention": 128, "local_rope_theta": 10000.0,
            "max_position_embeddings": 8192, "mlp_bias": false, "mlp_dropout": 0.0, "model_type": "modernbert", "norm_bias": false,
            "norm_eps": 1e-5, "num_attention_heads": 12, "num_hidden_layers": 22, "pad_token_id": 50283,
            "position_embedding_type": "absolute", "sep_token_id": 50282, "tie_word_embeddings": true, "torch_dtype": "float32",
            "transformers_version": "4.47.0.dev0", "vocab_size": 50368
        })
    }

    fn with(key: &str, value: Value) -> Result<ModernBertConfig, String> {
        let mut json = base();
        json[key] = value;
        ModernBertConfig::from_json(json)
    }

    fn layer_types(config: &ModernBertConfig) -> Vec<LayerType> {
        (0..config.num_hidden_layers).map(|layer| config.layer_type(layer)).collect()
    }

    #[test]
    fn a_published_configuration_is_read_and_written() {
        let config = ModernBertConfig::from_json(base()).unwrap();
        assert_eq!((config.max_positions(), config.vocab_size(), config.head_size()), (8192, 50368, 64));
        assert_eq!(config.attention_macs(8), 2 * 22 * 8 * 8 * 768);
        assert_eq!(ModernBertConfig::from_json(config.to_json()).unwrap(), config);
        assert_eq!(config, ModernBertConfig { classifier_pooling: Pooling::Mean, ..ModernBertConfig::default() });
    }

    /// transformers 5 compares with `local_attention // 2`, inclusively.
    #[test]
    fn half_of_the_neighbours_stand_on_either_side() {
        assert_eq!(ModernBertConfig::from_json(base()).unwrap().reach(), 64);
        assert_eq!(with("local_attention", json!(9)).unwrap().reach(), 4);
    }

    #[test]
    fn layers_look_as_far_as_they_are_told() {
        use LayerType::{Full, Sliding};
        let json = json!({ "num_hidden_layers": 5 });
        assert_eq!(layer_types(&ModernBertConfig::from_json(json).unwrap()), [Full, Sliding, Sliding, Full, Sliding]);
        let json = json!({ "num_hidden_layers": 3, "global_attn_every_n_layers": 1 });
        assert_eq!(layer_types(&ModernBertConfig::from_json(json).unwrap()), [Full; 3]);
        let json = json!({
            "num_hidden_layers": 3, "global_attn_every_n_layers": 1,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]
        });
        let config = ModernBertConfig::from_json(json).unwrap();
        assert_eq!(layer_types(&config), [Sliding, Full, Sliding]);
        assert_eq!(ModernBertConfig::from_json(config.to_json()).unwrap(), config);
        let json = json!({ "num_hidden_layers": 2, "global_attn_every_n_layers": 2, "layer_types": null });
        assert_eq!(layer_types(&ModernBertConfig::from_json(json).unwrap()), [Full, Sliding]);
    }

    #[test]
    fn rotary_bases_are_read_as_transformers_5_writes_them() {
        let json = json!({ "rope_parameters": {
            "full_attention": { "rope_theta": 8000.0, "rope_type": "default" },
            "sliding_attention": { "rope_theta": 300.0, "rope_type": "default" }
        }});
        let config = ModernBertConfig::from_json(json).unwrap();
        assert_eq!((config.global_rope_theta, config.local_rope_theta), (8000.0, 300.0));
        assert_eq!(ModernBertConfig::from_json(config.to_json()).unwrap(), config);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (key, value) in [
            ("rope_scaling", json!({ "rope_type": "linear", "factor": 2.0 })),
            ("rope_parameters", json!({ "full_attention": { "rope_type": "linear", "factor": 2.0 } })),
            ("partial_rotary_factor", json!(0.5)),
            ("global_rope_theta", json!(0)),
            ("local_rope_theta", json!("10000")),
            ("quantization_config", json!({ "bits": 4 })),
            ("hidden_activation", json!("relu6")),
            ("classifier_activation", json!("relu6")),
            ("classifier_pooling", json!("max")),
            ("layer_types", json!(["chunked_attention"])),
            ("layer_types", json!(["full_attention"])),
            ("global_attn_every_n_layers", json!(0)),
            ("vocab_size", json!(0)),
            ("hidden_size", json!(0)),
            ("intermediate_size", json!(0)),
            ("max_position_embeddings", json!(0)),
            ("num_attention_heads", json!(0)),
            ("num_attention_heads", json!(7)),
            ("num_attention_heads", json!(256)),
            ("embedding_dropout", json!(1.0)),
            ("attention_dropout", json!(-0.1)),
            ("mlp_dropout", json!(1.5)),
            ("classifier_dropout", json!(1)),
        ] {
            let error = with(key, value).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
