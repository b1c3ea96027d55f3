//! How a run is optimised and evaluated.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reader::{Table, Value};
use crate::Error;

/// Settings of the training loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Passes over the training split.
    pub epochs: usize,
    /// Stop after this many optimiser steps, if that comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Examples per optimiser step.
    pub batch_size: usize,
    /// Examples per batch when evaluating.
    pub eval_batch_size: usize,
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// Decoupled weight decay; biases and layer norms are spared.
    pub weight_decay: f64,
    /// Share of all steps over which the learning rate rises from 0 to its peak, in `[0, 1)`.
    pub warmup_ratio: f64,
    /// What the learning rate does after the warm-up.
    pub schedule: Schedule,
    /// Gradients are scaled down to this global L2 norm; 0 leaves them as they are.
    pub max_grad_norm: f64,
    /// Stop after this many evaluations in a row without a better score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping_patience: Option<usize>,
    /// When the validation split is evaluated.
    pub evaluate_every: EvaluateEvery,
    /// Number format of the training computation.
    pub precision: Precision,
    /// Number format in which frozen weights are held; `None` for that of the computation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_precision: Option<BasePrecision>,
    /// Whether cheap intermediate results are computed again in the backward pass instead of being kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gradient_checkpointing: bool,
}

impl Default for TrainingSpec {
    fn default() -> Self {
        Self {
            epochs: 3,
            max_steps: None,
            batch_size: 32,
            eval_batch_size: 64,
            learning_rate: 3e-4,
            weight_decay: 0.01,
            warmup_ratio: 0.06,
            schedule: Schedule::Linear,
            max_grad_norm: 1.0,
            early_stopping_patience: None,
            evaluate_every: EvaluateEvery::Epoch,
            precision: Precision::Fp32,
            base_precision: None,
            gradient_checkpointing: false,
        }
    }
}

/// What the learning rate does after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Falls to 0 in a straight line.
    Linear,
    /// Stays at its peak.
    Constant,
}

/// When the validation split is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluateEvery {
    /// After every epoch; written `"epoch"`.
    Epoch,
    /// After every so many steps, and at the end; written as the number.
    Steps(usize),
}

impl Serialize for EvaluateEvery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Epoch => serializer.serialize_str("epoch"),
            Self::Steps(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EvaluateEvery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Word(String),
            Steps(usize),
        }
        match Either::deserialize(deserializer)? {
            Either::Word(word) if word == "epoch" => Ok(Self::Epoch),
            Either::Steps(steps) if steps > 0 => Ok(Self::Steps(steps)),
            _ => Err(serde::de::Error::custom("evaluate_every: expected \"epoch\" or a number of steps above 0")),
        }
    }
}

/// Number format of the training computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// bfloat16 (CUDA only).
    Bf16,
}

/// Number format in which the frozen weights of an adapted model are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BasePrecision {
    /// 32-bit floating point.
    Fp32,
    /// bfloat16, matrices only.
    Bf16,
    /// 8-bit integers for the weights of linear layers, a scale for each output; other matrices in bfloat16.
    Int8,
    /// 4-bit NormalFloat with double quantisation (QLoRA) for the weights of linear layers; other matrices in bfloat16.
    Nf4,
}

impl BasePrecision {
    /// Whether weights are held in codes, which cannot be trained.
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Int8 | Self::Nf4)
    }
}

const SCHEDULES: [(&str, Schedule); 2] = [("linear", Schedule::Linear), ("constant", Schedule::Constant)];
const BASE_PRECISIONS: [(&str, BasePrecision); 4] = [
    ("fp32", BasePrecision::Fp32),
    ("bf16", BasePrecision::Bf16),
    ("int8", BasePrecision::Int8),
    ("nf4", BasePrecision::Nf4),
];
const PRECISIONS: [(&str, Precision); 2] = [("fp32", Precision::Fp32), ("bf16", Precision::Bf16)];

