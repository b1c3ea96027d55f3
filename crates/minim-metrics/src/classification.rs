//! Accuracy, confusion counts, precision, recall and F1 of single-label classification.
//!
//! Sources: `accuracy_score`, `multilabel_confusion_matrix` and `precision_recall_fscore_support` of scikit-learn, with
//! `zero_division=0`. Classes are indices below `classes`; truth and prediction have one per example.

use serde::{Deserialize, Serialize};

use crate::Error;
pub use crate::scores::{Average, Scores};
use crate::scores::{Tally, average};

/// The classes that an average runs over.
///
/// An example of a class outside still counts: predicted as a class inside, it is a false positive of that class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels<'a> {
    /// Every class that the truth or the prediction names: scikit-learn's default, `labels=None`. A macro average
    /// over these changes its denominator with the data.
    Present,
    /// Every class, named or not: `labels=range(classes)`. A class that is neither there nor predicted scores 0.
    All,
    /// Every class but this one: what relation extraction reports, with the negative class here.
    Except(usize),
    /// These classes: `labels=[..]`.
    Only(&'a [usize]),
}

/// How one class was confused with the rest, in examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of this class, and predicted so.
    pub true_positives: usize,
    /// Of another class, but predicted as this one.
    pub false_positives: usize,
    /// Of this class, but predicted as another one.
    pub false_negatives: usize,
    /// Of another class, and not predicted as this one.
    pub true_negatives: usize,
}

/// What share of what a binary decision gets right; `None` where there is nothing to share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Of the positive examples, the share predicted positive: recall of the positive class.
    pub sensitivity: Option<f64>,
    /// Of the negative examples, the share predicted negative: recall of the negative class.
    pub specificity: Option<f64>,
    /// Positive predictive value: of those predicted positive, the share that is; precision of the positive class.
    pub ppv: Option<f64>,
    /// Negative predictive value: of those predicted negative, the share that is; precision of the negative class.
    pub npv: Option<f64>,
}

impl Counts {
    /// Sensitivity, specificity, PPV and NPV of this class against the rest.
    ///
    /// These are scikit-learn's `recall_score` and `precision_score` with `zero_division=nan`, NaN as `None`.
    pub fn rates(self) -> Rates {
        let share = |part: usize, rest: usize| (part + rest > 0).then(|| part as f64 / (part + rest) as f64);
        Rates {
            sensitivity: share(self.true_positives, self.false_negatives),
            specificity: share(self.true_negatives, self.false_positives),
            ppv: share(self.true_positives, self.false_positives),
            npv: share(self.true_negatives, self.false_negatives),
        }
    }
}

/// The share of examples whose class was predicted.
///
/// # Errors
/// No example, or another number of predictions than of truths.
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64, Error> {
    check_lengths(truth, predicted)?;
    let correct = truth.iter().zip(predicted).filter(|(t, p)| t == p).count();
    Ok(correct as f64 / truth.len() as f64)
}

