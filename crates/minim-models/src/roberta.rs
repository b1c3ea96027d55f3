//! RoBERTa. Liu et al. 2019, arXiv 1907.11692.
//!
//! Upstream: `transformers/models/roberta/modeling_roberta.py` (`RobertaModel` without its pooler, eager attention). Loads roberta-base
//! and everything else with `"model_type": "roberta"`. Embeddings and layers are BERT's, of [`crate::bert`]. What is not BERT's: the way
//! positions are counted, the summary without a pooler, and the two-layer head for sequences.
//!
//! Deviations: a padding piece that is spelled out inside a text trains its two embeddings; upstream's `padding_idx` keeps them.
//! `position_embedding_type` other than `absolute` and decoder options are refused. Parity tests: `tests/it/{logits,gradients}.rs`.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Int, Tensor};
use minim_adapters::{PrefixTuningConfig, TokenEmbedding};

use crate::attention::hide_padding;
use crate::bert::{self, BertConfig, Embeddings, Encoder};
use crate::family::{Family, Shape};
use crate::head::{Head, PlainHead, TwoLayerHead};
use crate::{Backbone, HeadKind, Model, Stages, TokenBatch};

/// Shape and rates of a RoBERTa: a BERT's, by the same names of `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct RobertaConfig(BertConfig);

impl RobertaConfig {
    /// Reads the keys that matter and refuses options that would change the model.
    pub(crate) fn from_json(mut json: serde_json::Value) -> Result<Self, String> {
        // The one of BERT's defaults that transformers does not share.
        if let Some(options) = json.as_object_mut() {
            options.entry("pad_token_id").or_insert(serde_json::json!(1));
        }
        let config = Self(BertConfig::from_json(json)?);
        let (positions, first) = (config.0.max_position_embeddings, config.first_position());
        if positions <= first {
            return Err(format!(
                "max_position_embeddings {positions} is too small; texts start at position {first}, after pad_token_id"
            ));
        }
        Ok(config)
    }

    /// A model of zeros that allocates nothing until it is used or loaded.
    pub fn init(&self, device: &Device) -> Roberta {
        Roberta {
            embeddings: Embeddings::new(&self.0, device),
            encoder: Encoder::new(&self.0, device),
            padding: self.0.pad_token_id,
            token_types: self.0.type_vocab_size,
            precision: FloatDType::F32,
        }
    }

    /// Of a text's first token: padding has the position of its id, and the ids below it have none.
    fn first_position(&self) -> usize {
        self.0.pad_token_id as usize + 1
    }
}

impl Shape for RobertaConfig {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn backbone(&self, _: HeadKind, device: &Device) -> Model {
        Model::Roberta(self.init(device))
    }

    fn head(&self, head: HeadKind, labels: usize, device: &Device) -> Head {
        let (hidden, dropout) = (self.0.hidden_size, self.0.head_dropout());
        match head {
            HeadKind::Sequence => Head::TwoLayer(TwoLayerHead::new(hidden, labels, dropout, device)),
            HeadKind::Token => Head::Plain(PlainHead::new(hidden, labels, dropout, device)),
        }
    }

    fn vocab_size(&self) -> usize {
        self.0.vocab_size()
    }

    fn max_positions(&self) -> usize {
        self.0.max_position_embeddings - self.first_position()
    }

    fn initializer_range(&self) -> f64 {
        self.0.initializer_range()
    }

    fn attention_macs(&self, seq: usize) -> u64 {
        self.0.attention_macs(seq)
    }

    fn prefix(&self) -> PrefixTuningConfig {
        self.0.prefix()
    }

    fn to_json(&self) -> serde_json::Value {
        self.0.to_json()
    }
}

pub(crate) static FAMILY: Family = Family {
    model_type: "roberta",
    prefix: "roberta.",
    bare: &["embeddings.", "encoder.", "pooler."],
    sequence_class: "RobertaForSequenceClassification",
    token_class: "RobertaForTokenClassification",
    head_modules: &[],
    unneeded: &[("lm_head.", "masked-language-modelling head"), ("roberta.pooler.", "pooler")],
    buffers: &["embeddings.position_ids"],
    rename: bert::rename,
    // peft's tables, `peft/utils/constants.py`.
    lora_targets: &["query", "value"],
    adalora_targets: &["query", "key", "value", "dense"],
    block_ends: (&["attention.output.dense"], &["output.dense"]),
    ia3_targets: &["key", "value", "output.dense"],
    ia3_feedforward: &["output.dense"],
    peft_defaults: true,
    ln_targets: &["LayerNorm"],
    ln_absent: &[],
    ln_from_peft: false,
};

