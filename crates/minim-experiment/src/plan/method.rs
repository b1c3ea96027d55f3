//! How a checkpoint is adapted to a task.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::adalora::AdaLoraSchedule;
use super::lora::LoraVariant;
use super::reader::Table;
use super::virtual_tokens::{self, PromptEncoder, PromptStart};
use crate::{Error, Location};

/// A named way of adapting a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// Slug of the method in run ids and tables.
    pub name: String,
    /// The method's own learning rate, in place of the experiment's; `None` in a [`Run`](crate::Run), whose training
    /// settings hold the rate that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// An adapter folder, peft's or minim's, whose adapter is trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Location>,
    /// What is trained.
    #[serde(flatten)]
    pub method: Method,
}

/// What a method trains; the task's head is trained by all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Method {
    /// Low-rank updates of linear layers (Hu et al. 2021, arXiv 2106.09685).
    Lora {
        /// Inner width of the update.
        rank: usize,
        /// The update is scaled by `alpha / rank`.
        alpha: f64,
        /// Dropout on the update's input, in `[0, 1)`.
        dropout: f64,
        /// Layers that are adapted: a layer whose path equals a target or ends with `.` and it. Empty for the model family's default.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
        /// All other settings.
        #[serde(flatten)]
        variant: Box<LoraVariant>,
    },
    /// Low-rank updates whose ranks compete (Zhang et al. 2023, arXiv 2303.10512).
    #[serde(rename = "adalora")]
    AdaLora {
        /// The update is scaled by `alpha / init_r`.
        alpha: f64,
        /// Dropout on the update's input, in `[0, 1)`.
        dropout: f64,
        /// Layers that are adapted, as LoRA's; empty for the model family's default.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
        /// How ranks are taken away.
        #[serde(flatten)]
        schedule: AdaLoraSchedule,
    },
    /// Learned rescaling of activations (Liu et al. 2022, arXiv 2205.05638).
    Ia3 {
        /// Layers that are adapted: a layer whose path equals a target or ends with `.` and it. Empty for the model family's default.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
        /// Those of the targets whose input, not output, is rescaled; `None` for those that the model family's default names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feedforward: Option<Vec<String>>,
    },
    /// Learned rescaling of random low-rank updates (Kopiczko et al. 2023, arXiv 2310.11454).
    Vera {
        /// Inner width of the update.
        rank: usize,
        /// Dropout on the update's input, in `[0, 1)`.
        dropout: f64,
        /// Where the rescaling of the inner width starts.
        d_initial: f64,
        /// Decides the random matrices, whatever the run's seed.
        projection_prng_key: u64,
        /// Layers that are adapted, as LoRA's; empty for the model family's default.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
    },
    /// Small networks behind blocks.
    Bottleneck {
        /// Behind which blocks.
        placement: Placement,
        /// Inner width.
        bottleneck_size: usize,
        /// Between both projections.
        non_linearity: NonLinearity,
        /// Layers whose output is adapted, as LoRA's; empty for those of the placement.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
    },
    /// Normalisations (Zhao et al. 2023, arXiv 2312.11420).
    LnTuning {
        /// Normalisations that are trained, by the end of their paths; empty for the model family's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
    },
    /// Vectors before each text (Lester et al. 2021, arXiv 2104.08691).
    PromptTuning {
        /// How many.
        num_virtual_tokens: usize,
        /// Where they start.
        prompt_tuning_init: PromptStart,
        /// The text that they start from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt_tuning_init_text: Option<String>,
    },
    /// Keys and values before those of each text, in every layer (Li and Liang 2021, arXiv 2101.00190).
    PrefixTuning {
        /// How many of each.
        num_virtual_tokens: usize,
        /// Whether a network of two layers makes them in training.
        prefix_projection: bool,
        /// Width inside of that network; `None` for that of a layer's keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoder_hidden_size: Option<usize>,
    },
    /// Vectors before each text that an encoder makes in training (Liu et al. 2021, arXiv 2103.10385).
    PTuning {
        /// How many.
        num_virtual_tokens: usize,
        /// What makes them.
        encoder: PromptEncoder,
        /// Width inside of the encoder; `None` for that of the token embeddings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoder_hidden_size: Option<usize>,
        /// LSTMs one after the other; `None` for 2, or where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoder_num_layers: Option<usize>,
        /// Dropout between LSTMs, in `[0, 1)`; `None` for 0, or where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoder_dropout: Option<f64>,
    },
    /// Biases (Ben Zaken et al. 2021, arXiv 2106.10199).
    #[serde(rename = "bitfit")]
    BitFit,
    /// Every weight.
    Full,
    /// The head alone, on a frozen backbone.
    Head,
}

/// Where bottleneck adapters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Behind attention and behind the feed-forward block (Houlsby et al. 2019, arXiv 1902.00751).
    Houlsby,
    /// Behind the feed-forward block alone (Pfeiffer et al. 2020, arXiv 2005.00247).
    Pfeiffer,
}

