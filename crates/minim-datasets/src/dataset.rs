//! A corpus that has been read: its examples in three splits, under one label set.

use std::fmt;

use crate::example::{Labelled, Related, Tagged};
use crate::label_set::LabelSet;

/// The kind of task that a corpus's examples are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One label per text or pair of texts: [`Labelled`].
    Sequence,
    /// One BIO tag per word: [`Tagged`].
    Tokens,
    /// One label per pair of mentions: [`Related`].
    Relations,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequence => "sequence-classification",
            Self::Tokens => "ner",
            Self::Relations => "relation-extraction",
        })
    }
}

/// Training, validation and test examples; no id and no document stands in two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits<E> {
    /// What the examples' labels index.
    pub labels: LabelSet,
    /// For fitting.
    pub train: Vec<E>,
    /// For choosing the epoch and the settings.
    pub validation: Vec<E>,
    /// For the score that is reported.
    pub test: Vec<E>,
}

impl<E> Splits<E> {
    /// The number of examples in each split.
    pub fn sizes(&self) -> Sizes {
        Sizes { train: self.train.len(), validation: self.validation.len(), test: self.test.len() }
    }
}

/// The number of examples in each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Training examples.
    pub train: usize,
    /// Validation examples.
    pub validation: usize,
    /// Test examples.
    pub test: usize,
}

/// The splits of a corpus of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Texts with one label.
    Sequence(Splits<Labelled>),
    /// Words with one tag each.
    Tokens(Splits<Tagged>),
    /// Pairs of mentions with one label.
    Relations(Splits<Related>),
}

impl Dataset {
    /// The kind of its examples.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sequence(_) => Kind::Sequence,
            Self::Tokens(_) => Kind::Tokens,
            Self::Relations(_) => Kind::Relations,
        }
    }

    /// The names of its labels.
    pub fn labels(&self) -> &LabelSet {
        match self {
            Self::Sequence(splits) => &splits.labels,
            Self::Tokens(splits) => &splits.labels,
            Self::Relations(splits) => &splits.labels,
        }
    }

    /// The number of examples in each split.
    pub fn sizes(&self) -> Sizes {
        match self {
            Self::Sequence(splits) => splits.sizes(),
            Self::Tokens(splits) => splits.sizes(),
            Self::Relations(splits) => splits.sizes(),
        }
    }
}

impl From<Splits<Labelled>> for Dataset {
    fn from(splits: Splits<Labelled>) -> Self {
        Self::Sequence(splits)
    }
}

impl From<Splits<Tagged>> for Dataset {
    fn from(splits: Splits<Tagged>) -> Self {
        Self::Tokens(splits)
    }
}

impl From<Splits<Related>> for Dataset {
    fn from(splits: Splits<Related>) -> Self {
        Self::Relations(splits)
    }
}
