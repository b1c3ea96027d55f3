//! The points of the ROC curve and of the precision-recall curve, one per distinct score.
//!
//! Sources: `roc_curve(drop_intermediate=False)` and `precision_recall_curve` of scikit-learn. An example is predicted
//! positive where its score is at least the threshold.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::ranking::{check_scores, ties};

/// One point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The lowest score predicted positive; `None` at the first point, where none is (infinity in scikit-learn).
    pub threshold: Option<f64>,
    /// Of the negatives, the share predicted positive: 1 - specificity.
    pub false_positive_rate: f64,
    /// Of the positives, the share predicted positive: sensitivity.
    pub true_positive_rate: f64,
}

/// One point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallPoint {
    /// The lowest score predicted positive; `None` at the last point, where none is.
    pub threshold: Option<f64>,
    /// Of those predicted positive, the share that is; 1 at the last point.
    pub precision: f64,
    /// Of the positives, the share predicted positive.
    pub recall: f64,
}

/// What a threshold decides; the counts are of examples that score at least as high.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) threshold: f64,
    pub(crate) true_positives: usize,
    pub(crate) false_positives: usize,
}

/// One cut per distinct score, from the highest to the lowest, and so from few predicted positives to all.
///
/// # Errors
/// As `ranking::auroc`, in the name of `metric`.
pub(crate) fn cuts(metric: &'static str, truth: &[bool], scores: &[f64]) -> Result<Vec<Cut>, Error> {
    check_scores(truth, scores)?;
    let undefined = |missing| Error::Undefined { metric, class: 1, missing };
    if !truth.contains(&true) {
        return Err(undefined("positive"));
    }
    if !truth.contains(&false) {
        return Err(undefined("negative"));
    }
    let (mut true_positives, mut false_positives) = (0, 0);
    let cut = |tie: crate::ranking::Tie| {
        true_positives += tie.positives;
        false_positives += tie.negatives;
        Cut { threshold: tie.score, true_positives, false_positives }
    };
    Ok(ties(truth, scores).into_iter().rev().map(cut).collect())
}

/// The ROC curve from (0, 0), where nothing is predicted positive, to (1, 1).
///
/// # Errors
/// As [`ranking::auroc`](crate::ranking::auroc).
///
/// ```
/// use minim_metrics::curve::roc;
///
/// let points = roc(&[false, true, false, true], &[0.1, 0.4, 0.4, 0.8])?;
/// let rates: Vec<(f64, f64)> = points.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
/// assert_eq!(rates, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn roc(truth: &[bool], scores: &[f64]) -> Result<Vec<RocPoint>, Error> {
    let cuts = cuts("ROC curve", truth, scores)?;
    let positives = truth.iter().filter(|positive| **positive).count();
    let negatives = truth.len() - positives;
    let first = RocPoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    let point = |cut: Cut| RocPoint {
        threshold: Some(cut.threshold),
        false_positive_rate: cut.false_positives as f64 / negatives as f64,
        true_positive_rate: cut.true_positives as f64 / positives as f64,
    };
    Ok(std::iter::once(first).chain(cuts.into_iter().map(point)).collect())
}

/// The precision-recall curve from the lowest threshold, where everything is predicted positive, to (1, 0), where nothing
/// is.
///
/// # Errors
/// As [`ranking::auroc`](crate::ranking::auroc). scikit-learn takes data of one class here and warns.
pub fn precision_recall(truth: &[bool], scores: &[f64]) -> Result<Vec<PrecisionRecallPoint>, Error> {
    let cuts = cuts("precision-recall curve", truth, scores)?;
    let positives = truth.iter().filter(|positive| **positive).count();
    let point = |cut: &Cut| PrecisionRecallPoint {
        threshold: Some(cut.threshold),
        precision: cut.true_positives as f64 / (cut.true_positives + cut.false_positives) as f64,
        recall: cut.true_positives as f64 / positives as f64,
    };
    let last = PrecisionRecallPoint { threshold: None, precision: 1.0, recall: 0.0 };
    Ok(cuts.iter().rev().map(point).chain([last]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_has_no_curve() {
        let undefined = |metric, missing| Error::Undefined { metric, class: 1, missing };
        assert_eq!(roc(&[true], &[0.5]), Err(undefined("ROC curve", "negative")));
        assert_eq!(precision_recall(&[false], &[0.5]), Err(undefined("precision-recall curve", "positive")));
        assert_eq!(roc(&[true], &[f64::NAN]), Err(Error::NotFinite { example: 0, class: 1 }));
    }
}