/// What stands between the projections of a bottleneck adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonLinearity {
    /// `x·Φ(x)`
    Gelu,
    /// `max(x, 0)`
    Relu,
    /// `x·σ(x)`
    Silu,
    /// `tanh(x)`
    Tanh,
}

#[derive(Clone, Copy)]
enum Kind {
    Lora,
    AdaLora,
    Ia3,
    Vera,
    Bottleneck,
    LnTuning,
    PromptTuning,
    PrefixTuning,
    PTuning,
    BitFit,
    Full,
    Head,
}

const KINDS: [(&str, Kind); 12] = [
    ("lora", Kind::Lora),
    ("adalora", Kind::AdaLora),
    ("ia3", Kind::Ia3),
    ("vera", Kind::Vera),
    ("bottleneck", Kind::Bottleneck),
    ("ln-tuning", Kind::LnTuning),
    ("prompt-tuning", Kind::PromptTuning),
    ("prefix-tuning", Kind::PrefixTuning),
    ("p-tuning", Kind::PTuning),
    ("bitfit", Kind::BitFit),
    ("full", Kind::Full),
    ("head", Kind::Head),
];

const SHARED: [&str; 4] = ["name", "kind", "learning_rate", "start"];
/// Keys of several kinds.
const COMMON: [&str; 4] = ["targets", "rank", "dropout", "alpha"];
const IA3: [&str; 1] = ["feedforward"];
const BOTTLENECK: [&str; 3] = ["placement", "bottleneck_size", "non_linearity"];
const VERA: [&str; 2] = ["d_initial", "projection_prng_key"];

impl Method {
    /// The method's name in experiment files: `lora`, `adalora`, `ia3`, `vera`, `bottleneck`, `ln-tuning`, `prompt-tuning`, `prefix-tuning`,
    /// `p-tuning`, `bitfit`, `full` or `head`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Lora { .. } => "lora",
            Self::AdaLora { .. } => "adalora",
            Self::Ia3 { .. } => "ia3",
            Self::Vera { .. } => "vera",
            Self::Bottleneck { .. } => "bottleneck",
            Self::LnTuning { .. } => "ln-tuning",
            Self::PromptTuning { .. } => "prompt-tuning",
            Self::PrefixTuning { .. } => "prefix-tuning",
            Self::PTuning { .. } => "p-tuning",
            Self::BitFit => "bitfit",
            Self::Full => "full",
            Self::Head => "head",
        }
    }

    /// How many times the learning rate B and all vectors have (LoRA+); 1 but for LoRA with `lr_ratio`.
    pub fn lr_ratio(&self) -> f64 {
        match self {
            Self::Lora { variant, .. } => variant.lr_ratio.unwrap_or(1.0),
            _ => 1.0,
        }
    }

    /// Whether it starts with a part of the base weights.
    fn is_taken_from_base(&self) -> bool {
        matches!(self, Self::Lora { variant, .. } if variant.init_lora_weights.is_some())
    }

    fn has_key(&self, key: &str) -> bool {
        match self {
            Self::Lora { .. } => COMMON.contains(&key) || LoraVariant::KEYS.contains(&key),
            Self::AdaLora { .. } => key != "rank" && COMMON.contains(&key) || AdaLoraSchedule::KEYS.contains(&key),
            Self::Ia3 { .. } => key == "targets" || IA3.contains(&key),
            Self::Vera { .. } => key != "alpha" && COMMON.contains(&key) || VERA.contains(&key),
            Self::Bottleneck { .. } => key == "targets" || BOTTLENECK.contains(&key),
            Self::LnTuning { .. } => key == "targets",
            Self::PromptTuning { .. } => virtual_tokens::PROMPT.contains(&key),
            Self::PrefixTuning { .. } => virtual_tokens::PREFIX.contains(&key),
            Self::PTuning { .. } => virtual_tokens::P_TUNING.contains(&key),
            Self::BitFit | Self::Full | Self::Head => false,
        }
    }
}

impl MethodSpec {
    pub(super) const KEYS: [&[&str]; 8] =
        [&SHARED, &COMMON, &LoraVariant::KEYS, &AdaLoraSchedule::KEYS, &IA3, &VERA, &BOTTLENECK, &virtual_tokens::KEYS];

