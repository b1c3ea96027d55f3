//! How well scores rank examples: area under the ROC curve and average precision.
//!
//! Sources: `roc_auc_score` and `average_precision_score` of scikit-learn. The area under the ROC curve is the
//! probability that a random positive scores above a random negative, a tie counting half (Hanley and McNeil 1982,
//! doi:10.1148/radiology.143.1.7063747); it is summed in integers, so that the order of examples cannot change it.
//!
//! What papers call AUPRC is [`average_precision`] here, a sum of steps. It is not the trapezoid rule on the points of the
//! precision-recall curve (`auc(recall, precision)` of scikit-learn), which joins them by straight lines that no threshold
//! reaches and so flatters (Davis and Goadrich 2006, doi:10.1145/1143844.1143874).

use crate::Error;
use crate::classification::check_labels;

/// Area under the ROC curve of one score per example; `true` is the positive class.
///
/// # Errors
/// No example, another number of scores than of truths, a score that is not finite, or
/// [`Error::Undefined`] when all examples are of one class.
///
/// ```
/// use minim_metrics::{Error, ranking::auroc};
///
/// assert_eq!(auroc(&[false, false, true, true], &[0.1, 0.4, 0.4, 0.8])?, 3.5 / 4.0);
/// assert!(matches!(auroc(&[true, true], &[0.1, 0.4]), Err(Error::Undefined { .. })));
/// # Ok::<(), Error>(())
/// ```
pub fn auroc(truth: &[bool], scores: &[f64]) -> Result<f64, Error> {
    check_scores(truth, scores)?;
    auroc_of_class(truth, scores, 1)
}

/// Mean over the classes of the area under the ROC curve of this class against the rest.
///
/// `rows` has one score per class for each example. Unlike in scikit-learn they need not sum to 1.
///
/// # Errors
/// No example, another number of rows than of truths, a label that is not below `classes`, a row that is not
/// `classes` long, a score that is not finite, or [`Error::Undefined`] when a class has no example or all of them.
pub fn auroc_ovr_macro<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Result<f64, Error> {
    one_vs_rest(truth, rows, classes, auroc_of_class)
}

/// Average precision of one score per example: the sum over thresholds of precision times the recall gained there.
///
/// Nothing is interpolated. Without any positive example it is 0, as in scikit-learn (which warns).
///
/// # Errors
/// No example, another number of scores than of truths, or a score that is not finite.
///
/// ```
/// use minim_metrics::ranking::average_precision;
///
/// let found = average_precision(&[true, false, true], &[0.9, 0.8, 0.7])?;
/// assert_eq!(found, 0.5 * 1.0 + 0.5 * (2.0 / 3.0));
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn average_precision(truth: &[bool], scores: &[f64]) -> Result<f64, Error> {
    check_scores(truth, scores)?;
    Ok(step_integral(truth, scores))
}

/// Mean over the classes of the average precision of this class against the rest; a class without an example counts 0.
///
/// `rows` has one score per class for each example.
///
/// # Errors
/// No example, another number of rows than of truths, a label that is not below `classes`, a row that is not
/// `classes` long, or a score that is not finite.
pub fn average_precision_macro<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Result<f64, Error> {
    one_vs_rest(truth, rows, classes, |truth, scores, _| Ok(step_integral(truth, scores)))
}

/// Positives and negatives that share one score.
pub(crate) struct Tie {
    pub(crate) score: f64,
    pub(crate) positives: usize,
    pub(crate) negatives: usize,
}

/// The distinct scores from low to high.
pub(crate) fn ties(truth: &[bool], scores: &[f64]) -> Vec<Tie> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Compared by `==`, not by the total order, so that -0 and 0 tie.
    let tie = |group: &[(f64, bool)]| {
        let positives = group.iter().filter(|(_, positive)| *positive).count();
        Tie { score: group[0].0, positives, negatives: group.len() - positives }
    };
    order.chunk_by(|a, b| a.0 == b.0).map(tie).collect()
}

fn auroc_of_class(truth: &[bool], scores: &[f64], class: usize) -> Result<f64, Error> {
    let positives = truth.iter().filter(|positive| **positive).count();
    let negatives = truth.len() - positives;
    let undefined = |missing| Error::Undefined { metric: "AUROC", class, missing };
    if positives == 0 {
        return Err(undefined("positive"));
    }
    if negatives == 0 {
        return Err(undefined("negative"));
    }
    let (mut negatives_below, mut doubled_wins) = (0, 0);
    for tie in ties(truth, scores) {
        doubled_wins += tie.positives * (2 * negatives_below + tie.negatives);
        negatives_below += tie.negatives;
    }
    Ok(doubled_wins as f64 / (2 * positives * negatives) as f64)
}

