use burn::tensor::Device;
use minim_adapters::PrefixTuningConfig;

use crate::{Head, HeadKind, Model};

/// What loading, saving and adapting need to know of a family beside its shape.
#[derive(Debug)]
pub(crate) struct Family {
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// What published names of the backbone start with.
    pub(crate) prefix: &'static str,
    /// How backbone names begin in a checkpoint that was saved without the prefix.
    pub(crate) bare: &'static [&'static str],
    /// transformers' class for a [`HeadKind::Sequence`] head.
    pub(crate) sequence_class: &'static str,
    /// transformers' class for a [`HeadKind::Token`] head.
    pub(crate) token_class: &'static str,
    /// Modules beside `classifier` and `score` that are trained and saved whole whatever the method.
    pub(crate) head_modules: &'static [&'static str],
    /// Tensors that a checkpoint may hold and a classifier may have no use for: what their names start with, and what they are.
    pub(crate) unneeded: &'static [(&'static str, &'static str)],
    /// How names of buffers end that old versions of transformers saved and that are computed here.
    pub(crate) buffers: &'static [&'static str],
    /// From a path inside the backbone's module to its published name, without the prefix. `.gamma` and `.beta` of a normalisation are
    /// renamed elsewhere.
    pub(crate) rename: fn(&str) -> String,
    /// Modules that LoRA adapts by default: peft's choice where it has one.
    pub(crate) lora_targets: &'static [&'static str],
    /// Modules that AdaLoRA adapts by default: peft's choice where it has one.
    pub(crate) adalora_targets: &'static [&'static str],
    /// The layers that end attention and those that end a feed-forward block: behind them stand bottleneck adapters. A name of the second may
    /// mean one of the first too.
    pub(crate) block_ends: (&'static [&'static str], &'static [&'static str]),
    /// Modules that IA3 rescales by default: peft's choice where it has one.
    pub(crate) ia3_targets: &'static [&'static str],
    /// Those of `ia3_targets` whose input is rescaled rather than their output.
    pub(crate) ia3_feedforward: &'static [&'static str],
    /// Whether peft has defaults for this family, so that its files need none.
    pub(crate) peft_defaults: bool,
    /// Normalisations that LayerNorm tuning trains by default: peft's choice where it has one, else every one of the backbone.
    pub(crate) ln_targets: &'static [&'static str],
    /// Modules that have a normalisation's name and are none: nothing of them is tuned, and peft is told so.
    pub(crate) ln_absent: &'static [&'static str],
    /// Whether that is peft's choice.
    pub(crate) ln_from_peft: bool,
}

/// What a family's configuration can say and make.
pub(crate) trait Shape {
    fn family(&self) -> &'static Family;

    /// The backbone of a classifier with such a head, of zeros that are not allocated yet.
    fn backbone(&self, head: HeadKind, device: &Device) -> Model;

    /// The head, of zeros that are not allocated yet.
    fn head(&self, head: HeadKind, labels: usize, device: &Device) -> Head;

    /// Number of rows of the token embeddings.
    fn vocab_size(&self) -> usize;

    /// The longest input.
    fn max_positions(&self) -> usize;

    /// Standard deviation of fresh weights.
    fn initializer_range(&self) -> f64;

    /// Multiply-accumulates of attention's two products for one text of `seq` tokens: all layers, scores and weighted sums.
    fn attention_macs(&self, seq: usize) -> u64;

    /// A prefix that fits: as many layers, and heads of keys and values of that size.
    fn prefix(&self) -> PrefixTuningConfig;

    /// The keys of `config.json` that the family reads.
    fn to_json(&self) -> serde_json::Value;
}
