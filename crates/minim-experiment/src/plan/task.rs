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
    /// Longest input in pieces, special pieces included; longer texts are cut.
    pub max_length: usize,
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
}

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
    pub(super) const KEYS: [&str; 9] = [
        "name",
        "kind",
        "dataset",
        "data",
        "max_length",
        "select",
        "negative_label",
        "train_limit",
        "negatives_per_positive",
    ];

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
        Ok(Self {
            name: table.required("name")?.slug()?,
            kind,
            dataset: table.required("dataset")?.slug()?,
            data: Location::new(root, table.required("data")?.string()?),
            max_length: match table.get("max_length") {
                None => 128,
                // The special pieces at both ends, and one piece of text between them.
                Some(value) => value.count(3)?,
            },
            select: match table.get("select") {
                None => kind.default_select().to_owned(),
                Some(value) => value.slug()?,
            },
            negative_label,
            train_limit: match table.get("train_limit") {
                None => None,
                Some(value) => Some(value.count(1)?),
            },
            negatives_per_positive,
        })
    }
}
