//! From a ranking to decisions: the threshold that gives a wished sensitivity or positive predictive value.
//!
//! Choose the threshold on the validation split and apply it to the test split with [`at`]: on the split where it was
//! chosen the wish is met by construction, and says nothing about new patients.
//!
//! ```
//! use minim_metrics::operating_point::{at, for_sensitivity};
//!
//! let validation = for_sensitivity(&[false, true, false, true, true], &[0.1, 0.3, 0.4, 0.6, 0.9], 0.66)?;
//! assert_eq!(validation.threshold, 0.6);
//! let test = at(&[true, false, true], &[0.7, 0.65, 0.2], validation.threshold)?;
//! assert_eq!((test.rates.sensitivity, test.rates.ppv), (Some(0.5), Some(0.5)));
//! # Ok::<(), minim_metrics::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::classification::{Counts, Rates};
use crate::curve::{Cut, cuts};
use crate::ranking::check_scores;

/// A threshold and what it decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// An example is predicted positive where its score is at least this.
    pub threshold: f64,
    /// Examples by truth and decision.
    pub counts: Counts,
    /// Sensitivity, specificity, PPV and NPV.
    pub rates: Rates,
}

/// What `threshold` decides.
///
/// # Errors
/// No example, another number of scores than of truths, or a score or threshold that is not finite.
pub fn at(truth: &[bool], scores: &[f64], threshold: f64) -> Result<OperatingPoint, Error> {
    check_scores(truth, scores)?;
    if !threshold.is_finite() {
        return Err(Error::OutOfRange { what: "threshold", expected: "a finite number" });
    }
    let (mut true_positives, mut false_positives) = (0, 0);
    for (&truth, &score) in truth.iter().zip(scores) {
        true_positives += usize::from(truth && score >= threshold);
        false_positives += usize::from(!truth && score >= threshold);
    }
    Ok(point(truth, Cut { threshold, true_positives, false_positives }))
}

/// The highest threshold with at least this sensitivity (recall), and so the best specificity that it can be had with.
///
/// Thresholds are scores of the data.
///
/// # Errors
/// A wish that is not above 0 and at most 1, and as [`ranking::auroc`](crate::ranking::auroc).
pub fn for_sensitivity(truth: &[bool], scores: &[f64], wished: f64) -> Result<OperatingPoint, Error> {
    check_wish("wished sensitivity", wished)?;
    let cuts = cuts("sensitivity", truth, scores)?;
    let positives = truth.iter().filter(|positive| **positive).count();
    // The lowest threshold has sensitivity 1: there always is one.
    let enough = |cut: &&Cut| cut.true_positives as f64 / positives as f64 >= wished;
    match cuts.iter().find(enough) {
        Some(cut) => Ok(point(truth, *cut)),
        None => Err(Error::Unreachable { measure: "sensitivity", hits: positives, of: positives }),
    }
}

/// Of the thresholds with at least this positive predictive value (precision), the one with the highest sensitivity; of
/// several of those the highest threshold, which has the best PPV.
///
/// Thresholds are scores of the data.
///
/// # Errors
/// A wish that is not above 0 and at most 1, [`Error::Unreachable`] where no threshold has this PPV, and as
/// [`ranking::auroc`](crate::ranking::auroc).
pub fn for_ppv(truth: &[bool], scores: &[f64], wished: f64) -> Result<OperatingPoint, Error> {
    check_wish("wished PPV", wished)?;
    let cuts = cuts("PPV", truth, scores)?;
    let ppv = |cut: &Cut| cut.true_positives as f64 / (cut.true_positives + cut.false_positives) as f64;
    // The cuts run from high to low thresholds, and true positives only grow: keep the first of equals.
    let better = |best: Option<Cut>, cut: &Cut| match best {
        Some(best) if best.true_positives >= cut.true_positives => Some(best),
        _ => Some(*cut),
    };
    match cuts.iter().filter(|cut| ppv(cut) >= wished).fold(None, better) {
        Some(cut) => Ok(point(truth, cut)),
        None => {
            let best = cuts.iter().max_by(|a, b| ppv(a).total_cmp(&ppv(b)));
            let (hits, of) = best.map_or((0, 0), |cut| (cut.true_positives, cut.true_positives + cut.false_positives));
            Err(Error::Unreachable { measure: "PPV", hits, of })
        }
    }
}

fn point(truth: &[bool], cut: Cut) -> OperatingPoint {
    let positives = truth.iter().filter(|positive| **positive).count();
    let counts = Counts {
        true_positives: cut.true_positives,
        false_positives: cut.false_positives,
        false_negatives: positives - cut.true_positives,
        true_negatives: truth.len() - positives - cut.false_positives,
    };
    OperatingPoint { threshold: cut.threshold, counts, rates: counts.rates() }
}

fn check_wish(what: &'static str, wished: f64) -> Result<(), Error> {
    let inside = wished > 0.0 && wished <= 1.0;
    if inside { Ok(()) } else { Err(Error::OutOfRange { what, expected: "above 0 and at most 1" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [bool; 6] = [true, false, true, false, true, false];
    const SCORES: [f64; 6] = [0.9, 0.8, 0.7, 0.6, 0.6, 0.1];

    #[test]
    fn wishes_out_of_range_are_named() {
        for wished in [0.0, -0.5, 1.5, 95.0, f64::NAN] {
            assert!(matches!(for_sensitivity(&TRUTH, &SCORES, wished), Err(Error::OutOfRange { .. })));
            assert!(matches!(for_ppv(&TRUTH, &SCORES, wished), Err(Error::OutOfRange { .. })));
        }
        assert!(matches!(at(&TRUTH, &SCORES, f64::INFINITY), Err(Error::OutOfRange { .. })));
        let one_class = for_ppv(&[true, true], &[0.1, 0.2], 0.5);
        assert_eq!(one_class, Err(Error::Undefined { metric: "PPV", class: 1, missing: "negative" }));
    }

    #[test]
    fn a_ppv_that_no_threshold_has_says_the_best() {
        let reversed = for_ppv(&[false, true, false, true], &[0.9, 0.8, 0.7, 0.6], 0.75);
        assert_eq!(reversed, Err(Error::Unreachable { measure: "PPV", hits: 2, of: 4 }));
    }

    #[test]
    fn the_most_sensitive_of_the_precise_enough_is_taken() {
        // PPV from the top: 1, 1/2, 2/3, 3/5, 1/2; sensitivity: 1/3, 1/3, 2/3, 1, 1.
        let thresholds = [(1.0, 0.9), (0.66, 0.7), (0.6, 0.6), (0.5, 0.6)];
        for (wished, threshold) in thresholds {
            assert_eq!(for_ppv(&TRUTH, &SCORES, wished).unwrap().threshold, threshold, "{wished}");
        }
    }

    #[test]
    fn beyond_all_scores_nothing_is_predicted() {
        let none = at(&TRUTH, &SCORES, 2.0).unwrap();
        assert_eq!(none.rates.ppv, None);
        assert_eq!((none.rates.sensitivity, none.rates.npv), (Some(0.0), Some(0.5)));
    }
}
