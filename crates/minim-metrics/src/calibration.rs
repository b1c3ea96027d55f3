//! Whether probabilities mean what they say: Brier score, expected calibration error, calibration slope and intercept.
//!
//! Sources: Brier (1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2), `brier_score_loss` and
//! `calibration_curve` of scikit-learn; Guo and others (2017, arXiv:1706.04599) for the expected calibration error; Cox
//! (1958, doi:10.1093/biomet/45.3-4.562) and Van Calster and others (2019, doi:10.1186/s12916-019-1466-7) for slope and
//! intercept ([`slope_and_intercept`], [`in_the_large`]).
//!
//! ```
//! use minim_metrics::calibration::{Bins, brier, ece};
//!
//! let (truth, probabilities) = ([true, false, true, false], [0.75, 0.25, 0.75, 0.75]);
//! assert_eq!(brier(&truth, &probabilities)?, (3.0 * 0.0625 + 0.5625) / 4.0);
//! // At 0.75 two of three are positive, at 0.25 none of one.
//! let expected = (3.0 * (0.75 - 2.0 / 3.0) + 1.0 * 0.25) / 4.0;
//! assert!((ece(&truth, &probabilities, Bins::Uniform(2))? - expected).abs() < 1e-12);
//! # Ok::<(), minim_metrics::Error>(())
//! ```

mod logistic;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::quantile::quantile;
use crate::ranking::{check_counts, check_rows};

pub use logistic::{Logistic, in_the_large, slope_and_intercept};

/// Rows of probabilities come from single-precision, or even half-precision, models: how far their sum may be from 1.
const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// How probabilities between 0 and 1 are put into bins; an edge belongs to the bin below it, 0 to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bins {
    /// This many bins of equal width; 10 or 15 are usual.
    Uniform(usize),
    /// This many bins of nearly equal counts, their edges at quantiles of the probabilities.
    Quantile(usize),
}

/// One point of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Examples in the bin, at least 1.
    pub examples: usize,
    /// Mean of their probabilities.
    pub predicted: f64,
    /// The share of them that is positive.
    pub observed: f64,
}

/// Mean squared distance of the probability of the positive class from what was true; 0 is best, 0.25 is what always
/// saying one half gives.
///
/// # Errors
/// No example, another number of probabilities than of truths, or one that is not from 0 to 1.
pub fn brier(truth: &[bool], probabilities: &[f64]) -> Result<f64, Error> {
    check_probabilities(truth.len(), probabilities)?;
    let squared = |(&truth, probability): (&bool, &f64)| (probability - number(truth)).powi(2);
    Ok(truth.iter().zip(probabilities).map(squared).sum::<f64>() / truth.len() as f64)
}

/// The Brier score over several classes: the squared distances summed over the classes, from 0 to 2, and halved where
/// there are two classes, which makes it [`brier`] (`scale_by_half="auto"` in scikit-learn).
///
/// # Errors
/// No example, another number of rows than of truths, a label that is not below `classes`, a row that is not `classes`
/// long, a probability that is not from 0 to 1, or a row whose sum is not 1 within 0.001.
pub fn brier_multiclass<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Result<f64, Error> {
    check_distributions(truth, rows, classes)?;
    let distance = |(&truth, row): (&usize, &R)| {
        let squared = |(class, probability): (usize, &f64)| (probability - number(class == truth)).powi(2);
        row.as_ref().iter().enumerate().map(squared).sum::<f64>()
    };
    let scale = if classes < 3 { 0.5 } else { 1.0 };
    Ok(scale * truth.iter().zip(rows).map(distance).sum::<f64>() / truth.len() as f64)
}

/// The reliability diagram of the probability of the positive class: the bins that hold an example, from low to high.
///
/// The means are those of `calibration_curve` of scikit-learn.
///
/// # Errors
/// No bin, no example, another number of probabilities than of truths, or one that is not from 0 to 1.
pub fn reliability(truth: &[bool], probabilities: &[f64], bins: Bins) -> Result<Vec<Bin>, Error> {
    let places = assign(truth, probabilities, bins)?;
    let mut sums = vec![(0_usize, 0.0, 0_usize); count(bins)];
    for ((&place, &truth), probability) in places.iter().zip(truth).zip(probabilities) {
        let (examples, sum, positives) = &mut sums[place];
        *examples += 1;
        *sum += probability;
        *positives += usize::from(truth);
    }
    let bin = |(examples, sum, positives): (usize, f64, usize)| Bin {
        examples,
        predicted: sum / examples as f64,
        observed: positives as f64 / examples as f64,
    };
    Ok(sums.into_iter().filter(|(examples, ..)| *examples > 0).map(bin).collect())
}