fn step_integral(truth: &[bool], scores: &[f64]) -> f64 {
    let (mut found, mut taken, mut sum) = (0, 0, 0.0);
    for tie in ties(truth, scores).iter().rev() {
        found += tie.positives;
        taken += tie.positives + tie.negatives;
        sum += tie.positives as f64 * (found as f64 / taken as f64);
    }
    if found == 0 { 0.0 } else { sum / found as f64 }
}

fn one_vs_rest<R: AsRef<[f64]>>(
    truth: &[usize],
    rows: &[R],
    classes: usize,
    metric: impl Fn(&[bool], &[f64], usize) -> Result<f64, Error>,
) -> Result<f64, Error> {
    check_rows(truth, rows, classes)?;
    let mut sum = 0.0;
    for class in 0..classes {
        let positive: Vec<bool> = truth.iter().map(|&label| label == class).collect();
        let scores: Vec<f64> = rows.iter().map(|row| row.as_ref()[class]).collect();
        sum += metric(&positive, &scores, class)?;
    }
    Ok(sum / classes as f64)
}

pub(crate) fn check_rows<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Result<(), Error> {
    check_counts(truth.len(), rows.len())?;
    check_labels("truth", truth, classes)?;
    for (row, scores) in rows.iter().map(AsRef::as_ref).enumerate() {
        if scores.len() != classes {
            return Err(Error::RowLength { row, found: scores.len(), classes });
        }
        if let Some(class) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::NotFinite { example: row, class });
        }
    }
    Ok(())
}

pub(crate) fn check_scores(truth: &[bool], scores: &[f64]) -> Result<(), Error> {
    check_counts(truth.len(), scores.len())?;
    match scores.iter().position(|score| !score.is_finite()) {
        Some(example) => Err(Error::NotFinite { example, class: 1 }),
        None => Ok(()),
    }
}

pub(crate) fn check_counts(truth: usize, predicted: usize) -> Result<(), Error> {
    if truth != predicted {
        return Err(Error::LengthsDiffer { what: "examples", truth, predicted });
    }
    if truth == 0 { Err(Error::Empty { what: "example" }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named() {
        assert_eq!(auroc(&[], &[]), Err(Error::Empty { what: "example" }));
        let lengths = Error::LengthsDiffer { what: "examples", truth: 1, predicted: 2 };
        assert_eq!(average_precision(&[true], &[0.1, 0.2]), Err(lengths));
        for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let not_finite = Err(Error::NotFinite { example: 1, class: 1 });
            assert_eq!(auroc(&[true, false], &[0.5, score]), not_finite);
            assert_eq!(average_precision(&[true, false], &[0.5, score]), not_finite);
            let rows = [[0.5, 0.5], [score, 0.5]];
            assert_eq!(auroc_ovr_macro(&[0, 1], &rows, 2), Err(Error::NotFinite { example: 1, class: 0 }));
        }
        let short = [vec![0.5, 0.5], vec![1.0]];
        assert_eq!(auroc_ovr_macro(&[0, 1], &short, 2), Err(Error::RowLength { row: 1, found: 1, classes: 2 }));
        let label = average_precision_macro(&[0, 2], &[[0.5, 0.5]; 2], 2);
        assert!(matches!(label, Err(Error::LabelOutOfRange { position: 1, label: 2, .. })));
    }

    #[test]
    fn an_undefined_score_says_what_is_missing() {
        let undefined = |class, missing| Err(Error::Undefined { metric: "AUROC", class, missing });
        assert_eq!(auroc(&[false], &[0.5]), undefined(1, "positive"));
        assert_eq!(auroc(&[true], &[0.5]), undefined(1, "negative"));
        assert_eq!(auroc_ovr_macro(&[0, 1], &[[0.2, 0.3, 0.5]; 2], 3), undefined(2, "positive"));
        let message = auroc(&[true], &[0.5]).map_err(|error| error.to_string());
        assert_eq!(message, Err("AUROC of class 1 is undefined: no negative example".to_owned()));
    }

    #[test]
    fn two_classes_one_vs_rest_are_the_binary_score() {
        let positive = [0.25, 0.75, 0.5, 0.5, 0.125];
        let rows: Vec<[f64; 2]> = positive.iter().map(|p| [1.0 - p, *p]).collect();
        let binary = auroc(&[false, true, false, true, true], &positive);
        assert_eq!(auroc_ovr_macro(&[0, 1, 0, 1, 1], &rows, 2), binary);
        assert_eq!(binary, Ok(3.5 / 6.0));
    }
}