/// Confusion counts, one per class.
///
/// # Errors
/// No example, another number of predictions than of truths, or a label that is not below `classes`.
pub fn counts(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Vec<Counts>, Error> {
    let counts = |tally: Tally| Counts {
        true_positives: tally.correct,
        false_positives: tally.predicted - tally.correct,
        false_negatives: tally.actual - tally.correct,
        true_negatives: truth.len() + tally.correct - tally.predicted - tally.actual,
    };
    Ok(tallies(truth, predicted, classes)?.into_iter().map(counts).collect())
}

/// Precision, recall, F1 and support, one per class (scikit-learn's `average=None`, `labels=range(classes)`).
///
/// # Errors
/// As [`counts`].
pub fn per_class(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Vec<Scores>, Error> {
    Ok(tallies(truth, predicted, classes)?.into_iter().map(Tally::scores).collect())
}

/// Precision, recall, F1 and support averaged over the classes that `labels` names.
///
/// # Errors
/// As [`counts`]; and a chosen label that is not below `classes`, is repeated, or none at all.
pub fn averaged(
    truth: &[usize],
    predicted: &[usize],
    classes: usize,
    by: Average,
    labels: Labels<'_>,
) -> Result<Scores, Error> {
    let tallies = tallies(truth, predicted, classes)?;
    Ok(average(&choose(&tallies, labels)?, by))
}

/// Precision averaged over the classes that `labels` names.
///
/// # Errors
/// As [`averaged`].
pub fn precision(
    truth: &[usize],
    predicted: &[usize],
    classes: usize,
    by: Average,
    labels: Labels<'_>,
) -> Result<f64, Error> {
    averaged(truth, predicted, classes, by, labels).map(|scores| scores.precision)
}

/// Recall averaged over the classes that `labels` names.
///
/// # Errors
/// As [`averaged`].
pub fn recall(
    truth: &[usize],
    predicted: &[usize],
    classes: usize,
    by: Average,
    labels: Labels<'_>,
) -> Result<f64, Error> {
    averaged(truth, predicted, classes, by, labels).map(|scores| scores.recall)
}

/// F1 averaged over the classes that `labels` names.
///
/// # Errors
/// As [`averaged`].
///
/// ```
/// use minim_metrics::classification::{Average, Labels, f1};
///
/// let (truth, predicted) = ([0, 0, 1], [0, 0, 0]);
/// // Class 2 is in neither: `Present` leaves it out, `All` scores it 0.
/// assert_eq!(f1(&truth, &predicted, 3, Average::Macro, Labels::Present)?, 0.8 / 2.0);
/// assert_eq!(f1(&truth, &predicted, 3, Average::Macro, Labels::All)?, 0.8 / 3.0);
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn f1(truth: &[usize], predicted: &[usize], classes: usize, by: Average, labels: Labels<'_>) -> Result<f64, Error> {
    averaged(truth, predicted, classes, by, labels).map(|scores| scores.f1)
}

fn tallies(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Vec<Tally>, Error> {
    check_lengths(truth, predicted)?;
    check_labels("truth", truth, classes)?;
    check_labels("prediction", predicted, classes)?;
    let mut tallies = vec![Tally::default(); classes];
    for (&t, &p) in truth.iter().zip(predicted) {
        tallies[t].actual += 1;
        tallies[p].predicted += 1;
        tallies[t].correct += usize::from(t == p);
    }
    Ok(tallies)
}

pub(crate) fn choose(tallies: &[Tally], labels: Labels<'_>) -> Result<Vec<Tally>, Error> {
    let chosen: Vec<Tally> = match labels {
        Labels::Present => {
            let named = |tally: &&Tally| tally.actual + tally.predicted > 0;
            tallies.iter().filter(named).copied().collect()
        }
        Labels::All => tallies.to_vec(),
        Labels::Except(label) => {
            check_labels("excluded labels", &[label], tallies.len())?;
            [&tallies[..label], &tallies[label + 1..]].concat()
        }
        Labels::Only(labels) => {
            check_labels("chosen labels", labels, tallies.len())?;
            let mut seen = vec![false; tallies.len()];
            for &label in labels {
                if std::mem::replace(&mut seen[label], true) {
                    return Err(Error::RepeatedLabel { label });
                }
            }
            labels.iter().map(|&label| tallies[label]).collect()
        }
    };
    if chosen.is_empty() { Err(Error::Empty { what: "label to average over" }) } else { Ok(chosen) }
}

pub(crate) fn check_lengths(truth: &[usize], predicted: &[usize]) -> Result<(), Error> {
    if truth.len() != predicted.len() {
        return Err(Error::LengthsDiffer { what: "labels", truth: truth.len(), predicted: predicted.len() });
    }
    if truth.is_empty() { Err(Error::Empty { what: "example" }) } else { Ok(()) }
}

pub(crate) fn check_labels(what: &'static str, labels: &[usize], classes: usize) -> Result<(), Error> {
    match labels.iter().position(|&label| label >= classes) {
        Some(position) => Err(Error::LabelOutOfRange { what, position, label: labels[position], classes }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named() {
        let empty = accuracy(&[], &[]);
        assert_eq!(empty, Err(Error::Empty { what: "example" }));
        let lengths = accuracy(&[0, 1], &[0]);
        assert_eq!(lengths, Err(Error::LengthsDiffer { what: "labels", truth: 2, predicted: 1 }));
        let label = counts(&[0, 1], &[0, 3], 3);
        assert_eq!(label, Err(Error::LabelOutOfRange { what: "prediction", position: 1, label: 3, classes: 3 }));
        let message = label.map_err(|error| error.to_string());
        assert_eq!(
            message,
            Err("label 3 at position 1 (from 0) of the prediction: expected a label below 3".to_owned())
        );
    }

    #[test]
    fn a_choice_of_labels_must_make_sense() {
        let micro = |labels| f1(&[0, 1], &[0, 0], 2, Average::Micro, labels);
        assert_eq!(micro(Labels::Only(&[])), Err(Error::Empty { what: "label to average over" }));
        assert_eq!(micro(Labels::Only(&[1, 1])), Err(Error::RepeatedLabel { label: 1 }));
        assert!(matches!(micro(Labels::Only(&[1, 2])), Err(Error::LabelOutOfRange { position: 1, .. })));
        assert!(matches!(micro(Labels::Except(2)), Err(Error::LabelOutOfRange { label: 2, .. })));
        let only_class = f1(&[0], &[0], 1, Average::Micro, Labels::Except(0));
        assert_eq!(only_class, Err(Error::Empty { what: "label to average over" }));
    }
}