/// The expected calibration error of the probability of the positive class: the mean over the examples of how far the
/// mean probability of their bin is from the share of positives in it.
///
/// It depends on the bins: two models compare only over the same ones.
///
/// # Errors
/// As [`reliability`].
pub fn ece(truth: &[bool], probabilities: &[f64], bins: Bins) -> Result<f64, Error> {
    let bins = reliability(truth, probabilities, bins)?;
    let gap = |bin: &Bin| bin.examples as f64 * (bin.predicted - bin.observed).abs();
    Ok(bins.iter().map(gap).sum::<f64>() / truth.len() as f64)
}

/// The expected calibration error over several classes, as Guo and others have it: of the highest probability of each
/// row, against whether its class (the first of equals) is the true one.
///
/// # Errors
/// As [`brier_multiclass`], and no bin.
pub fn ece_top_label<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize, bins: Bins) -> Result<f64, Error> {
    check_distributions(truth, rows, classes)?;
    let top = |row: &R| {
        let first = (0, f64::NEG_INFINITY);
        let classes = row.as_ref().iter().copied().enumerate();
        classes.fold(first, |best, (class, probability)| if probability > best.1 { (class, probability) } else { best })
    };
    let tops = rows.iter().map(top);
    let (right, confidences): (Vec<bool>, Vec<f64>) =
        tops.zip(truth).map(|((class, confidence), &truth)| (class == truth, confidence)).unzip();
    ece(&right, &confidences, bins)
}

/// The bin of each example.
pub(crate) fn assign(truth: &[bool], probabilities: &[f64], bins: Bins) -> Result<Vec<usize>, Error> {
    check_probabilities(truth.len(), probabilities)?;
    let count = count(bins);
    if count == 0 {
        return Err(Error::Empty { what: "bin" });
    }
    // The edges between bins, by the arithmetic of `numpy.linspace`: an example on an edge must fall on the same side.
    let step = 1.0 / count as f64;
    let shares = (1..count).map(|edge| edge as f64 * step);
    let edges: Vec<f64> = match bins {
        Bins::Uniform(_) => shares.collect(),
        Bins::Quantile(_) => {
            let mut sorted = probabilities.to_vec();
            sorted.sort_by(f64::total_cmp);
            // Times 100 and back, as scikit-learn and NumPy do with percentiles.
            shares.map(|share| quantile(&sorted, share * 100.0 / 100.0)).collect()
        }
    };
    Ok(probabilities.iter().map(|probability| edges.partition_point(|edge| edge < probability)).collect())
}

fn count(bins: Bins) -> usize {
    let (Bins::Uniform(count) | Bins::Quantile(count)) = bins;
    count
}

fn number(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

pub(crate) fn check_probabilities(truth: usize, probabilities: &[f64]) -> Result<(), Error> {
    check_counts(truth, probabilities.len())?;
    match probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
        Some(example) => Err(Error::NotProbability { example, class: 1 }),
        None => Ok(()),
    }
}

fn check_distributions<R: AsRef<[f64]>>(truth: &[usize], rows: &[R], classes: usize) -> Result<(), Error> {
    check_rows(truth, rows, classes)?;
    for (row, probabilities) in rows.iter().map(AsRef::as_ref).enumerate() {
        if let Some(class) = probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
            return Err(Error::NotProbability { example: row, class });
        }
        if (probabilities.iter().sum::<f64>() - 1.0).abs() > ROW_SUM_TOLERANCE {
            return Err(Error::RowSum { row });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_named() {
        for probability in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let wrong = Err(Error::NotProbability { example: 1, class: 1 });
            assert_eq!(brier(&[true, false], &[0.5, probability]), wrong);
            assert_eq!(ece(&[true, false], &[0.5, probability], Bins::Uniform(10)), wrong);
        }
        assert_eq!(brier(&[], &[]), Err(Error::Empty { what: "example" }));
        assert_eq!(ece(&[true], &[0.5], Bins::Quantile(0)), Err(Error::Empty { what: "bin" }));
        let rows = [[0.5, 0.5], [0.7, 0.7]];
        assert_eq!(brier_multiclass(&[0, 1], &rows, 2), Err(Error::RowSum { row: 1 }));
        let negative = [[1.5, -0.5]];
        let wrong = Err(Error::NotProbability { example: 0, class: 0 });
        assert_eq!(ece_top_label(&[0], &negative, 2, Bins::Uniform(5)), wrong);
    }

    #[test]
    fn an_edge_belongs_to_the_bin_below() {
        let probabilities = [0.0, 0.25, 0.5, 0.75, 1.0];
        let places = assign(&[true; 5], &probabilities, Bins::Uniform(4));
        assert_eq!(places, Ok(vec![0, 0, 1, 2, 3]));
    }
}
