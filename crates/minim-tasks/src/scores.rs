//! The scores of one split, by the names that records and experiments use.

use std::collections::BTreeMap;

use minim_metrics::Error as MetricError;

/// What a task's predictions for one split are worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Score by name; one that is undefined for this split (AUROC of a split with one class) is left out.
    pub values: BTreeMap<String, f64>,
    /// One row for each label, or for each entity type.
    pub per_label: Vec<LabelScore>,
}

/// Precision, recall and F1 of one label or entity type.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelScore {
    /// Its name.
    pub label: String,
    /// Of what was predicted so, the share that is right.
    pub precision: f64,
    /// Of what is so, the share that was found.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// How many there are in the truth.
    pub support: usize,
}

impl Scores {
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    /// Adds a score, or leaves it out where it is undefined.
    pub(crate) fn set_if_defined(&mut self, name: &str, value: Result<f64, MetricError>) -> Result<(), MetricError> {
        match value {
            Ok(value) => self.set(name, value),
            Err(MetricError::Undefined { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn add_label(&mut self, label: &str, scores: minim_metrics::Scores) {
        self.per_label.push(LabelScore {
            label: label.to_owned(),
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
            support: scores.support,
        });
    }
}
