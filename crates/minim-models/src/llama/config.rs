//! `config.json` of a Llama.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rotary::{Rope, RopeScaling};
use crate::{Activation, options};

/// Shape and rates of a Llama, by the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LlamaConfig {
    /// Pieces in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of queries per layer.
    pub num_attention_heads: usize,
    /// Heads of keys and values per layer, a divisor of `num_attention_heads`; as many where it is not given.
    pub num_key_value_heads: Option<usize>,
    /// Width of a head, even; `hidden_size / num_attention_heads` where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Non-linearity of the feed-forward block's gate.
    pub hidden_act: Activation,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// In normalisation.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How they are stretched.
    pub rope_scaling: Option<RopeScaling>,
    /// Whether the projections of attention have biases.
    pub attention_bias: bool,
    /// Whether those of the feed-forward block have.
    pub mlp_bias: bool,
    /// Dropout on attention probabilities.
    pub attention_dropout: f64,
    /// Dropout before the head of a token classifier; `hidden_dropout`, or 0.1, where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classifier_dropout: Option<f64>,
    /// See `classifier_dropout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_dropout: Option<f64>,
    /// Whether the head of a token classifier has a bias; it has one where this is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_classification_bias: Option<bool>,
    /// Id of the padding piece: a text's label is read off at its last piece that is another.
    pub pad_token_id: Option<u32>,
}

impl Default for LlamaConfig {
    /// transformers' own, which are Llama-2-7b's but for the longest input and the epsilon.
    fn default() -> Self {
        Self {
            vocab_size: 32000,
            hidden_size: 4096,
            intermediate_size: 11008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: None,
            head_dim: None,
            hidden_act: Activation::Silu,
            max_position_embeddings: 2048,
            initializer_range: 0.02,
            rms_norm_eps: 1e-6,
            rope_theta: 10000.0,
            rope_scaling: None,
            attention_bias: false,
            mlp_bias: false,
            attention_dropout: 0.0,
            classifier_dropout: None,
            hidden_dropout: None,
            token_classification_bias: None,
            pad_token_id: Some(2),
        }
    }
}

impl LlamaConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(mut json: Value) -> Result<Self, String> {
        options::neutral(&json, &[("is_causal", json!(true)), ("quantization_config", Value::Null)])?;
        options::known::<Activation>(&json, "hidden_act")?;
        let default = Self::default();
        let positions = json.get("max_position_embeddings").and_then(Value::as_u64);
        let positions = positions.map_or(default.max_position_embeddings, |positions| positions as usize);
        let rope = Rope::of_model(&json, default.rope_theta, positions)?;
        let padding = padding(&json);
        if let Some(options) = json.as_object_mut() {
            options.insert("rope_theta".into(), json!(rope.theta));
            options.insert("rope_scaling".into(), json!(rope.scaling));
            options.insert("pad_token_id".into(), padding);
        }
        let config: Self = serde_json::from_value(json).map_err(|e| format!("no Llama configuration: {e}"))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        options::positive(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.key_value_heads()),
            ("max_position_embeddings", self.max_position_embeddings),
        ])?;
        let heads = ("num_attention_heads", self.num_attention_heads);
        options::divisible(("hidden_size", self.hidden_size), heads)?;
        options::divisible(heads, ("num_key_value_heads", self.key_value_heads()))?;
        options::positive(&[("head_dim", self.head_size())])?;
        if !self.head_size().is_multiple_of(2) {
            return Err(format!("head_dim {} is odd; rotary position embedding turns pairs", self.head_size()));
        }
        options::rates(&[
            ("attention_dropout", Some(self.attention_dropout)),
            ("classifier_dropout", self.classifier_dropout),
            ("hidden_dropout", self.hidden_dropout),
        ])
    }

    /// Heads of keys and values.
    pub(super) fn key_value_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of a head.
    pub(super) fn head_size(&self) -> usize {
        self.head_dim.unwrap_or_else(|| self.hidden_size / self.num_attention_heads)
    }

    /// The rate before the head of a token classifier.
    pub(super) fn head_dropout(&self) -> f64 {
        self.classifier_dropout.or(self.hidden_dropout).unwrap_or(0.1)
    }
}

