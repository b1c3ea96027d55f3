use std::path::Path;

use burn::tensor::Device;
use minim_adapters::PrefixTuningConfig;

use crate::bert::BertConfig;
use crate::distil_bert::DistilBertConfig;
use crate::family::{Family, Shape};
use crate::llama::LlamaConfig;
use crate::mobile_bert::MobileBertConfig;
use crate::modern_bert::ModernBertConfig;
use crate::roberta::RobertaConfig;
use crate::{Classifier, Error, HeadKind, MaskedLm, initialise};

/// A model's `config.json`: which family, and its shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// `"model_type": "bert"`
    Bert(BertConfig),
    /// `"model_type": "roberta"`
    Roberta(RobertaConfig),
    /// `"model_type": "distilbert"`
    DistilBert(DistilBertConfig),
    /// `"model_type": "mobilebert"`
    MobileBert(MobileBertConfig),
    /// `"model_type": "llama"`
    Llama(LlamaConfig),
    /// `"model_type": "modernbert"`
    ModernBert(ModernBertConfig),
}

/// More than any published model of these families has, by far.
const MOST_LAYERS: u64 = 1000;

/// Which modules an adapter takes where none are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultTargets {
    /// For LoRA and VeRA.
    pub lora: &'static [&'static str],
    /// For AdaLoRA.
    pub adalora: &'static [&'static str],
    /// For bottleneck adapters: the layers that end attention, and those that end a feed-forward block. A name of the second may mean one of
    /// the first too.
    pub block_ends: (&'static [&'static str], &'static [&'static str]),
    /// For IA3.
    pub ia3: &'static [&'static str],
    /// Those of `ia3` whose input is rescaled.
    pub ia3_feedforward: &'static [&'static str],
    /// Whether these are peft's own; it has none for DistilBERT, MobileBERT and ModernBERT.
    pub from_peft: bool,
    /// Normalisations, for LayerNorm tuning.
    pub ln: &'static [&'static str],
    /// Of `ln`, those that are none.
    pub ln_absent: &'static [&'static str],
    /// Whether `ln` is peft's own; it has a list for Llama alone.
    pub ln_from_peft: bool,
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`] without the file; [`Error::Format`] for a family or an option that isn't supported, naming it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_json(read_json(path)?).map_err(|reason| Error::Format { path: path.into(), reason })
    }

    /// Reads a `config.json` of a model cut to its first `layers` layers: its shape at a smaller size.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_cut(path: &Path, layers: usize) -> Result<Self, Error> {
        let mut json = read_json(path)?;
        // DistilBERT's name for it, and everybody else's.
        let key = if json.get("n_layers").is_some() { "n_layers" } else { "num_hidden_layers" };
        json[key] = layers.into();
        Self::from_json(json).map_err(|reason| Error::Format { path: path.into(), reason })
    }

    fn from_json(json: serde_json::Value) -> Result<Self, String> {
        // A module is built for each, before anything is compared with the weights.
        for key in ["num_hidden_layers", "n_layers", "num_feedforward_networks"] {
            if let Some(layers) =
                json.get(key).and_then(serde_json::Value::as_u64).filter(|layers| *layers > MOST_LAYERS)
            {
                return Err(format!("{key} is {layers}; expected at most {MOST_LAYERS}"));
            }
        }
        let kind = json.get("model_type").and_then(|kind| kind.as_str()).unwrap_or_default().to_string();
        match kind.as_str() {
            "bert" => BertConfig::from_json(json).map(Config::Bert),
            "roberta" => RobertaConfig::from_json(json).map(Config::Roberta),
            "distilbert" => DistilBertConfig::from_json(json).map(Config::DistilBert),
            "mobilebert" => MobileBertConfig::from_json(json).map(Config::MobileBert),
            "llama" => LlamaConfig::from_json(json).map(Config::Llama),
            "modernbert" => ModernBertConfig::from_json(json).map(Config::ModernBert),
            "" => {
                Err("model_type is missing; expected bert, roberta, distilbert, mobilebert, llama or modernbert".into())
            }
            other => Err(format!(
                "model_type {other} is not supported; expected bert, roberta, distilbert, mobilebert, llama or modernbert"
            )),
        }
    }

    fn shape(&self) -> &dyn Shape {
        match self {
            Config::Bert(config) => config,
            Config::Roberta(config) => config,
            Config::DistilBert(config) => config,
            Config::MobileBert(config) => config,
            Config::Llama(config) => config,
            Config::ModernBert(config) => config,
        }
    }

    pub(crate) fn family(&self) -> &'static Family {
        self.shape().family()
    }

    /// `model_type`: `bert`, `llama`, ...
    pub fn model_type(&self) -> &'static str {
        self.family().model_type
    }

    /// A model with a head, of zeros that are not allocated yet.
    pub fn classifier(&self, head: HeadKind, labels: usize, device: &Device) -> Classifier {
        let shape = self.shape();
        Classifier::new(shape.backbone(head, device), shape.head(head, labels, device), head)
    }

    /// A head of another kind or size, fresh from `seed` but for a block before the labels that both kinds have, on the backbone of a model of
    /// this shape that is in memory: the two share its tensors. `None` for a sequence head on a model that was made for tokens: that may lack a pooler.
    pub fn on_backbone_of(
        &self,
        model: &Classifier,
        head: HeadKind,
        labels: usize,
        seed: u64,
        device: &Device,
    ) -> Option<Classifier> {
        if head == HeadKind::Sequence && model.head() == HeadKind::Token {
            return None;
        }
        let other = self.shape().head(head, labels, device).with_block_of(model.head_module());
        let fresh = Classifier::new(model.backbone().clone(), other, head);
        let modules = ["classifier", "score"].map(String::from);
        Some(initialise(fresh, self.initializer_range(), seed, |name| minim_adapters::is_saved_whole(name, &modules)))
    }

    /// A model with a masked-language-modelling head, of zeros that are not allocated yet; none for families but BERT.
    pub fn masked_lm(&self, device: &Device) -> Option<MaskedLm> {
        match self {
            Config::Bert(config) => Some(MaskedLm::new(config, device)),
            _ => None,
        }
    }

    /// Number of rows of the token embeddings.
    pub fn vocab_size(&self) -> usize {
        self.shape().vocab_size()
    }

    /// The longest input that the position embeddings allow.
    pub fn max_positions(&self) -> usize {
        self.shape().max_positions()
    }

    /// Standard deviation of fresh weights.
    pub fn initializer_range(&self) -> f64 {
        self.shape().initializer_range()
    }

    /// The modules of a classifier that are trained and saved whole whatever the method, a fresh pooler apart: peft's two, and what else the
    /// family's head has.
    pub fn head_modules(&self) -> Vec<String> {
        ["classifier", "score"].iter().chain(self.family().head_modules).map(|name| name.to_string()).collect()
    }

    /// Which modules adapters take by default.
    pub fn default_targets(&self) -> DefaultTargets {
        let family = self.family();
        DefaultTargets {
            lora: family.lora_targets,
            adalora: family.adalora_targets,
            block_ends: family.block_ends,
            ia3: family.ia3_targets,
            ia3_feedforward: family.ia3_feedforward,
            from_peft: family.peft_defaults,
            ln: family.ln_targets,
            ln_absent: family.ln_absent,
            ln_from_peft: family.ln_from_peft,
        }
    }

    /// A prefix of the default length that fits the model's layers and their keys and values.
    pub fn prefix(&self) -> PrefixTuningConfig {
        self.shape().prefix()
    }

    /// Multiply-accumulates of attention's two products for one text of `seq` tokens, all layers: what grows with the square of a text's length.
    pub fn attention_macs(&self, seq: usize) -> u64 {
        self.shape().attention_macs(seq)
    }

    /// The class that transformers loads a checkpoint with such a head with.
    pub fn architecture(&self, head: HeadKind) -> &'static str {
        match head {
            HeadKind::Sequence => self.family().sequence_class,
            HeadKind::Token => self.family().token_class,
        }
    }

    /// The keys of `config.json` that the family reads, each with the value that it has here, be it a default.
    pub fn shape_json(&self) -> serde_json::Value {
        self.shape().to_json()
    }

    /// The `config.json` of a task checkpoint of this model.
    pub fn to_json(&self, architecture: &str, labels: Option<&[String]>) -> serde_json::Value {
        let mut json = self.shape().to_json();
        json["model_type"] = self.model_type().into();
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

fn read_json(path: &Path) -> Result<serde_json::Value, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
    let format = |reason: String| Error::Format { path: path.into(), reason };
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| format(format!("no JSON ({e})")))?;
    if json.is_object() { Ok(json) } else { Err(format("no JSON object; expected a model's configuration".into())) }
}
