//! How a checkpoint is adapted to a task.

use serde::{Deserialize, Serialize};

use super::reader::Table;
use crate::Error;

/// A named way of adapting a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// Slug of the method in run ids and tables.
    pub name: String,
    /// The method's own learning rate, in place of the experiment's; `None` in a [`Run`](crate::Run), whose training
    /// settings hold the rate that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
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
    /// Every weight.
    Full,
    /// The head alone, on a frozen backbone.
    Head,
}

#[derive(Clone, Copy)]
enum Kind {
    Lora,
    Ia3,
    Full,
    Head,
}

const KINDS: [(&str, Kind); 4] = [("lora", Kind::Lora), ("ia3", Kind::Ia3), ("full", Kind::Full), ("head", Kind::Head)];

const SHARED: [&str; 3] = ["name", "kind", "learning_rate"];
const LORA: [&str; 4] = ["rank", "alpha", "dropout", "targets"];
const IA3: [&str; 2] = ["targets", "feedforward"];

impl Method {
    /// The method's name in experiment files: `lora`, `ia3`, `full` or `head`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Lora { .. } => "lora",
            Self::Ia3 { .. } => "ia3",
            Self::Full => "full",
            Self::Head => "head",
        }
    }
}

impl MethodSpec {
    pub(super) const KEYS: [&[&str]; 3] = [&SHARED, &LORA, &IA3];

    pub(super) fn read(table: &Table) -> Result<Self, Error> {
        table.check_keys(&Self::KEYS.concat())?;
        let kind = table.required("kind")?;
        let method = match kind.choice(&KINDS)? {
            Kind::Lora => read_lora(table)?,
            Kind::Ia3 => read_ia3(table)?,
            Kind::Full => Method::Full,
            Kind::Head => Method::Head,
        };
        let own: &[&str] = match method {
            Method::Lora { .. } => &LORA,
            Method::Ia3 { .. } => &IA3,
            Method::Full | Method::Head => &[],
        };
        for key in LORA.into_iter().chain(IA3) {
            if let Some(value) = table.get(key)
                && !own.contains(&key)
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
            method,
        })
    }
}

fn read_lora(table: &Table) -> Result<Method, Error> {
    Ok(Method::Lora {
        rank: match table.get("rank") {
            None => 8,
            Some(value) => value.count(1)?,
        },
        alpha: match table.get("alpha") {
            None => 16.0,
            Some(value) => value.number("a number above 0", |alpha| alpha > 0.0)?,
        },
        dropout: match table.get("dropout") {
            None => 0.1,
            Some(value) => value.number("a number in [0, 1)", |dropout| (0.0..1.0).contains(&dropout))?,
        },
        targets: read_targets(table)?,
    })
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