/// The encoder.
#[derive(Module, Debug)]
pub struct Roberta {
    embeddings: Embeddings,
    encoder: Encoder,
    padding: u32,
    token_types: usize,
    #[module(skip)]
    precision: FloatDType,
}

impl Backbone for Roberta {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let past = self.embeddings.past();
        let seen = batch.behind(self.tokens().virtual_tokens());
        let padding = i64::from(self.padding);
        let positions = match self.tokens().virtual_tokens() {
            0 => positions(batch.ids.clone(), padding, past.len() as i64),
            // Upstream counts everything where it is given vectors in place of ids.
            _ => {
                let [_, seq] = seen.dims();
                let places = Tensor::<1, Int>::arange(0..seq as i64, &batch.ids.device());
                places.add_scalar(padding + 1).unsqueeze::<2>()
            }
        };
        let types = match self.token_types {
            // As in published checkpoints, also for the second text of a pair.
            1 => seen.types.zeros_like(),
            _ => seen.types.clone(),
        };
        let hidden = self.embeddings.forward(batch.ids.clone(), types, positions, self.precision);
        self.encoder.stages(hidden, hide_padding(&seen), past)
    }

    fn tokens(&self) -> &TokenEmbedding {
        &self.embeddings.word_embeddings
    }

    /// The first token, `<s>`.
    fn summary(&self, hidden: Tensor<3>, _: &TokenBatch) -> Tensor<2> {
        hidden.narrow(1, 0, 1).squeeze_dim::<2>(1)
    }

    fn set_precision(&mut self, precision: FloatDType) {
        self.precision = precision;
    }
}

/// Positions count a row's pieces from behind `padding` and the `past` before the text, leaving out the padding piece, which has position `padding` wherever it stands.
///
/// # Shapes
/// - `ids`, output: `[batch, seq]`
fn positions(ids: Tensor<2, Int>, padding: i64, past: i64) -> Tensor<2, Int> {
    let counted = ids.not_equal_elem(padding).int();
    (counted.clone().cumsum(1).add_scalar(past) * counted).add_scalar(padding)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// roberta-base's `config.json`.
    fn base() -> Value {
        json!({
            "architectures": ["RobertaForMaskedLM"], "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "eos_token_id": 2,
            "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02,
            "intermediate_size": 3072, "layer_norm_eps": 1e-5, "max_position_embeddings": 514, "model_type": "roberta",
            "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "type_vocab_size": 1, "vocab_size": 50265
        })
    }

    #[test]
    fn the_longest_input_leaves_out_the_positions_up_to_the_padding() {
        let config = RobertaConfig::from_json(base()).unwrap();
        assert_eq!((config.max_positions(), config.first_position()), (512, 2));
        assert_eq!(config.vocab_size(), 50265);
        assert_eq!(config.attention_macs(8), 2 * 12 * 8 * 8 * 768);

        let mut json = base();
        json["pad_token_id"] = json!(5);
        assert_eq!(RobertaConfig::from_json(json).unwrap().max_positions(), 508);
    }

    #[test]
    fn the_padding_is_1_where_it_is_not_given() {
        let mut json = base();
        json.as_object_mut().unwrap().remove("pad_token_id");
        let config = RobertaConfig::from_json(json).unwrap();
        assert_eq!(config, RobertaConfig::from_json(base()).unwrap());
        assert_eq!(config.to_json()["pad_token_id"], 1, "transformers must read what was meant");
    }

    #[test]
    fn what_is_read_is_written() {
        let config = RobertaConfig::from_json(base()).unwrap();
        assert_eq!(RobertaConfig::from_json(config.to_json()).unwrap(), config);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (key, value) in [
            ("position_embedding_type", json!("relative_key")),
            ("is_decoder", json!(true)),
            ("add_cross_attention", json!(true)),
            ("max_position_embeddings", json!(2)),
            ("num_attention_heads", json!(7)),
            ("hidden_dropout_prob", json!(1.0)),
            ("classifier_dropout", json!(-0.1)),
        ] {
            let mut json = base();
            json[key] = value;
            let error = RobertaConfig::from_json(json).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn paths_become_the_names_of_transformers() {
        for (path, name) in [
            ("embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"),
            ("embeddings.layer_norm", "embeddings.LayerNorm"),
            ("encoder.layer.11.attention.self_attention.query", "encoder.layer.11.attention.self.query"),
            ("encoder.layer.0.attention.output.dense.bias", "encoder.layer.0.attention.output.dense.bias"),
            ("encoder.layer.0.output.layer_norm.gamma", "encoder.layer.0.output.LayerNorm.gamma"),
        ] {
            assert_eq!((FAMILY.rename)(path), name);
        }
    }
}
