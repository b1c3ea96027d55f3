//! The settings of prompt tuning, prefix tuning and P-tuning, under peft's names.

use serde::{Deserialize, Serialize};

use super::method::Method;
use super::reader::Table;
use crate::Error;

/// Where the vectors of a prompt start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptStart {
    /// Drawn.
    Random,
    /// Embeddings of tokens drawn from the vocabulary.
    SampleVocab,
    /// Embeddings of a text's tokens.
    Text,
}

/// What makes the vectors of a prompt in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptEncoder {
    /// Linear layers.
    Mlp,
    /// Bidirectional LSTMs and linear layers.
    Lstm,
}

/// All keys.
pub(super) const KEYS: [&str; 8] = [
    "num_virtual_tokens",
    "prompt_tuning_init",
    "prompt_tuning_init_text",
    "prefix_projection",
    "encoder",
    "encoder_hidden_size",
    "encoder_num_layers",
    "encoder_dropout",
];
/// Those of each method.
pub(super) const PROMPT: [&str; 3] = ["num_virtual_tokens", "prompt_tuning_init", "prompt_tuning_init_text"];
pub(super) const PREFIX: [&str; 3] = ["num_virtual_tokens", "prefix_projection", "encoder_hidden_size"];
pub(super) const P_TUNING: [&str; 5] =
    ["num_virtual_tokens", "encoder", "encoder_hidden_size", "encoder_num_layers", "encoder_dropout"];

fn read_length(table: &Table) -> Result<usize, Error> {
    table.get("num_virtual_tokens").map_or(Ok(20), |value| value.count(1))
}

fn read_hidden_size(table: &Table) -> Result<Option<usize>, Error> {
    table.get("encoder_hidden_size").map(|value| value.count(1)).transpose()
}

pub(super) fn read_prompt(table: &Table) -> Result<Method, Error> {
    let prompt_tuning_init = match table.get("prompt_tuning_init") {
        None => PromptStart::Random,
        Some(value) => value.choice(&[
            ("random", PromptStart::Random),
            ("sample-vocab", PromptStart::SampleVocab),
            ("text", PromptStart::Text),
        ])?,
    };
    let text = table.get("prompt_tuning_init_text");
    match (&text, prompt_tuning_init, table.get("prompt_tuning_init")) {
        (Some(value), PromptStart::Random | PromptStart::SampleVocab, _) => {
            return Err(value.invalid("means nothing without `prompt_tuning_init = \"text\"`"));
        }
        (None, PromptStart::Text, Some(value)) => {
            return Err(value.invalid("expected `prompt_tuning_init_text` beside it"));
        }
        _ => {}
    }
    Ok(Method::PromptTuning {
        num_virtual_tokens: read_length(table)?,
        prompt_tuning_init,
        prompt_tuning_init_text: text.map(|value| value.string()).transpose()?,
    })
}

pub(super) fn read_prefix(table: &Table) -> Result<Method, Error> {
    let prefix_projection = table.get("prefix_projection").map_or(Ok(false), |value| value.boolean())?;
    if let (Some(value), false) = (table.get("encoder_hidden_size"), prefix_projection) {
        return Err(value.invalid("means nothing without `prefix_projection = true`"));
    }
    Ok(Method::PrefixTuning {
        num_virtual_tokens: read_length(table)?,
        prefix_projection,
        encoder_hidden_size: read_hidden_size(table)?,
    })
}

pub(super) fn read_p_tuning(table: &Table) -> Result<Method, Error> {
    let encoder = match table.get("encoder") {
        None => PromptEncoder::Mlp,
        Some(value) => value.choice(&[("mlp", PromptEncoder::Mlp), ("lstm", PromptEncoder::Lstm)])?,
    };
    for key in ["encoder_num_layers", "encoder_dropout"] {
        if let (Some(value), PromptEncoder::Mlp) = (table.get(key), encoder) {
            return Err(value.invalid("means nothing without `encoder = \"lstm\"`"));
        }
    }
    let in_range = |dropout: f64| (0.0..1.0).contains(&dropout);
    Ok(Method::PTuning {
        num_virtual_tokens: read_length(table)?,
        encoder,
        encoder_hidden_size: read_hidden_size(table)?,
        encoder_num_layers: table.get("encoder_num_layers").map(|value| value.count(1)).transpose()?,
        encoder_dropout: table
            .get("encoder_dropout")
            .map(|value| value.number("a number in [0, 1)", in_range))
            .transpose()?,
    })
}