/// Those training settings that a `[training]` or `[[override]]` table names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingPatch {
    epochs: Option<usize>,
    max_steps: Option<usize>,
    batch_size: Option<usize>,
    eval_batch_size: Option<usize>,
    learning_rate: Option<f64>,
    weight_decay: Option<f64>,
    warmup_ratio: Option<f64>,
    schedule: Option<Schedule>,
    max_grad_norm: Option<f64>,
    early_stopping_patience: Option<usize>,
    evaluate_every: Option<EvaluateEvery>,
    precision: Option<Precision>,
    base_precision: Option<BasePrecision>,
    gradient_checkpointing: Option<bool>,
}

impl TrainingPatch {
    /// The keys of a `[training]` table.
    pub(super) const KEYS: [&str; 14] = [
        "epochs",
        "max_steps",
        "batch_size",
        "eval_batch_size",
        "learning_rate",
        "weight_decay",
        "warmup_ratio",
        "schedule",
        "max_grad_norm",
        "early_stopping_patience",
        "evaluate_every",
        "precision",
        "base_precision",
        "gradient_checkpointing",
    ];

    pub(super) fn read(table: &Table) -> Result<Self, Error> {
        let count = |key| table.get(key).map(|value| value.count(1)).transpose();
        let not_negative =
            |key| table.get(key).map(|value| value.number("a number of at least 0", |n| n >= 0.0)).transpose();
        Ok(Self {
            epochs: count("epochs")?,
            max_steps: count("max_steps")?,
            batch_size: count("batch_size")?,
            eval_batch_size: count("eval_batch_size")?,
            learning_rate: table.get("learning_rate").map(|value| read_learning_rate(&value)).transpose()?,
            weight_decay: not_negative("weight_decay")?,
            warmup_ratio: table
                .get("warmup_ratio")
                .map(|value| value.number("a number in [0, 1)", |r| (0.0..1.0).contains(&r)))
                .transpose()?,
            schedule: table.get("schedule").map(|value| value.choice(&SCHEDULES)).transpose()?,
            max_grad_norm: not_negative("max_grad_norm")?,
            early_stopping_patience: count("early_stopping_patience")?,
            evaluate_every: table.get("evaluate_every").map(|value| read_evaluate_every(&value)).transpose()?,
            precision: table.get("precision").map(|value| value.choice(&PRECISIONS)).transpose()?,
            gradient_checkpointing: table.get("gradient_checkpointing").map(|value| value.boolean()).transpose()?,
            base_precision: table.get("base_precision").map(|value| value.choice(&BASE_PRECISIONS)).transpose()?,
        })
    }

    /// Overwrites in `training` what the patch names.
    pub fn apply(&self, training: &mut TrainingSpec) {
        fn set<T: Copy>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        set(&mut training.epochs, self.epochs);
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.eval_batch_size, self.eval_batch_size);
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut training.weight_decay, self.weight_decay);
        set(&mut training.warmup_ratio, self.warmup_ratio);
        set(&mut training.schedule, self.schedule);
        set(&mut training.max_grad_norm, self.max_grad_norm);
        set(&mut training.evaluate_every, self.evaluate_every);
        set(&mut training.precision, self.precision);
        set(&mut training.gradient_checkpointing, self.gradient_checkpointing);
        training.base_precision = self.base_precision.or(training.base_precision);
        training.max_steps = self.max_steps.or(training.max_steps);
        training.early_stopping_patience = self.early_stopping_patience.or(training.early_stopping_patience);
    }
}

pub(super) fn read_learning_rate(value: &Value) -> Result<f64, Error> {
    value.number("a learning rate above 0", |rate| rate > 0.0)
}

fn read_evaluate_every(value: &Value) -> Result<EvaluateEvery, Error> {
    if value.string().is_ok_and(|word| word == "epoch") {
        return Ok(EvaluateEvery::Epoch);
    }
    value
        .count(1)
        .map(EvaluateEvery::Steps)
        .map_err(|_| value.invalid("expected \"epoch\" or a number of steps above 0"))
}
