//! The settings of LoRA beyond rank, alpha, dropout and targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reader::{Table, Value};
use crate::Error;

/// LoRA's variants, under peft's names; what is not set is in no run id.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoraVariant {
    /// The update is scaled by `alpha / √rank` (Kalajdzievski 2023, arXiv 2312.03732).
    #[serde(default, skip_serializing_if = "is_unset")]
    pub use_rslora: bool,
    /// Magnitudes are trained apart from directions (Liu et al. 2024, arXiv 2402.09353).
    #[serde(default, skip_serializing_if = "is_unset")]
    pub use_dora: bool,
    /// A stays at its start (LoRA-FA, Zhang et al. 2023, arXiv 2308.03303).
    #[serde(default, skip_serializing_if = "is_unset")]
    pub freeze_a: bool,
    /// The learning rate of B and of all vectors is so many times that of A (LoRA+, Hayou et al. 2024, arXiv 2402.12354).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr_ratio: Option<f64>,
    /// Which biases are trained too; `None` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Biases>,
    /// Other ranks for layers whose paths end with a pattern.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other alphas for layers whose paths end with a pattern.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Targets that are not adapted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_modules: Vec<String>,
    /// Numbers of the layers that are adapted; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers_to_transform: Vec<usize>,
    /// What the list of layers is called, where a path has several numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers_pattern: Vec<String>,
    /// How the factors start, where not at random beside an untouched weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_lora_weights: Option<Start>,
}

/// Starts of LoRA's factors that take their part out of the base weight, under peft's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Start {
    /// `pissa`: the largest singular values (Meng et al. 2024, arXiv 2404.02948).
    Pissa,
    /// `pissa_niter_N`: the same, about, by N iterations on a random subspace.
    PissaNiter(usize),
    /// `olora`: the first columns and rows of a QR decomposition (Büyükakyüz 2024, arXiv 2406.01775).
    Olora,
}

impl TryFrom<String> for Start {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        match name.as_str() {
            "pissa" => Ok(Self::Pissa),
            "olora" => Ok(Self::Olora),
            _ => {
                let iterations = name.strip_prefix("pissa_niter_").and_then(|n| n.parse().ok());
                iterations
                    .map(Self::PissaNiter)
                    .ok_or("expected \"pissa\", \"pissa_niter_N\" with a whole number N, or \"olora\"")
            }
        }
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        match start {
            Start::Pissa => "pissa".into(),
            Start::PissaNiter(iterations) => format!("pissa_niter_{iterations}"),
            Start::Olora => "olora".into(),
        }
    }
}

/// Biases of the base model that are trained beside LoRA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Biases {
    /// Every one.
    All,
    /// Those of adapted layers.
    LoraOnly,
}

fn is_unset(setting: &bool) -> bool {
    !setting
}

impl LoraVariant {
    pub(super) const KEYS: [&str; 11] = [
        "use_rslora",
        "use_dora",
        "freeze_a",
        "lr_ratio",
        "bias",
        "rank_pattern",
        "alpha_pattern",
        "exclude_modules",
        "layers_to_transform",
        "layers_pattern",
        "init_lora_weights",
    ];

    pub(super) fn read(table: &Table) -> Result<Self, Error> {
        let flag = |key| table.get(key).map_or(Ok(false), |value| value.boolean());
        let names = |key| table.get(key).map_or(Ok(Vec::new()), |value| value.strings());
        let layers_to_transform = match table.get("layers_to_transform") {
            None => Vec::new(),
            Some(value) => value.counts()?,
        };
        let layers_pattern = names("layers_pattern")?;
        if let (Some(value), true) = (table.get("layers_pattern"), layers_to_transform.is_empty()) {
            return Err(value.invalid("means nothing without `layers_to_transform`"));
        }
        Ok(Self {
            use_rslora: flag("use_rslora")?,
            use_dora: flag("use_dora")?,
            freeze_a: flag("freeze_a")?,
            lr_ratio: match table.get("lr_ratio") {
                None => None,
                Some(value) => Some(value.number("a number above 0", |ratio| ratio > 0.0)?),
            },
            bias: match table.get("bias") {
                None => None,
                Some(value) => value.choice(&[
                    ("none", None),
                    ("all", Some(Biases::All)),
                    ("lora_only", Some(Biases::LoraOnly)),
                ])?,
            },
            rank_pattern: read_pattern(table, "rank_pattern", |value| value.count(1))?,
            alpha_pattern: read_pattern(table, "alpha_pattern", |value| {
                value.number("a number above 0", |alpha| alpha > 0.0)
            })?,
            exclude_modules: names("exclude_modules")?,
            layers_to_transform,
            layers_pattern,
            init_lora_weights: match table.get("init_lora_weights") {
                None => None,
                Some(value) => Some(Start::try_from(value.string()?).map_err(|expected| value.invalid(expected))?),
            },
        })
    }
}

fn read_pattern<T>(
    table: &Table,
    key: &'static str,
    read: impl Fn(&Value) -> Result<T, Error>,
) -> Result<BTreeMap<String, T>, Error> {
    let Some(value) = table.get(key) else { return Ok(BTreeMap::new()) };
    value.entries()?.into_iter().map(|(pattern, value)| Ok((pattern, read(&value)?))).collect()
}