/// The padding piece. Many published models have none; they are padded with the end-of-text piece when they are fine-tuned.
fn padding(json: &Value) -> Value {
    let given = json.get("pad_token_id").filter(|id| !id.is_null() && id.as_i64().is_none_or(|id| id >= 0));
    match (given, json.get("eos_token_id")) {
        (Some(id), _) => id.clone(),
        (None, Some(Value::Array(several))) => several.first().cloned().unwrap_or_default(),
        (None, Some(id)) => id.clone(),
        (None, None) => json!(LlamaConfig::default().pad_token_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Shape;

    /// Llama-2-7b-hf's `config.json`.
    fn llama_2() -> Value {
        json!({
            "_name_or_path": "meta-llama/Llama-2-7b-hf", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
            "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 11008,
            "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32,
            "num_key_value_heads": 32, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
            "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.31.0.dev0", "use_cache": true,
            "vocab_size": 32000
        })
    }

    fn with(key: &str, value: Value) -> Result<LlamaConfig, String> {
        let mut json = llama_2();
        json[key] = value;
        LlamaConfig::from_json(json)
    }

    #[test]
    fn a_published_configuration_is_read_and_written() {
        let config = LlamaConfig::from_json(llama_2()).unwrap();
        assert_eq!((config.max_positions(), config.vocab_size(), config.head_size()), (4096, 32000, 128));
        assert_eq!(config.key_value_heads(), 32);
        assert_eq!(config.attention_macs(8), 2 * 32 * 8 * 8 * 4096);
        assert_eq!(LlamaConfig::from_json(config.to_json()).unwrap(), config);
        let longer = LlamaConfig { rms_norm_eps: 1e-5, max_position_embeddings: 4096, ..LlamaConfig::default() };
        assert_eq!(config, LlamaConfig { num_key_value_heads: Some(32), ..longer });
    }

    #[test]
    fn what_is_not_given_follows_from_the_rest() {
        let config = LlamaConfig::from_json(json!({ "hidden_size": 60, "num_attention_heads": 6 })).unwrap();
        assert_eq!((config.key_value_heads(), config.head_size()), (6, 10));
        assert_eq!((config.head_dropout(), config.pad_token_id), (0.1, Some(2)));

        let json = json!({
            "hidden_size": 30, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 14, "hidden_dropout": 0.3,
            "num_hidden_layers": 2, "rope_parameters": { "rope_type": "linear", "factor": 2.0, "rope_theta": 500.0 }
        });
        let config = LlamaConfig::from_json(json).unwrap();
        assert_eq!((config.key_value_heads(), config.head_size(), config.head_dropout()), (1, 14, 0.3));
        assert_eq!(config.attention_macs(8), 2 * 2 * 8 * 8 * 3 * 14);
        assert_eq!((config.rope_theta, config.rope_scaling), (500.0, Some(RopeScaling::Linear { factor: 2.0 })));
        assert_eq!(LlamaConfig::from_json(config.to_json()).unwrap(), config);

        let json = json!({ "hidden_dropout": 0.3, "classifier_dropout": 0.2 });
        assert_eq!(LlamaConfig::from_json(json).unwrap().head_dropout(), 0.2);
    }

    /// The scaled frequencies' length is the longest input where it is not given, as upstream.
    #[test]
    fn llama_3_is_read_without_a_length_of_pre_training() {
        let scaling = json!({ "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0 });
        let config = with("rope_scaling", scaling).unwrap();
        let expected = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 4096,
        };
        assert_eq!(config.rope_scaling, Some(expected));
    }

    #[test]
    fn the_end_of_text_pads_where_nothing_else_does() {
        for (pad, eos, expected) in [
            (json!(0), json!(2), Some(0)),
            (json!(null), json!(7), Some(7)),
            (json!(-1), json!(7), Some(7)),
            (json!(null), json!([128_001, 128_008]), Some(128_001)),
            (json!(null), json!([]), None),
            (json!(null), json!(null), None),
        ] {
            let config = LlamaConfig::from_json(json!({ "pad_token_id": pad, "eos_token_id": eos })).unwrap();
            assert_eq!(config.pad_token_id, expected, "{pad} {eos}");
        }
        assert_eq!(LlamaConfig::from_json(json!({})).unwrap().pad_token_id, Some(2));
        assert!(with("pad_token_id", json!("</s>")).is_err());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (key, value) in [
            ("is_causal", json!(false)),
            ("quantization_config", json!({ "bits": 4 })),
            ("hidden_act", json!("relu6")),
            ("rope_scaling", json!({ "rope_type": "yarn", "factor": 2.0 })),
            ("rope_parameters", json!({ "rope_type": "longrope" })),
            ("partial_rotary_factor", json!(0.5)),
            ("vocab_size", json!(0)),
            ("hidden_size", json!(0)),
            ("intermediate_size", json!(0)),
            ("max_position_embeddings", json!(0)),
            ("num_attention_heads", json!(0)),
            ("num_attention_heads", json!(33)),
            ("num_key_value_heads", json!(0)),
            ("num_key_value_heads", json!(5)),
            ("head_dim", json!(0)),
            ("head_dim", json!(7)),
            ("attention_dropout", json!(1.0)),
            ("classifier_dropout", json!(-0.1)),
            ("hidden_dropout", json!(1.5)),
        ] {
            let error = with(key, value).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn what_changes_nothing_is_read() {
        for (key, value) in [
            ("pretraining_tp", json!(2)),
            ("tie_word_embeddings", json!(true)),
            ("quantization_config", json!(null)),
            ("rope_scaling", json!({})),
        ] {
            assert_eq!(with(key, value), LlamaConfig::from_json(llama_2()), "{key}");
        }
    }
}
