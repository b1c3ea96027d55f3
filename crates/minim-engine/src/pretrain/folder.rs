//! The files of a pre-training: what it starts from, checkpoints on the way.
//!
//! ```text
//! out/config.json, vocab.txt, tokenizer.json, tokenizer_config.json    written first
//! out/checkpoint/                                                      replaced every `save_every` steps, removed at the end
//! out/model.safetensors, pretraining.json, loss.svg                    written last
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use minim_adapters::peft::Precision;
use minim_models::{Checkpoint, Config, Loaded, MaskedLm, initialise, save};
use serde::{Deserialize, Serialize};

use super::adamw::AdamW;
use super::settings::Settings;
use super::word_piece::{SPECIAL, normalizer};
use super::{Options, Point, Start};
use crate::Error;
use burn::tensor::Device;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

pub(super) const ARCHITECTURE: &str = "BertForMaskedLM";
const CHECKPOINT: &str = "checkpoint";
const STATE: &str = "state.json";
const MOMENTS: &str = "moments.safetensors";
const REPORT: &str = "pretraining.json";

/// Where a run stands, beside weights and moments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) settings: Settings,
    /// Optimiser steps taken.
    pub(super) step: usize,
    /// Sum and number of the losses since the last point of the curve.
    pub(super) loss_sum: f64,
    pub(super) losses: usize,
    pub(super) curve: Vec<Point>,
    /// Pieces trained on.
    pub(super) tokens: usize,
    /// Seconds of training.
    pub(super) train_s: f64,
    /// Seconds in all.
    pub(super) wall_s: f64,
    pub(super) notes: Vec<String>,
}

