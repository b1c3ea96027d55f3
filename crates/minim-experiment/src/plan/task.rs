//! What a run learns, and from which data.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::reader::Table;
use crate::{Error, Location};

/// A task: a kind of prediction on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Slug of the task in run ids and tables.
    pub name: String,
    /// What is predicted.
    pub kind: TaskKind,
    /// Name of the reader, as `ncbi-disease` or `prepared-csv`.
    pub dataset: String,
    /// The dataset's folder.
    pub data: Location,
    /// Longest input in pieces, special pieces included.
    pub max_length: usize,
    /// What becomes of a longer text.
    #[serde(default, skip_serializing_if = "Long::is_cut")]
    pub long: Long,
    /// Windows only: how many pieces two neighbours share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Windows of classified texts only: how the logits of a text's windows become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// The metric on the validation split that picks the best evaluation, as `macro_f1`.
    pub select: String,
    /// Relations only: the label that means "no relation", left out of micro-F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_label: Option<String>,
    /// At most this many training examples, drawn with the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Relations only: at most this many negative training examples for each positive one, drawn with the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives_per_positive: Option<f64>,
    /// So many training examples of each class, drawn with the run's seed; whole documents for entities and relations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few_shot: Option<usize>,
    /// The same for the validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few_shot_validation: Option<usize>,
    /// What an evaluation shows beside the scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What becomes of a text that is longer than `max_length`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Long {
    /// It is cut.
    #[default]
    Cut,
    /// It is read in overlapping windows.
    Windows,
}

impl Long {
    fn is_cut(&self) -> bool {
        *self == Self::Cut
    }
}

/// How the logits of a text's windows become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// Their mean.
    #[default]
    Mean,
    /// The largest of each label.
    Max,
}

/// What an evaluation shows beside the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// What was left in the text, recall first.
    Deidentification,
}

const LONGS: [(&str, Long); 2] = [("cut", Long::Cut), ("windows", Long::Windows)];
const POOLS: [(&str, Pool); 2] = [("mean", Pool::Mean), ("max", Pool::Max)];
const REPORTS: [(&str, Report); 1] = [("deidentification", Report::Deidentification)];

/// The dataset that is for nothing but de-identification.
const PHI: &str = "i2b2-2014-phi";

/// What a task predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// One label for one text or a pair of texts.
    SequenceClassification,
    /// A BIO tag for every word.
    Ner,
    /// One label for two marked mentions in a text.
    RelationExtraction,
}

const KINDS: [(&str, TaskKind); 3] = [
    ("sequence-classification", TaskKind::SequenceClassification),
    ("ner", TaskKind::Ner),
    ("relation-extraction", TaskKind::RelationExtraction),
];

impl TaskKind {
    /// The metric that picks the best evaluation unless the task names another.
    pub fn default_select(self) -> &'static str {
        match self {
            Self::SequenceClassification => "macro_f1",
            Self::Ner => "entity_f1",
            Self::RelationExtraction => "micro_f1",
        }
    }
}

impl TaskSpec {
    pub(super) const KEYS: [&str; 15] = [
        "name",
        "kind",
        "dataset",
        "data",
        "max_length",
        "long",
        "stride",
        "pool",
        "select",
        "negative_label",
        "train_limit",
        "negatives_per_positive",
        "few_shot",
        "few_shot_validation",
        "report",
    ];

    /// Whether evaluations report what was left in the text, recall first: where the task says so, and for `i2b2-2014-phi`.
    pub fn is_deidentification(&self) -> bool {
        self.report == Some(Report::Deidentification) || self.kind == TaskKind::Ner && self.dataset == PHI
    }

    pub(super) fn read(table: &Table, root: &Path) -> Result<Self, Error> {
        table.check_keys(&Self::KEYS)?;
        let kind = table.required("kind")?.choice(&KINDS)?;
        for key in ["negative_label", "negatives_per_positive"] {
            if let Some(value) = table.get(key)
                && kind != TaskKind::RelationExtraction
            {
                return Err(value.invalid("only tasks of kind \"relation-extraction\" have it"));
            }
        }
        let negative_label = match table.get("negative_label") {
            None => None,
            Some(value) => Some(value.string()?),
        };
        let negatives_per_positive = match table.get("negatives_per_positive") {
            None => None,
            Some(value) if negative_label.is_none() => {
                return Err(value.invalid("needs `negative_label` beside it"));
            }
            Some(value) => Some(value.number("a number above 0", |n| n > 0.0)?),
        };
        let max_length = match table.get("max_length") {
            None => 128,
            // The special pieces at both ends, and one piece of text between them.
            Some(value) => value.count(3)?,
        };
        let (long, stride, pool) = read_long(table, kind, max_length)?;
        let count = |key| table.get(key).map(|value| value.count(1)).transpose();
        let (train_limit, few_shot) = (count("train_limit")?, count("few_shot")?);
        if let Some(value) = table.get("few_shot")
            && train_limit.is_some()
        {
            return Err(value.invalid("stands beside `train_limit`; expected one of the two"));
        }
        let report = match table.get("report") {
            None => None,
            Some(value) if kind != TaskKind::Ner => return Err(value.invalid("only tasks of kind \"ner\" have it")),
            Some(value) => Some(value.choice(&REPORTS)?),
        };
        Ok(Self {
            name: table.required("name")?.slug()?,
            kind,
            dataset: table.required("dataset")?.slug()?,
            data: Location::new(root, table.required("data")?.string()?),
            max_length,
            long,
            stride,
            pool,
            select: match table.get("select") {
                None => kind.default_select().to_owned(),
                Some(value) => value.slug()?,
            },
            negative_label,
            train_limit,
            negatives_per_positive,
            few_shot,
            few_shot_validation: count("few_shot_validation")?,
            report,
        })
    }
}

/// How long texts are read; with windows nothing is left to defaults.
fn read_long(table: &Table, kind: TaskKind, max_length: usize) -> Result<(Long, Option<usize>, Option<Pool>), Error> {
    let long = match table.get("long") {
        None => Long::Cut,
        Some(value) => match value.choice(&LONGS)? {
            Long::Windows if kind == TaskKind::RelationExtraction => {
                return Err(value.invalid(
                    "relations are not read in windows: a long text is cut around its two mentions, which must be seen together",
                ));
            }
            long => long,
        },
    };
    for key in ["stride", "pool"] {
        if let Some(value) = table.get(key)
            && long == Long::Cut
        {
            return Err(value.invalid("needs `long = \"windows\"` beside it"));
        }
    }
    if long == Long::Cut {
        return Ok((long, None, None));
    }
    let stride = match table.get("stride") {
        None => max_length / 4,
        Some(value) => {
            let stride = value.count(0)?;
            // Room for the special pieces at both ends, and for one piece that is new.
            if stride + 3 > max_length {
                return Err(
                    value.invalid(format_args!("is {stride}, expected at most max_length - 3 = {}", max_length - 3))
                );
            }
            stride
        }
    };
    let pool = match table.get("pool") {
        Some(value) if kind != TaskKind::SequenceClassification => {
            return Err(value.invalid("only tasks of kind \"sequence-classification\" have it"));
        }
        Some(value) => Some(value.choice(&POOLS)?),
        None => (kind == TaskKind::SequenceClassification).then_some(Pool::Mean),
    };
    Ok((long, Some(stride), pool))
}
