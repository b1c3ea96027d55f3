//! Calibration slope and intercept: logistic regression of the truth on the logit of the probability, without penalty.
//!
//! Newton's method with halved steps. The likelihood is concave, and where it has a maximum (the classes overlap, which is
//! checked first) the method finds it. The tests compare with scikit-learn to 1e-6: both iterate, and stop where the
//! gradient is small, so that the last digits depend on when; near a flat maximum a gradient of 1e-10 leaves about 1e-8.

use serde::{Deserialize, Serialize};

use super::check_probabilities;
use crate::Error;

/// Probabilities are moved this far away from 0 and 1, where the logit is infinite: half the spacing of single-precision
/// numbers below 1, which is as near as a model's probability gets to 1 without being 1.
const MARGIN: f64 = f32::EPSILON as f64 / 2.0;

/// Steps until the fit is given up; some ten are usual.
const MAX_STEPS: usize = 100;

/// `logit P(positive) = intercept + slope * logit(probability)`, fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// 1 for calibrated probabilities; below 1 where they are too extreme, as after overfitting.
    pub slope: f64,
    /// 0 for calibrated probabilities. Fitted together with the slope: see [`in_the_large`] for the one without.
    pub intercept: f64,
}

/// Calibration slope and intercept of the probability of the positive class.
///
/// Equals `LogisticRegression(penalty=None)` of scikit-learn on the logits. Probabilities below 2^-24 or above 1 - 2^-24
/// are taken for these.
///
/// # Errors
/// No example, another number of probabilities than of truths, one that is not from 0 to 1, [`Error::Undefined`] with one
/// class only, [`Error::Separable`] where no positive has a lower probability than some negative or the other way round,
/// and [`Error::NotConverged`].
///
/// ```
/// use minim_metrics::calibration::slope_and_intercept;
///
/// // Of ten at 0.2 two are positive, of ten at 0.8 eight: calibrated.
/// let probabilities = [[0.2; 10], [0.8; 10]].concat();
/// let truth: Vec<bool> = (0..20).map(|example| matches!(example, 0..2 | 12..20)).collect();
/// let found = slope_and_intercept(&truth, &probabilities)?;
/// assert!((found.slope - 1.0).abs() < 1e-9 && found.intercept.abs() < 1e-9);
/// # Ok::<(), minim_metrics::Error>(())
/// ```
pub fn slope_and_intercept(truth: &[bool], probabilities: &[f64]) -> Result<Logistic, Error> {
    check(truth, probabilities)?;
    let logits: Vec<f64> = probabilities.iter().copied().map(logit).collect();
    let range = |class: bool| {
        let of_class = truth.iter().zip(&logits).filter(move |(truth, _)| **truth == class).map(|(_, logit)| *logit);
        of_class.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), logit| (low.min(logit), high.max(logit)))
    };
    let ((low_negative, high_negative), (low_positive, high_positive)) = (range(false), range(true));
    if high_negative <= low_positive || high_positive <= low_negative {
        return Err(Error::Separable);
    }
    // Centred and scaled, so that the two parameters hardly depend on each other.
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    let spread = (logits.iter().map(|logit| (logit - mean).powi(2)).sum::<f64>() / logits.len() as f64).sqrt();
    let scaled: Vec<f64> = logits.iter().map(|logit| (logit - mean) / spread).collect();
    let [at_mean, slope] = maximise("calibration slope", truth, |[intercept, slope], example| {
        (intercept + slope * scaled[example], [1.0, scaled[example]])
    })?;
    let slope = slope / spread;
    Ok(Logistic { slope, intercept: at_mean - slope * mean })
}

/// Calibration in the large: the intercept where the slope is held at 1. Above 0 the probabilities are too low on the
/// whole, below 0 too high.
///
/// # Errors
/// As [`slope_and_intercept`], but classes that do not overlap are fine.
pub fn in_the_large(truth: &[bool], probabilities: &[f64]) -> Result<f64, Error> {
    check(truth, probabilities)?;
    let logits: Vec<f64> = probabilities.iter().copied().map(logit).collect();
    let [intercept] =
        maximise("calibration in the large", truth, |[intercept], example| (intercept + logits[example], [1.0]))?;
    Ok(intercept)
}

fn check(truth: &[bool], probabilities: &[f64]) -> Result<(), Error> {
    check_probabilities(truth.len(), probabilities)?;
    let undefined = |missing| Error::Undefined { metric: "calibration", class: 1, missing };
    match (truth.contains(&true), truth.contains(&false)) {
        (true, true) => Ok(()),
        (true, false) => Err(undefined("negative")),
        _ => Err(undefined("positive")),
    }
}

fn logit(probability: f64) -> f64 {
    let inside = probability.clamp(MARGIN, 1.0 - MARGIN);
    (inside / (1.0 - inside)).ln()
}