/// The folder of a result.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Refuses to write over another result, and to resume where there is nothing to resume.
    pub(super) fn check(&self, from: &Start) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Input(format!("{}: {what}", self.0.display())));
        if self.0.join(REPORT).is_file() {
            return refuse("holds a finished pre-training; expected another folder".into());
        }
        if *from == Start::Resume {
            return self.last_checkpoint().map(drop);
        }
        if self.checkpoint().is_some() {
            return refuse("holds a pre-training that was interrupted; resume it, or take another folder".into());
        }
        if self.0.join("model.safetensors").is_file() || self.0.join("pytorch_model.bin").is_file() {
            return refuse("holds a model; expected another folder".into());
        }
        Ok(())
    }

    /// Copies a checkpoint's tokenizer.
    pub(super) fn copy_tokenizer(&self, from: &Path) -> Result<(), Error> {
        for name in
            ["tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
        {
            let file = from.join(name);
            if file.is_file() {
                fs::copy(&file, self.0.join(name)).map_err(Error::io(&file))?;
            }
        }
        Ok(())
    }

    /// Writes a tokenizer with these pieces in the three forms that readers look for.
    pub(super) fn write_tokenizer(&self, pieces: &[String], max_length: usize) -> Result<(), Error> {
        self.write("vocab.txt", pieces.iter().map(|piece| format!("{piece}\n")).collect())?;
        let [pad, unk, cls, sep, mask] = SPECIAL;
        let config = serde_json::json!({
            "cls_token": cls,
            "do_lower_case": true,
            "mask_token": mask,
            "model_max_length": max_length,
            "pad_token": pad,
            "sep_token": sep,
            "strip_accents": null,
            "tokenize_chinese_chars": true,
            "tokenizer_class": "BertTokenizer",
            "unk_token": unk,
        });
        self.write_json("tokenizer_config.json", &config)?;
        let failed = |error: tokenizers::Error| Error::Input(format!("the vocabulary makes no tokenizer: {error}"));
        let vocab: BTreeMap<&String, u32> = pieces.iter().zip(0..).collect();
        let model = serde_json::json!({
            "type": "WordPiece",
            "unk_token": unk,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocab,
        });
        let model = WordPiece::from_bytes(model.to_string()).map_err(failed)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer
            .with_normalizer(Some(normalizer()))
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(BertProcessing::new((sep.into(), 3), (cls.into(), 2))));
        tokenizer.add_special_tokens(&SPECIAL.map(|piece| AddedToken::from(piece, true)));
        self.write("tokenizer.json", tokenizer.to_string(true).map_err(failed)? + "\n")
    }

    pub(super) fn write(&self, name: &str, text: String) -> Result<(), Error> {
        let path = self.0.join(name);
        fs::create_dir_all(&self.0).map_err(Error::io(&self.0))?;
        fs::write(&path, text).map_err(Error::io(&path))
    }

    pub(super) fn write_json(&self, name: &str, json: &impl Serialize) -> Result<(), Error> {
        let failed = |error: serde_json::Error| Error::Input(format!("{name} cannot be written: {error}"));
        self.write(name, serde_json::to_string_pretty(json).map_err(failed)? + "\n")
    }

    /// The last whole checkpoint.
    fn checkpoint(&self) -> Option<PathBuf> {
        // Between the two renames of `save` the last whole one has its other name.
        [CHECKPOINT, "checkpoint.previous"]
            .map(|name| self.0.join(name))
            .into_iter()
            .find(|path| path.join(STATE).is_file())
    }

    fn last_checkpoint(&self) -> Result<PathBuf, Error> {
        let missing = || Error::Input(format!("{}: no checkpoint to resume from", self.0.display()));
        self.checkpoint().ok_or_else(missing)
    }

    /// Replaces the checkpoint: whoever interrupts this finds the old one or the new one, whole.
    pub(super) fn save(
        &self,
        model: &MaskedLm,
        config: &Config,
        optimizer: &AdamW,
        state: &State,
    ) -> Result<(), Error> {
        let [new, current, old] =
            ["checkpoint.partial", CHECKPOINT, "checkpoint.previous"].map(|name| self.0.join(name));
        remove(&new)?;
        save(model, &config.to_json(ARCHITECTURE, None), Precision::F32, &new)?;
        optimizer.save(&new.join(MOMENTS))?;
        Folder(new.clone()).write_json(STATE, state)?;
        if current.is_dir() {
            remove(&old)?;
            fs::rename(&current, &old).map_err(Error::io(&current))?;
        }
        fs::rename(&new, &current).map_err(Error::io(&new))?;
        remove(&old)
    }

    /// Takes up the last checkpoint: model, optimiser, state.
    pub(super) fn resume(&self, optimizer: AdamW, device: &Device) -> Result<(MaskedLm, AdamW, State), Error> {
        let folder = self.last_checkpoint()?;
        let path = folder.join(STATE);
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let state: State = serde_json::from_str(&text)
            .map_err(|error| Error::Input(format!("{}: no state of a pre-training: {error}", path.display())))?;
        let model = Checkpoint::open(&folder)?.masked_lm(0, device)?.model;
        let optimizer = optimizer.load(&folder.join(MOMENTS), state.step, device)?;
        Ok((model, optimizer, state))
    }

    /// Writes the result and removes the checkpoint.
    pub(super) fn finish(
        &self,
        model: &MaskedLm,
        config: &Config,
        precision: Precision,
        report: &impl Serialize,
        chart: String,
    ) -> Result<(), Error> {
        save(model, &config.to_json(ARCHITECTURE, None), precision, &self.0)?;
        self.write("loss.svg", chart)?;
        self.write_json(REPORT, report)?;
        remove(&self.0.join(CHECKPOINT))?;
        remove(&self.0.join("checkpoint.previous"))
    }

    /// The configuration that a run with these options trains.
    pub(super) fn config(&self, options: &Options, vocabulary: usize) -> Result<Config, Error> {
        match &options.from {
            Start::Checkpoint(path) => Ok(Checkpoint::open(path)?.config().clone()),
            Start::Resume => Ok(Checkpoint::open(&self.last_checkpoint()?)?.config().clone()),
            Start::Scratch { layers, hidden, heads, intermediate, activation, dropout, .. } => {
                // The other keys are BERT's defaults; a position that is never trained is not there.
                let json = serde_json::json!({
                    "model_type": "bert",
                    "vocab_size": vocabulary,
                    "hidden_size": hidden,
                    "num_hidden_layers": layers,
                    "num_attention_heads": heads,
                    "intermediate_size": intermediate,
                    "hidden_act": activation,
                    "hidden_dropout_prob": dropout,
                    "attention_probs_dropout_prob": dropout,
                    "max_position_embeddings": options.max_length,
                });
                self.write_json("config.json", &json)?;
                let config = Config::read(&self.0.join("config.json"))?;
                self.write_json("config.json", &config.to_json(ARCHITECTURE, None))?;
                Ok(config)
            }
        }
    }
}

/// The model that a new pre-training starts as.
pub(super) fn start(options: &Options, config: &Config, seed: u64, device: &Device) -> Result<Loaded<MaskedLm>, Error> {
    match &options.from {
        Start::Checkpoint(path) => Ok(Checkpoint::open(path)?.masked_lm(seed, device)?),
        _ => {
            let blank = config.masked_lm(device).ok_or_else(|| {
                Error::Input(format!("model_type {} has no pre-training here; expected bert", config.model_type()))
            })?;
            let model = initialise(blank, config.initializer_range(), seed, |_| true);
            Ok(Loaded::whole(model))
        }
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() { fs::remove_dir_all(folder).map_err(Error::io(folder)) } else { Ok(()) }
}