    pub(super) fn read(table: &Table, root: &Path) -> Result<Self, Error> {
        table.check_keys(&Self::KEYS.concat())?;
        let kind = table.required("kind")?;
        let method = match kind.choice(&KINDS)? {
            Kind::Lora => read_lora(table)?,
            Kind::AdaLora => Method::AdaLora {
                alpha: read_alpha(table, 8.0)?,
                dropout: read_dropout(table, 0.0)?,
                targets: read_targets(table)?,
                schedule: AdaLoraSchedule::read(table)?,
            },
            Kind::Ia3 => read_ia3(table)?,
            Kind::Vera => read_vera(table)?,
            Kind::Bottleneck => read_bottleneck(table)?,
            Kind::LnTuning => Method::LnTuning { targets: read_targets(table)? },
            Kind::PromptTuning => virtual_tokens::read_prompt(table)?,
            Kind::PrefixTuning => virtual_tokens::read_prefix(table)?,
            Kind::PTuning => virtual_tokens::read_p_tuning(table)?,
            Kind::BitFit => Method::BitFit,
            Kind::Full => Method::Full,
            Kind::Head => Method::Head,
        };
        for key in Self::KEYS[1..].concat() {
            if let Some(value) = table.get(key)
                && !method.has_key(key)
            {
                return Err(value.invalid(format_args!("methods of kind \"{}\" have no such key", method.kind())));
            }
        }
        Ok(Self {
            name: table.required("name")?.slug()?,
            learning_rate: match table.get("learning_rate") {
                None => None,
                Some(value) => Some(super::training::read_learning_rate(&value)?),
            },
            start: match table.get("start") {
                None => None,
                Some(value) if matches!(method, Method::Full) => {
                    return Err(value
                        .invalid("full fine-tuning goes on from a whole model: name its folder as the model's path"));
                }
                Some(value) if method.is_taken_from_base() => {
                    return Err(value.invalid(
                        "an adapter that started by `init_lora_weights` is kept as plain LoRA of twice its `rank` and `alpha` (with \
                         `use_rslora`, √2 times its `alpha`): give those, without `init_lora_weights`",
                    ));
                }
                Some(value) => Some(Location::new(root, value.string()?)),
            },
            method,
        })
    }
}

fn read_lora(table: &Table) -> Result<Method, Error> {
    Ok(Method::Lora {
        rank: read_rank(table, 8)?,
        alpha: read_alpha(table, 16.0)?,
        dropout: read_dropout(table, 0.1)?,
        targets: read_targets(table)?,
        variant: Box::new(LoraVariant::read(table)?),
    })
}

fn read_vera(table: &Table) -> Result<Method, Error> {
    Ok(Method::Vera {
        rank: read_rank(table, 256)?,
        dropout: read_dropout(table, 0.0)?,
        d_initial: match table.get("d_initial") {
            None => 0.1,
            Some(value) => value.number("a number above 0", |start| start > 0.0)?,
        },
        projection_prng_key: match table.get("projection_prng_key") {
            None => 0,
            Some(value) => value.count(0)? as u64,
        },
        targets: read_targets(table)?,
    })
}

fn read_bottleneck(table: &Table) -> Result<Method, Error> {
    let placement = match table.get("placement") {
        None => Placement::Houlsby,
        Some(value) => value.choice(&[("houlsby", Placement::Houlsby), ("pfeiffer", Placement::Pfeiffer)])?,
    };
    Ok(Method::Bottleneck {
        placement,
        bottleneck_size: table.get("bottleneck_size").map_or(Ok(64), |value| value.count(1))?,
        non_linearity: match table.get("non_linearity") {
            None if placement == Placement::Houlsby => NonLinearity::Gelu,
            None => NonLinearity::Relu,
            Some(value) => value.choice(&[
                ("gelu", NonLinearity::Gelu),
                ("relu", NonLinearity::Relu),
                ("silu", NonLinearity::Silu),
                ("tanh", NonLinearity::Tanh),
            ])?,
        },
        targets: read_targets(table)?,
    })
}

fn read_rank(table: &Table, default: usize) -> Result<usize, Error> {
    table.get("rank").map_or(Ok(default), |value| value.count(1))
}

fn read_alpha(table: &Table, default: f64) -> Result<f64, Error> {
    table.get("alpha").map_or(Ok(default), |value| value.number("a number above 0", |alpha| alpha > 0.0))
}

fn read_dropout(table: &Table, default: f64) -> Result<f64, Error> {
    let dropout = |dropout: f64| (0.0..1.0).contains(&dropout);
    table.get("dropout").map_or(Ok(default), |value| value.number("a number in [0, 1)", dropout))
}

fn read_ia3(table: &Table) -> Result<Method, Error> {
    let targets = read_targets(table)?;
    let feedforward = match table.get("feedforward") {
        None => None,
        Some(value) => {
            let feedforward = value.strings()?;
            if let Some(stray) = feedforward.iter().find(|name| !targets.contains(name)) {
                return Err(value.invalid(format_args!("\"{stray}\" is not among the targets")));
            }
            Some(feedforward)
        }
    };
    Ok(Method::Ia3 { targets, feedforward })
}

/// Which layers a model family's adapters take by default is the model's affair.
fn read_targets(table: &Table) -> Result<Vec<String>, Error> {
    table.get("targets").map_or(Ok(Vec::new()), |value| value.strings())
}
