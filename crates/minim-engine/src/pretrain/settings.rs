use std::path::PathBuf;

use minim_adapters::peft::Precision;
use minim_models::Activation;
use minim_tasks::Tokenizer;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::device::Opened;

/// What to pre-train on what, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Text files, and folders of `.txt` files. A note is a paragraph where blank lines separate paragraphs, else a line.
    pub texts: Vec<PathBuf>,
    /// What the model starts as.
    pub from: Start,
    /// The folder for the result.
    pub out: PathBuf,
    /// How long.
    pub length: Length,
    /// Sequences per optimiser step.
    pub batch_size: usize,
    /// Longest sequence in pieces.
    pub max_length: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps until it is reached.
    pub warmup_ratio: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Share of the pieces that are to be guessed.
    pub mask_probability: f64,
    /// Whether dropout acts during pre-training at the rate of `config.json`; for a small model that sees much text it only costs.
    pub dropout: bool,
    /// For the start, the masks, the order and dropout.
    pub seed: u64,
    /// Steps between two points of the loss curve.
    pub report_every: usize,
    /// Steps between two checkpoints.
    pub save_every: usize,
    /// Share of the notes that are held out for the validation loss; 0 for none.
    pub validation_fraction: f64,
    /// How the weights of the result are written; checkpoints on the way are exact.
    pub precision: Precision,
    /// Where to compute.
    pub device: Opened,
    /// The command, for the result's `pretraining.json`.
    pub command: String,
}

/// What the model starts as.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A fresh BERT with a vocabulary made from the texts.
    Scratch {
        /// Number of layers.
        layers: usize,
        /// Width of the residual stream.
        hidden: usize,
        /// Heads per layer.
        heads: usize,
        /// Width inside the feed-forward block.
        intermediate: usize,
        /// Non-linearity of the feed-forward block.
        activation: Activation,
        /// The dropout rate that `config.json` gives.
        dropout: f64,
        /// Most pieces in the vocabulary.
        vocab_size: usize,
    },
    /// A BERT checkpoint in Hugging Face's layout.
    Checkpoint(PathBuf),
    /// The last checkpoint of the same pre-training, which was interrupted.
    Resume,
}

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many optimiser steps.
    Steps(usize),
    /// So many passes over the sequences.
    Epochs(usize),
}

impl Length {
    /// Optimiser steps where a pass takes `steps_per_epoch`.
    pub fn steps(self, steps_per_epoch: usize) -> usize {
        match self {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => epochs * steps_per_epoch,
        }
    }
}

impl Options {
    /// Refuses settings that mean nothing, naming them.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Input(what));
        for (name, value) in [
            ("batch_size", self.batch_size),
            ("report_every", self.report_every),
            ("save_every", self.save_every),
            ("steps or epochs", self.length.steps(1)),
        ] {
            if value == 0 {
                return wrong(format!("{name} is 0; expected at least 1"));
            }
        }
        if self.max_length < 8 {
            return wrong(format!("max_length is {}; expected at least 8", self.max_length));
        }
        for (name, value, most) in [
            ("warmup_ratio", self.warmup_ratio, 1.0),
            ("mask_probability", self.mask_probability, 0.9),
            ("validation_fraction", self.validation_fraction, 0.5),
            ("weight_decay", self.weight_decay, f64::MAX),
        ] {
            if !(0.0..=most).contains(&value) {
                return wrong(format!("{name} is {value}; expected a number from 0 to {most}"));
            }
        }
        if self.mask_probability == 0.0 {
            return wrong("mask_probability is 0; expected more".into());
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return wrong(format!("learning_rate is {}; expected a positive number", self.learning_rate));
        }
        Ok(())
    }
}

/// What has to be alike for a pre-training to go on as if it had not been interrupted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    batch_size: usize,
    max_length: usize,
    learning_rate: f64,
    warmup_ratio: f64,
    weight_decay: f64,
    mask_probability: f64,
    dropout: bool,
    seed: u64,
    report_every: usize,
    validation_fraction: f64,
    data: Data,
}

/// What follows from the texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Data {
    steps: usize,
    vocab_size: usize,
    sequences: usize,
    validation_sequences: usize,
    /// FNV-1a over the ids of all sequences, so that other texts are noticed.
    texts: String,
}

impl Settings {
    pub(super) fn new(
        options: &Options,
        steps: usize,
        tokenizer: &Tokenizer,
        training: &[Vec<u32>],
        validation: &[Vec<u32>],
    ) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for sequence in training.iter().chain(validation) {
            // The length marks where a sequence ends.
            for id in std::iter::once(sequence.len() as u32).chain(sequence.iter().copied()) {
                for byte in id.to_le_bytes() {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
            }
        }
        Self {
            batch_size: options.batch_size,
            max_length: options.max_length,
            learning_rate: options.learning_rate,
            warmup_ratio: options.warmup_ratio,
            weight_decay: options.weight_decay,
            mask_probability: options.mask_probability,
            dropout: options.dropout,
            seed: options.seed,
            report_every: options.report_every,
            validation_fraction: options.validation_fraction,
            data: Data {
                steps,
                vocab_size: tokenizer.vocab_size(),
                sequences: training.len(),
                validation_sequences: validation.len(),
                texts: format!("{hash:016x}"),
            },
        }
    }

    /// The first setting in which a resumed run differs from the one it resumes: (name, there, here). Options come before what follows
    /// from them.
    pub(super) fn difference(&self, now: &Self) -> Option<(String, String, String)> {
        let options = |settings: &Self| {
            let mut keys = keys(settings);
            keys.remove("data");
            keys
        };
        let differing = |then: Keys, now: Keys| {
            let changed = then.into_iter().find(|(key, value)| now.get(key) != Some(value));
            changed.map(|(key, value)| {
                let now = now.get(&key).cloned().unwrap_or_default();
                (key, value.to_string(), now.to_string())
            })
        };
        differing(options(self), options(now)).or_else(|| differing(keys(&self.data), keys(&now.data)))
    }
}

type Keys = serde_json::Map<String, serde_json::Value>;

fn keys(settings: &impl Serialize) -> Keys {
    match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(keys)) => keys,
        _ => Keys::new(),
    }
}