/// The parameters where the mean log-likelihood is highest. `linear` gives an example's log-odds and their gradient.
fn maximise<const N: usize>(
    what: &'static str,
    truth: &[bool],
    linear: impl Fn([f64; N], usize) -> (f64, [f64; N]),
) -> Result<[f64; N], Error> {
    let examples = truth.len() as f64;
    let likelihood = |at: [f64; N]| {
        let of = |(example, &truth): (usize, &bool)| {
            let (odds, _) = linear(at, example);
            let against = if truth { -odds } else { odds };
            // -ln(1 + exp(against)), without overflow.
            -(against.max(0.0) + (-against.abs()).exp().ln_1p())
        };
        truth.iter().enumerate().map(of).sum::<f64>() / examples
    };
    let mut at = [0.0; N];
    let mut best = likelihood(at);
    for _ in 0..MAX_STEPS {
        let (mut gradient, mut curvature) = ([0.0; N], [[0.0; N]; N]);
        for (example, &truth) in truth.iter().enumerate() {
            let (odds, direction) = linear(at, example);
            let probability = 1.0 / (1.0 + (-odds).exp());
            let miss = super::number(truth) - probability;
            let weight = probability * (1.0 - probability);
            for row in 0..N {
                gradient[row] += miss * direction[row] / examples;
                for column in 0..N {
                    curvature[row][column] += weight * direction[row] * direction[column] / examples;
                }
            }
        }
        let Some(step) = solve(curvature, gradient) else { break };
        let decrement: f64 = step.iter().zip(&gradient).map(|(step, slope)| step * slope).sum();
        let moved = |share: f64| std::array::from_fn(|index| at[index] + share * step[index]);
        // Half the decrement is how much likelihood is left to gain: what is below rounding needs no further look.
        if decrement < 1e-18 {
            return Ok(moved(1.0));
        }
        let mut share = 1.0;
        loop {
            let next = likelihood(moved(share));
            if next >= best || decrement * share < 1e-15 {
                (at, best) = (moved(share), next);
                break;
            }
            share /= 2.0;
        }
    }
    Err(Error::NotConverged { what, iterations: MAX_STEPS })
}

/// Solves the linear equations of a positive definite matrix by Cholesky's method; `None` where it is not.
fn solve<const N: usize>(matrix: [[f64; N]; N], right: [f64; N]) -> Option<[f64; N]> {
    let (mut lower, mut found) = ([[0.0; N]; N], right);
    for row in 0..N {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
            let rest = matrix[row][column] - known;
            lower[row][column] = if row == column { rest.sqrt() } else { rest / lower[column][column] };
        }
        // The root of a negative number is NaN.
        if lower[row][row].is_nan() || lower[row][row] == 0.0 {
            return None;
        }
    }
    for row in 0..N {
        let known: f64 = (0..row).map(|k| lower[row][k] * found[k]).sum();
        found[row] = (found[row] - known) / lower[row][row];
    }
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|k| lower[k][row] * found[k]).sum();
        found[row] = (found[row] - known) / lower[row][row];
    }
    found.iter().all(|value| value.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_maximum_is_refused() {
        let separable = Err(Error::Separable);
        assert_eq!(slope_and_intercept(&[false, true], &[0.2, 0.8]), separable);
        assert_eq!(slope_and_intercept(&[true, false], &[0.2, 0.8]), separable);
        // One probability for all, and classes that touch in one.
        assert_eq!(slope_and_intercept(&[true, false, true], &[0.3; 3]), separable);
        assert_eq!(slope_and_intercept(&[false, false, true, true], &[0.2, 0.5, 0.5, 0.8]), separable);
        let undefined = |missing| Err(Error::Undefined { metric: "calibration", class: 1, missing });
        assert_eq!(slope_and_intercept(&[true; 3], &[0.2, 0.5, 0.9]), undefined("negative"));
        assert_eq!(
            in_the_large(&[false; 2], &[0.2, 0.5]),
            Err(Error::Undefined { metric: "calibration", class: 1, missing: "positive" })
        );
    }

    #[test]
    fn a_shift_of_all_logits_is_the_intercept() {
        let probabilities = [[0.2; 10], [0.8; 10]].concat();
        let truth: Vec<bool> = (0..20).map(|example| matches!(example, 0..2 | 12..20)).collect();
        let shifted: Vec<f64> = probabilities.iter().map(|p| 1.0 / (1.0 + (1.5 - logit(*p)).exp())).collect();
        let found = slope_and_intercept(&truth, &shifted).unwrap();
        assert!((found.slope - 1.0).abs() < 1e-9 && (found.intercept - 1.5).abs() < 1e-9, "{found:?}");
        assert!((in_the_large(&truth, &shifted).unwrap() - 1.5).abs() < 1e-9);
    }

    #[test]
    fn certain_and_wrong_has_a_finite_slope() {
        let found = slope_and_intercept(&[true, false, true, false], &[1.0, 0.0, 0.0, 1.0]).unwrap();
        assert!(found.slope.abs() < 1e-9 && found.intercept.abs() < 1e-9, "{found:?}");
        assert!(in_the_large(&[true, false, true], &[1.0, 1.0, 0.0]).unwrap().is_finite());
    }
}
