use std::path::Path;

use burn::tensor::Device;

use crate::bert::BertConfig;
use crate::{Classifier, Error, HeadKind, MaskedLm, Model};

/// A model's `config.json`: which family, and its shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// `"model_type": "bert"`
    Bert(BertConfig),
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`] without the file; [`Error::Format`] for a family or an option that isn't supported, naming it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let format = |reason: String| Error::Format { path: path.into(), reason };
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| format(format!("no JSON object: {e}")))?;
        match json.get("model_type").and_then(|kind| kind.as_str()) {
            Some("bert") => Ok(Config::Bert(BertConfig::from_json(json).map_err(format)?)),
            Some(other) => Err(format(format!("model_type {other} is not supported; expected bert"))),
            None => Err(format("model_type is missing; expected \"bert\"".into())),
        }
    }

    /// A model with a head, of zeros that are not allocated yet.
    pub fn classifier(&self, head: HeadKind, labels: usize, device: &Device) -> Classifier {
        // transformers gives token classifiers no pooler.
        let pooler = head == HeadKind::Sequence;
        match self {
            Config::Bert(config) => Classifier::new(
                Model::Bert(config.init(pooler, device)),
                head,
                config.hidden_size,
                labels,
                config.classifier_dropout.unwrap_or(config.hidden_dropout_prob),
                device,
            ),
        }
    }

    /// A model with a masked-language-modelling head, of zeros that are not allocated yet.
    pub fn masked_lm(&self, device: &Device) -> MaskedLm {
        match self {
            Config::Bert(config) => MaskedLm::new(config, device),
        }
    }

    /// Number of rows of the token embeddings.
    pub fn vocab_size(&self) -> usize {
        match self {
            Config::Bert(config) => config.vocab_size,
        }
    }

    /// The longest input that the position embeddings allow.
    pub fn max_positions(&self) -> usize {
        match self {
            Config::Bert(config) => config.max_position_embeddings,
        }
    }

    /// Standard deviation of fresh weights.
    pub fn initializer_range(&self) -> f64 {
        match self {
            Config::Bert(config) => config.initializer_range,
        }
    }

    /// Whether published names start with `bert.`, and what they start with.
    pub(crate) fn prefix(&self) -> &'static str {
        match self {
            Config::Bert(_) => "bert.",
        }
    }

    /// The `config.json` of a task checkpoint of this model.
    pub fn to_json(&self, architecture: &str, labels: Option<&[String]>) -> serde_json::Value {
        let mut json = match self {
            Config::Bert(config) => serde_json::to_value(config).unwrap_or_default(),
        };
        json["model_type"] = "bert".into();
        json["architectures"] = serde_json::json!([architecture]);
        if let Some(labels) = labels {
            let id2label = labels.iter().enumerate().map(|(i, l)| (i.to_string(), l.clone().into())).collect();
            let label2id = labels.iter().enumerate().map(|(i, l)| (l.clone(), i.into())).collect();
            json["id2label"] = serde_json::Value::Object(id2label);
            json["label2id"] = serde_json::Value::Object(label2id);
        }
        json
    }
}
